"""Composition: every study, scale and variant; what departs from a study; what is refused before Hydra says it."""

import json
from itertools import product
from pathlib import Path

import pytest

from ganrepro import cells, schema
from ganrepro.cells import NOT_IDENTITY, cell_of, cells_of, hydra_at
from ganrepro.errors import UserError
from ganrepro.provenance import address_hash

CONF = Path(__file__).parents[1] / "conf"
STUDIES = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
VARIANTS = [
    (study, variant)
    for study in STUDIES
    for variant in ["authors_code", *sorted(path.stem for path in (CONF / "variant_of" / study).glob("*.yaml"))]
]


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize(
    ("study", "variant", "scale"),
    [(study, variant, scale) for (study, variant), scale in product(VARIANTS, ("laptop", "workstation", "paper"))],
)
def test_every_study_composes_and_departs_from_nothing(study: str, variant: str, scale: str) -> None:
    words = [f"experiment={study}", f"variant={variant}", f"scale={scale}"]
    for cell in cells_of(words, sweep=True):
        assert cell.config["study"] == study
        assert cell.departures == {}
        assert cell.label == scale
        assert cell.config["about"]
        assert scale == "paper" or cell.config["budget"], "every scale that overrides something says its budget"


def test_scale_files_set_values_only() -> None:
    """A group in one fails in Hydra, and values under data: or optimizer: would beat the command line's choice."""
    for path in (CONF / "scale_of").rglob("*.yaml"):
        keys = [line.split(":")[0] for line in path.read_text().splitlines() if line[:1].isalpha()]
        assert not {"defaults", "data", "optimizer", "loss", "latent", "network"} & set(keys), path


@pytest.mark.usefixtures("conf")
class TestDepartures:
    def one(self, *words: str) -> tuple[str, str, dict[str, str]]:
        [cell] = cells_of(["experiment=gan_mnist", *words], sweep=False)
        return cell.label, cell.name, cell.departures

    def test_a_default_typed_is_none(self) -> None:
        assert self.one("loss=gan", "batch_size=100", "k=1") == ("laptop", "default", {})

    def test_where_and_how_long_are_not_in_the_name(self) -> None:
        assert self.one("updates=9", "seeds=5", "logger=wandb", "runs=/tmp/x") == (
            "laptop (updates=9)", "default", {"updates": "9"},
        )  # fmt: skip

    def test_options_before_values(self) -> None:
        label, name, departures = self.one("optimizer=adam", "optimizer.lr=0.01", "batch_size=7")
        assert departures == {"optimizer": "adam", "batch_size": "7", "optimizer.lr": "0.01"}
        assert label == "laptop (optimizer=adam, batch_size=7, optimizer.lr=0.01)"
        assert name == "optimizer=adam,batch_size=7,optimizer.lr=0.01"

    def test_a_stand_in_that_is_not_named_is_another_cell(self) -> None:
        label, name, _ = self.one("data.stand_in_for=null")
        assert label == "laptop (data.stand_in_for=null)"
        assert name == "data.stand_in_for=null"

    def test_a_folder_is_in_the_name_but_not_in_the_address(self) -> None:
        words = ["experiment=gan_mnist", "data=image_folder"]
        [one], [other] = (cells_of([*words, f"data.folder={path}"], sweep=False) for path in ("b", "'/a/b'"))
        assert one.identity() == other.identity()
        assert one.label == "laptop (data=image_folder, data.folder=b)"
        assert one.name == other.name == "data=image_folder,data.folder=b"

    def test_variant_is_no_departure_but_in_the_name(self) -> None:
        assert self.one("variant=as_printed") == ("laptop", "as_printed", {})

    def test_as_printed_is_algorithm_1(self) -> None:
        [cell] = cells_of(["experiment=gan_mnist", "variant=as_printed"], sweep=False)
        assert (cell.config["update"], cell.config["z"]) == ("d_then_g", "fresh")
        assert cell.config["weight"] == {"generator": 1.0, "discriminator": 1.0}
        assert cell.config["loss"]["_target_"].endswith("Saturating")


@pytest.mark.usefixtures("conf")
def test_the_address_ignores_what_changes_nothing_and_nothing_else() -> None:
    def address(*words: str) -> str:
        [cell] = cells_of(["experiment=gan_mnist", *words], sweep=False)
        return address_hash(cell.identity())

    same = ["weight.generator=1", "data.value_range=[0,1]", "evaluation.sigmas=[0.1,1,10]"]  # as their floats
    same += ["data.stand_in_for=MNIST", "data=handwritten/laptop"]
    same += ["updates=9", "seeds=7", "runs=x", "logger=wandb", "keep=weights", "debug=true", "workers=3", "budget=1"]
    assert {address(word) for word in same} == {address()}
    other = ["batch_size=9", "loss=gan_saturating", "threads=2", "latent.z.dim=9", "evaluation.samples=9", "tick=25"]
    assert len({address(), *(address(word) for word in other)}) == len(other) + 1
    assert all(name in {key.split(".")[0] for key in (*schema.TOP, *schema.OPTIONS)} | {"logger"} or "." in name
               for name in NOT_IDENTITY)  # fmt: skip


