"""Configurations drawn from the schema: what cannot be trained is said plainly before anything starts.

GANREPRO_CONFIGURATIONS says how many of each kind; `make acceptance` draws more.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from bad_words import possible, wrong
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ganrepro import cli, schema
from ganrepro.cells import cell_of, hydra_at
from ganrepro.data import standard

CONF = Path(__file__).parents[1] / "conf"
MANY = settings(
    max_examples=int(os.environ.get("GANREPRO_CONFIGURATIONS", "10")),
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # an example takes a second: shrinking one takes minutes
    suppress_health_check=list(HealthCheck),
)
STUDIES = ("gan_mnist", "dcgan_mnist_conditional", "tgan_toy", "gan_theory")
WHERE = ("runs", "resume", "data.root", "data.folder", "plan", "debug", "experiment", "scale", "hydra")
ABOUT = ("_target_", "study", "paper", "about", "input")  # what a file says of itself

Outcome = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Known:
    """keys: of each study, those whose values a user chooses. groups: the options of each."""

    keys: dict[str, list[str]]
    groups: dict[str, list[str]]


@pytest.fixture(scope="module")
def known() -> Known:
    with hydra_at(CONF):
        loader = GlobalHydra.instance().config_loader()
        groups = {
            group: loader.get_group_options(group)
            for group in loader.list_groups("")
            if not group.endswith("_of") and group not in WHERE and loader.get_group_options(group)
        }
        leaves = {study: schema.flatten(cell_of([f"experiment={study}"], {}).config) for study in STUDIES}
    keys = {
        study: [
            name
            for name in names
            if name not in WHERE and not any(name.startswith(about) or name.endswith(about) for about in ABOUT)
        ]
        for study, names in leaves.items()
    }
    return Known(keys, groups)


@pytest.fixture
def outcome(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """`outcome(words)`: what a command says of them, or "" where it would begin to train. No training, no network."""

    class Begun(BaseException):
        pass

    def begin(*_: object) -> None:
        raise Begun

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "carry_out", begin)
    monkeypatch.setattr(cli, "summarise", begin)
    monkeypatch.setattr(standard, "_fetch", lambda *_: "no network")

    def go(words: Sequence[str]) -> str:
        try:
            code = cli.guarded(CONF, [*words, "runs=runs"])
        except Begun:
            capsys.readouterr()
            return ""
        out, err = capsys.readouterr()
        assert code == cli.ERROR, (words, out)
        return err

    return go


def check_plain(said: str, words: Sequence[str]) -> None:
    assert said.startswith("error: "), words
    assert len(said.splitlines()) <= 3, (words, said)
    assert max(map(len, said.splitlines())) < 400, (words, said)
    assert not re.match(r"error: (\w+\.)*\w*(Error|Exception|Interrupt)\b", said), (words, said)
    assert "Traceback" not in said, (words, said)


@MANY
@given(st.data())
def test_a_wrong_word_is_said_and_nothing_starts(
    known: Known, outcome: Outcome, tmp_path: Path, data: st.DataObject
) -> None:
    study = data.draw(st.sampled_from(STUDIES))
    words = [f"experiment={study}", data.draw(wrong(known.keys[study], known.groups))]
    check_plain(outcome(words), words)
    assert not (tmp_path / "runs").exists()


@MANY
@given(st.data())
def test_words_that_are_right_alone_train_or_are_refused_plainly(
    known: Known, outcome: Outcome, data: st.DataObject
) -> None:
    study = data.draw(st.sampled_from(STUDIES))
    words = [f"experiment={study}", *data.draw(possible(known.keys[study], known.groups))]
    if said := outcome(words):
        check_plain(said, words)


@pytest.mark.parametrize(
    "words",
    [
        ["experiment=gan_mnist", "data.size=99999999999999999999"],
        ["experiment=gan_mnist", "network.generator.hidden=[99999999999999999999]"],
        ["experiment=gan_mnist", "network.generator.hidden=[9223372036854775807]"],
        ["experiment=dcgan_mnist_conditional", "network.generator.kernel=99999999999999999999"],
        ["experiment=gan_theory", "model=deligan"],
        ["experiment=dcgan_mnist_conditional", "labels=as_shipped"],
        ["experiment=gan_theory", "model=pixelcnn"],
        ["experiment=gan_mnist", "model=pixelcnn"],
    ],
)
def test_words_that_once_were_no_plain_errors(outcome: Outcome, words: list[str]) -> None:
    check_plain(outcome(words), words)
