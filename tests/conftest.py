"""Small true pieces for the tests: a few images, narrow networks, and the studies' configurations."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from ganrepro.cells import Cell, cell_of, hydra_at
from ganrepro.streams import stream

CONF = Path(__file__).parents[1] / "conf"

NARROW = [
    "latent.z.dim=6",
    "network.generator.hidden=[8]",
    "network.discriminator.units=[5]",
    "network.discriminator.pieces=2",
    "batch_size=10",
    "tick=2",
    "evaluate_every=4",
    "checkpoint_every=4",
    "updates=8",
    "seeds=[0]",
    "evaluation.samples=40",
    "evaluation.probe_images=20",
]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def conf() -> Iterator[Path]:
    """The configuration folder, with Hydra ready to compose from it."""
    with hydra_at(CONF):
        yield CONF


@pytest.fixture
def narrow(tmp_path: Path, conf: Path) -> Callable[..., Cell]:
    """`narrow("k=2", ...)`: a cell of gan_mnist on digits with networks of a few units, its runs in tmp_path."""

    def make(*overrides: str) -> Cell:
        return cell_of(["experiment=gan_mnist", f"runs={tmp_path / 'runs'}", *NARROW, *overrides], {})

    return make


@pytest.fixture
def narrow_words() -> list[str]:
    return NARROW


@pytest.fixture
def noise() -> torch.Generator:
    return stream(0, "test")