@pytest.mark.usefixtures("conf")
def test_a_sweep_has_its_cells_in_order() -> None:
    cells = cells_of(["experiment=gan_mnist", "loss=gan,gan_saturating", "k=1", "optimizer=sgd,adam"], sweep=True)
    assert [cell.typed for cell in cells] == [
        {"loss": loss, "optimizer": optimizer} for loss in ("gan", "gan_saturating") for optimizer in ("sgd", "adam")
    ]


@pytest.mark.usefixtures("conf")
def test_a_grid_of_numbers_is_no_departure(monkeypatch: pytest.MonkeyPatch) -> None:
    own = cells._own
    monkeypatch.setattr(cells, "_own", lambda words: (own(words)[0], {"weight.generator": "1,2e0"}, own(words)[2]))
    for typed, shown in (("1", "1.0"), ("2", "2.0"), ("3", "3.0")):
        [cell] = cells_of(["experiment=gan_mnist", f"weight.generator={typed}"], sweep=False)
        assert cell.coordinates == {"weight.generator": shown}
        assert cell.departures == ({} if typed != "3" else {"weight.generator": "3.0"})
        assert cell.study_updates == 2 * 3 * 8000


REFUSED = {
    "experiment=gan_minst": "Unknown study experiment=gan_minst. Did you mean gan_mnist, tgan_mnist?",
    "los=gan": "Unknown key 'los'. Did you mean loss?",
    "loss=gin": "Unknown option loss=gin. Did you mean gan?",
    "norm=none": "Unknown option norm=none. Did you mean no_g? There are both, no_g, no_gd.",
    "optimizer.learning_rate=1": "Unknown key 'optimizer.learning_rate'.",
    "+momentum=0.1": "Unknown key 'momentum'. Did you mean optimizer.momentum",
    "batch_size=0": "batch_size=0: needs a whole number, at least 1.",
    "batch_size=many": "batch_size=many: needs a whole number, at least 1.",
    "k=0": "k=0: needs a whole number, at least 1.",
    "k=2": "k=2 does not go with update=simultaneous",
    "optimizer.lr=-1": "optimizer.lr=-1: needs a number, above 0.",
    "network.discriminator.keep_input=1.5": "needs a number, above 0, at most 1.",
    "optimizer.lr=inf": "optimizer.lr=inf: needs a number, above 0.",
    "optimizer.lr=nan": "optimizer.lr=nan: needs a number, above 0.",
    "evaluation.sigmas=[0.1]": "evaluation.sigmas=[0.1]: needs a list of 3, each a number, above 0.",
    "seeds=[]": "seeds=[]: needs a count or a list",
    "network.discriminator.units=[]": "network.discriminator.units=[]: needs a list",
    "seeds=[1,1]": "seeds=[1,1]: needs at least one seed, and each once.",
    "runs=''": "runs=: needs a word",
    "loss=gan,": "Cannot read 'loss=gan,': type key=value",
    "~latent": "~latent: nothing can be taken out",
    "hydra.foo=1": "Hydra has no key 'hydra.foo'",
    "tick=30": "evaluate_every=500: needs a multiple of tick=30.",
    "update=simultanous": "did you mean simultaneous?",
    "loss=gan,gan_saturating": "names several values: add -m",
    "seeds=0": "seeds=0: needs a count or a list",
    "data=image_folder": "data.folder",
    "optimizer.betas=[0.5,0.9]": "optimizer.betas is not a key of the options chosen here",
    "bad": "Cannot read 'bad': type key=value",
}


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize("word", REFUSED)
def test_refusals_are_plain(word: str) -> None:
    with pytest.raises(UserError) as error:
        cells_of(["experiment=gan_mnist"] * (not word.startswith("experiment")) + [word], sweep=False)
    assert REFUSED[word] in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize("word", ["experiment=gan_mnist,gan_mnist", "scale=laptop,paper", "seeds=1,2"])
def test_axes_that_cannot_be_swept(word: str) -> None:
    with pytest.raises(UserError, match="cannot be swept"):
        cells_of(["experiment=gan_mnist"] * (not word.startswith("experiment")) + [word], sweep=True)


@pytest.mark.usefixtures("conf")
def test_a_variant_the_study_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Unknown option variant=as_print"):
        cells_of(["experiment=gan_mnist", "variant=as_print"], sweep=False)


@pytest.mark.usefixtures("conf")
def test_no_study() -> None:
    with pytest.raises(UserError, match="No study chosen"):
        cells_of(["updates=3"], sweep=False)


GRID = ["experiment=lsgan_stability"]


def test_the_stability_grid_is_the_studys_own() -> None:
    """Groups that set other groups' keys are coordinates of the grid, no departures."""
    with hydra_at(CONF):
        cells = cells_of(GRID, sweep=True)
        typed = cells_of([*GRID, "optimizer=adam,rmsprop"], sweep=True)
    assert [cell.coordinates for cell in typed] == [cell.coordinates for cell in cells]
    assert len({tuple(cell.coordinates.values()) for cell in cells}) == 8
    assert not any(cell.departures for cell in cells)
    norms = {
        (cell.coordinates["norm"], *(cell.config["network"][name]["norm"] for name in ("generator", "discriminator")))
        for cell in cells
    }
    assert norms == {("no_g", "none", "batch"), ("no_gd", "none", "none")}


