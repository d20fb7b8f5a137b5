"""Composition: every study, scale and variant; what departs from a study; what is refused before Hydra says it."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ganrepro import cells, schema
from ganrepro.assemble import check_fit, check_measurement, check_told
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


IDLE = {  # what nothing would take, and why
    "penalty=5 model=gan": "penalty=5.0 does nothing with model=gan: it goes with model=deligan and model=tgan.",
    "penalty=0.5 model=acgan_shared": "penalty=0.5 does nothing with model=acgan_shared",
    "ablation=codeword model=gan": "ablation=codeword changes one thing of t-GAN: it goes with model=tgan alone.",
    "ablation=components_10 model=acgan": "ablation=components_10 changes one thing of t-GAN",
    "ablation=noise_only model=deligan": "ablation=noise_only changes one thing of t-GAN",
    "experiment=gan_mnist ablation=codeword_scaled": "ablation=codeword_scaled changes one thing of t-GAN",
    "experiment=tgan_toy ablation=v1": "ablation=v1 changes one thing of t-GAN",
    "experiment=gan_mnist penalty=5": "penalty=5.0 does nothing with model=gan",
    "experiment=tgan_pixelcnn model=pixelcnn penalty=5": "penalty=5.0 does nothing with model=pixelcnn",
    "update=controlled k=2": "k=2 does not go with update=controlled",
    "update=controlled z=shared": "z=shared does not go with update=controlled",
    "update=controlled generator_steps=2": "generator_steps=2 does not go with update=controlled",
}


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize("words", IDLE)
def test_what_nothing_takes_is_refused_in_a_line(words: str) -> None:
    with pytest.raises(UserError) as error:
        cells_of(["experiment=tgan_mnist"] * (not words.startswith("experiment")) + words.split(), sweep=False)
    assert IDLE[words] in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.usefixtures("conf")
@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["experiment=tgan_digits", "model=deligan"], True),
        (["experiment=tgan_digits", "model=tgan"], False),
        (["experiment=tgan_pixelcnn", "model=pixelcnn", "model.told=false"], True),
        (["experiment=tgan_pixelcnn", "model=pixelcnn"], False),
    ],
)
def test_samples_are_paired_by_the_class_asked_for_only_where_one_is(words: list[str], refused: bool) -> None:
    cell = cell_of([*words, "evaluation.pairing=asked"], {})
    if not refused:
        check_told(cell)
        return
    for check in (check_told, check_measurement if "model=pixelcnn" in words else check_fit):
        with pytest.raises(UserError, match=r"pairing=asked is for a generator that is told a class"):
            check(cell)


@pytest.mark.usefixtures("conf")
def test_an_option_of_another_study_says_which_class_lacks_it() -> None:
    for words, wanted in (("factor=doubled", "no duplicate_first_mode"), ("guideline=beta1_high", "no betas")):
        with pytest.raises(UserError, match=wanted):
            check_fit(cell_of(["experiment=gan_mnist", words], {}))


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
    "seeds=[]": "seeds=[]: needs a count of at least 1, or a list",
    "network.discriminator.units=[]": "network.discriminator.units=[]: needs a list",
    "seeds=[1,1]": "seeds=[1,1]: needs at least one seed, and each once.",
    "runs=''": "runs=: needs a word",
    "loss=gan,": "Cannot read 'loss=gan,': type key=value",
    "~latent": "~latent: nothing can be taken out",
    "hydra.foo=1": "Hydra has no key 'hydra.foo'",
    "tick=30": "evaluate_every=500: needs a multiple of tick=30.",
    "update=simultanous": "did you mean simultaneous?",
    "loss=gan,gan_saturating": "names several values: add -m",
    "seeds=0": "seeds=0: needs a count of at least 1, or a list",
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
        cells = cells_of(["experiment=lsgan_ring_factors", "scale=workstation"], sweep=True)
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
    assert [list(cell.coordinates.values()) for cell in cells] == [["gan"], ["dcgan"], ["acgan"], ["deligan"], ["tgan"]]
    blocks = {cell.coordinates["model"]: list(cell.config["latent"]) for cell in cells}
    assert blocks == {
        "gan": ["noise"], "dcgan": ["noise"], "acgan": ["noise", "label"], "deligan": ["component", "noise"],
        "tgan": ["component", "noise", "codeword", "label"],
    }  # fmt: skip
    assert len({json.dumps(cell.config["network"], sort_keys=True) for cell in cells}) == 5
    assert [cell.departures for cell in told] == [{"data.images": "null"}]


@pytest.mark.parametrize("study", ["tgan_mnist", "tgan_fashion_mnist", "tgan_digits", "tgan_cifar10"])
@pytest.mark.parametrize("scale", ["laptop", "workstation", "paper"])
def test_dcgan_and_acgan_on_the_trunk_differ_from_gan_in_what_makes_them(study: str, scale: str) -> None:
    with hydra_at(CONF):
        words = [f"experiment={study}", f"scale={scale}", "model=gan,dcgan_shared,acgan_shared"]
        gan, *shared = cells_of(words, sweep=True)
    assert [cell.departures for cell in shared] == [{"model": "dcgan_shared"}, {"model": "acgan_shared"}]
    of = {cell.coordinates["model"]: set(changed(gan.config, cell.config)) for cell in shared}
    uniform = {"model._target_", "latent.noise._target_", "latent.noise.half_width"}
    assert of["dcgan_shared"] == uniform | {"latent.noise.df"}
    told = {"latent.label._target_", "network.generator.code", "network.discriminator._target_"}
    told |= {f"model.class_weight.{term}" for term in ("generator", "real", "fake")}
    assert of["acgan_shared"] == told | {
        "model._target_",
        "latent.noise._target_",
        "latent.noise.std",
        "latent.noise.df",
    }


def changed(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The leaves that differ, with their values in `other`; None for one that it does not have."""
    before, after = schema.flatten(one), schema.flatten(other)
    return {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


GAUSSIAN = float("inf")
TERMS = [f"model.class_weight.{term}" for term in ("generator", "real", "fake")]
NO_CODE = {  # what is DeLiGAN's: neither a class nor its code, and a D that tells none
    "model._target_": "ganrepro.papers.tgan.DeLiGAN", **dict.fromkeys(TERMS),
    "latent.codeword._target_": None, "latent.codeword.dim": None, "latent.codeword.std": None,
    "latent.label._target_": None, "network.generator.codeword": 0, "network.generator.code": "none",
    "network.discriminator._target_": "ganrepro.networks.deligan.DeLiGANDiscriminator",
}  # fmt: skip
ABLATIONS: dict[str, dict[str, Any]] = {
    "base": {},
    "noise_only": NO_CODE,
    "gaussian_noise_only": NO_CODE | {"latent.noise.df": GAUSSIAN},
    "codeword": dict.fromkeys(TERMS, 0.0),
    "class_real": {"model.class_weight.fake": 0.0},
    **{f"v{df}": {"latent.noise.df": float(df)} for df in (1, 2, 5, 10, 30)},
    "gaussian": {"latent.noise.df": GAUSSIAN},
    **{
        f"components_{count}": {"latent.component.count": count, "network.generator.components": count}
        for count in (1, 10, 200)
    },
    "codeword_scaled": {"network.generator.code": "scaled"},
    "codeword_one_hot": {"network.generator.code": "one_hot"},
    "controller": {"update": "controlled"},
    "full_scale": {"network.generator.scale": "full"},
    "no_penalty": {"penalty": 0.0, "model.penalty": 0.0},
}


def test_every_ablation_changes_what_it_says_and_nothing_else() -> None:
    with hydra_at(CONF):
        cells = cells_of(["experiment=tgan_ablation", "scale=workstation"], sweep=True)
    assert not any(cell.departures for cell in cells)
    of = {cell.coordinates["ablation"]: cell.config for cell in cells}
    assert {name: changed(of["base"], config) for name, config in of.items()} == ABLATIONS
    assert len({json.dumps(cell.identity(), sort_keys=True) for cell in cells}) == len(cells) == 19


def test_infinity_is_a_value_where_it_means_something() -> None:
    with hydra_at(CONF):
        assert cell_of(["experiment=tgan_digits", "latent.noise.df=inf"], {}).name.endswith("latent.noise.df=inf")
        with pytest.raises(UserError, match=r"above 0, or inf"):
            cell_of(["experiment=tgan_digits", "latent.noise.df=0"], {})
