"""Every study at scale=paper: networks at full width against the fact sheet, and one true update of the real shape."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from ganrepro.assemble import module_of
from ganrepro.cells import cell_of, hydra_at
from ganrepro.data.images import ImageData, Images
from ganrepro.train import quiet_lightning

CONF = Path(__file__).parents[1] / "conf"

# study -> image shape, then each network's parameters as counted by hand from the sheet's layers.
SHEET: dict[str, tuple[tuple[int, int, int], dict[str, list[tuple[int, ...]]]]] = {
    "gan_mnist": (
        (1, 28, 28),
        {
            "generator": [(1200, 100), (1200,), (1200, 1200), (1200,), (784, 1200), (784,)],
            "discriminator": [(240 * 5, 784), (240 * 5,), (240 * 5, 240), (240 * 5,), (1, 240), (1,)],
        },
    ),
}
STUDIES = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


class OneUpdate(L.Callback):
    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        trainer.should_stop = True


@pytest.mark.parametrize("variant", ["authors_code", "as_printed"])
@pytest.mark.parametrize("study", STUDIES)
def test_full_width_and_one_update(study: str, variant: str) -> None:
    quiet_lightning()
    shape, sheet = SHEET[study]
    with hydra_at(CONF):
        config: dict[str, Any] = cell_of(
            [f"experiment={study}", "scale=paper", f"variant={variant}", "tick=1"], {}
        ).config
    pixels = torch.randint(0, 256, (200, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Images(pixels, torch.zeros(200, dtype=torch.int64))
    data = ImageData("random", split, split, split, value_range=config["data"]["value_range"])
    module = module_of(config, shape, 0, data.pixel_mean())
    for name, network in module.networks.items():
        assert [tuple(parameter.shape) for parameter in network.parameters()] == sheet[name]
    before = {name: parameter.clone() for name, parameter in module.named_parameters()}
    module.use_data(data)
    L.Trainer(
        accelerator="cpu", devices=1, max_epochs=1, logger=False, callbacks=[OneUpdate()],
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).fit(module, train_dataloaders=range(1))  # fmt: skip
    assert module.generator_updates == 1
    for name, parameter in module.named_parameters():
        assert parameter.isfinite().all()
        assert not torch.equal(parameter, before[name]), name