def test_the_control_is_one_override_away() -> None:
    with hydra_at(CONF):
        cells = cells_of([*GRID, "norm=both"], sweep=True)
    assert len(cells) == 4
    assert all(cell.departures == {"norm": "both"} for cell in cells)
    assert all(cell.config["network"]["generator"]["norm"] == "batch" for cell in cells)


def test_labels_as_shipped_are_the_authors_mix() -> None:
    """-1, 1, 0 where the authors' code has it, 0, 1, 1 elsewhere; cells that labels do not concern stay the study's."""
    with hydra_at(CONF):
        cells = cells_of([*GRID, "labels=as_shipped"], sweep=True)
    found = {
        (cell.coordinates["norm"], cell.coordinates["optimizer"]): [
            cell.config["loss"][name] for name in ("fake", "real", "target")
        ]
        for cell in cells
        if cell.coordinates["loss"] == "lsgan"
    }
    assert found.pop(("no_gd", "rmsprop")) == [-1.0, 1.0, 0.0]
    assert set(map(tuple, found.values())) == {(0.0, 1.0, 1.0)}
    assert [cell.departures for cell in cells if cell.departures] == [{"labels": "as_shipped"}]


def test_every_factor_changes_the_ring() -> None:
    with hydra_at(CONF):
        cells = cells_of(["experiment=lsgan_ring_factors"], sweep=True)
    addresses = {json.dumps(cell.identity(), sort_keys=True) for cell in cells}
    assert len(addresses) == len(cells) == 24
    assert not any(cell.departures for cell in cells)


def test_learning_rates_of_their_own_leave_older_addresses_alone() -> None:
    with hydra_at(CONF):
        plain = cell_of(["experiment=gan_mnist"], {}).identity()
        other = cell_of(["experiment=gan_mnist", "lr_g=0.5"], {}).identity()
    assert not {"lr_g", "lr_d", "population", "labels.fake"} & plain.keys()
    assert other == plain | {"lr_g": 0.5}


def test_a_summed_loss_concerns_lsgan_only() -> None:
    with hydra_at(CONF):
        cells = cells_of([*GRID, "reduction=sum"], sweep=True)
    assert {(cell.coordinates["loss"], cell.departures.get("loss.reduction")) for cell in cells} == {
        ("gan", None), ("lsgan", "sum"),
    }  # fmt: skip


def test_a_model_brings_its_networks_latents_and_optimizer_and_departs_from_nothing() -> None:
    with hydra_at(CONF):
        cells = cells_of(["experiment=tgan_mnist", "scale=workstation"], sweep=True)
        told = cells_of(["experiment=tgan_mnist", "scale=workstation", "model=acgan", "data.images=null"], sweep=True)
        shared = cells_of(["experiment=tgan_mnist", "model=acgan", "network=tgan_28/laptop/acgan_shared"], sweep=True)
    assert [list(cell.coordinates.values()) for cell in cells] == [["gan"], ["dcgan"], ["acgan"], ["deligan"], ["tgan"]]
    blocks = {cell.coordinates["model"]: list(cell.config["latent"]) for cell in cells}
    assert blocks == {
        "gan": ["noise"], "dcgan": ["noise"], "acgan": ["noise", "label"], "deligan": ["component", "noise"],
        "tgan": ["component", "noise", "codeword", "label"],
    }  # fmt: skip
    assert len({json.dumps(cell.config["network"], sort_keys=True) for cell in cells}) == 5
    assert [cell.departures for cell in told] == [{"data.images": "null"}]
    assert [cell.departures for cell in shared] == [{"network": "tgan_28/laptop/acgan_shared"}]


def test_every_ablation_changes_the_t_gan_and_nothing_else() -> None:
    with hydra_at(CONF):
        cells = cells_of(["experiment=tgan_ablation"], sweep=True)
    assert len({json.dumps(cell.identity(), sort_keys=True) for cell in cells}) == len(cells) == 19
    assert not any(cell.departures for cell in cells)
    of = {cell.coordinates["ablation"]: cell.config for cell in cells}
    assert of["v1"]["latent"]["noise"]["df"] == 1.0
    assert of["gaussian"]["latent"]["noise"]["df"] == float("inf")
    assert of["components_200"]["network"]["generator"]["components"] == 200
    assert of["noise_only"]["model"] == of["gaussian_noise_only"]["model"]
    assert of["noise_only"]["latent"]["noise"]["df"] == of["base"]["latent"]["noise"]["df"] == 3.0


def test_infinity_is_a_value_where_it_means_something() -> None:
    with hydra_at(CONF):
        assert cell_of(["experiment=tgan_digits", "latent.noise.df=inf"], {}).name.endswith("latent.noise.df=inf")
        with pytest.raises(UserError, match=r"above 0, or inf"):
            cell_of(["experiment=tgan_digits", "latent.noise.df=0"], {})
