"""Every study at scale=paper: networks at full width against the fact sheet, and one true update of the real shape.

The updates of the widest networks take seconds each: tests/acceptance/test_full_width.py has them.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from ganrepro.assemble import latent_of, module_of
from ganrepro.build import build
from ganrepro.cells import cell_of, cells_of, hydra_at
from ganrepro.data.images import ImageData, Images
from ganrepro.training import quiet_lightning

CONF = Path(__file__).parents[1] / "conf"
Shapes = list[tuple[int, ...]]


def linear(*widths: int) -> Shapes:
    """Weights and biases of linear layers from width to width."""
    return [shape for i, o in pairwise(widths) for shape in ((o, i), (o,))]


def maxout(inputs: int, *units: int) -> Shapes:
    """Maxout layers of 5 pieces a unit, then one logit."""
    hidden = [s for i, o in pairwise((inputs, *units)) for s in ((o * 5, i), (o * 5,))]
    return hidden + linear(units[-1], 1)


def deconvolutions(inputs: int, base: int, maps: list[int], image: int, kernel: int, norm: bool) -> Shapes:
    """LSGAN's G: a layer to maps of base x base, transposed convolutions with their batch norms, the image last."""
    units = maps[0] * base * base
    found: Shapes = [(units, inputs), (units,), *[(maps[0],)] * (2 * norm)]
    for i, o in pairwise([*maps, image]):
        found += [(i, o, kernel, kernel), (o,), *[(o,)] * (2 * norm)]
    return found[: len(found) - 2 * norm]


def convolutions(image: int, maps: list[int], norm: bool) -> Shapes:
    """5x5 convolutions, each but the first with its batch norm."""
    found: Shapes = []
    for i, o in pairwise([image, *maps]):
        found += [(o, i, 5, 5), (o,), *[(o,)] * (2 * norm * (i != image))]
    return found


def dcgan(z: int, first: int, g: list[int], d: list[int], kernel: int) -> dict[str, Shapes]:
    """DCGAN's networks, from maps of 4x4: no biases, batch norm by unit behind G's first layer, none at either end."""
    made: Shapes = [(first * 16, z), *[(first * 16,)] * 2]
    for i, o in pairwise([first, *g]):
        made += [(i, o, kernel, kernel), *[(o,)] * 2]
    judged: Shapes = [(d[0], 3, kernel, kernel)]
    for i, o in pairwise(d):
        judged += [(o, i, kernel, kernel), *[(o,)] * 2]
    last = (g[-1], 3, kernel, kernel)
    return {"generator": [*made, last], "discriminator": [*judged, (1, d[-1] * 16)]}


def normed(weight: tuple[int, ...], outputs: int, gains: bool = False) -> Shapes:
    """A weight-normalised layer: directions and a bias for each output; the last layers learn its gain too."""
    return [weight, (outputs,), *[(outputs,)] * gains]


# study -> image shape, then each network's parameters as the sheet's layers have them (sections 1.3 to 1.6); the
# order within a network is the code's. gan_1d has no paper's networks: its sizes are ours.
MNIST = ((1, 28, 28), {"generator": linear(100, 1200, 1200, 784), "discriminator": maxout(784, 240, 240)})
FACE = linear(100, 8000, 8000, 2304)
CIFAR = (3, 32, 32)
SCENE_64 = (3, 64, 64)
STABILITY_G = deconvolutions(1024, 4, [512, 256, 128, 64], 3, 5, norm=False)  # BN_G, the study's own choice
STABILITY_D = [*convolutions(3, [64, 128, 256, 512], norm=True), *linear(8192, 1)]
RING = ((2,), {"generator": linear(256, 128, 128, 2), "discriminator": linear(2, 128, 128, 1)})
DCGAN_32 = dcgan(256, 512, [512, 256, 256, 128, 128], [128, 128, 256, 256, 512, 512], 3)
DCGAN_SVHN = dcgan(100, 256, [128, 64], [64, 128, 256], 5)
DCGAN_64 = dcgan(100, 1024, [512, 256, 128], [128, 256, 512, 1024], 5)
# ../papers/tgan.md, section 2.2: DeLiGAN's networks for MNIST with t-GAN's mixture, code of ten and class head.
TGAN_28 = (
    (1, 28, 28),
    {
        "generator": [
            (50, 30), (50, 30), (1024, 40), *[(1024,)] * 3, (64, 32, 3, 3), *[(32,)] * 3, (32, 16, 5, 5), *[(16,)] * 3,
            (16, 1, 5, 5), (1,),
        ],
        "discriminator": [
            (16, 1, 5, 5), (16,), (32, 16, 5, 5), *[(32,)] * 3, (64, 32, 3, 3), *[(64,)] * 3, (64, 64, 5), (64, 5),
            (1, 128), (1,), (10, 64), (10,),
        ],
    },
)  # fmt: skip
SHEET: dict[str, tuple[tuple[int, ...], dict[str, Shapes]]] = {
    "gan_mnist": MNIST,
    "gan_saturation": MNIST,
    "gan_helvetica": MNIST,
    "gan_1d": ((1,), {"generator": linear(1, 64, 64, 1), "discriminator": linear(1, 64, 64, 1)}),
    "gan_tfd_pretrain": ((1, 48, 48), {"generator": FACE, "discriminator": maxout(2304, 1200, 1200)}),
    "gan_tfd": (
        (1, 48, 48),
        {"generator": linear(100, 8000, 100) + FACE, "discriminator": maxout(2304, 1200, 1200)},
    ),
    "gan_cifar10_fc": (
        CIFAR,
        {"generator": linear(100, 8000, 8000, 3072), "discriminator": maxout(3072, 1600, 1600)},
    ),
    "gan_cifar10_conv": (
        CIFAR,
        {
            "generator": [(3, 32, 32), *linear(100, 8000, 80 * 10 * 10), (80, 3, 5, 5)],  # the untied bias comes first
            "discriminator": [
                (32 * 2, 3, 8, 8), (32 * 2,), (32 * 2, 32, 8, 8), (32 * 2,), (192 * 2, 32, 5, 5), (192 * 2,),
                *maxout(4800, 500),
            ],
        },
    ),
    # ../papers/lsgan.md has these in sections 3 (Figure 3), 4 (Figure 4), 7, 8 and 11b; CIFAR-10's network is ours.
    "lsgan_stability": (SCENE_64, {"generator": STABILITY_G, "discriminator": STABILITY_D}),
    "lsgan_codings": (
        SCENE_64,
        {
            "generator": deconvolutions(1024, 4, [512, 256, 128, 64], 3, 5, norm=True),
            "discriminator": STABILITY_D,
        },
    ),
    "lsgan_gradients": (
        SCENE_64,
        {
            "generator": deconvolutions(1024, 4, [512, 256, 128, 64], 3, 5, norm=True),
            "discriminator": STABILITY_D,
        },
    ),
    "lsgan_scenes": (
        (3, 112, 112),
        {
            "generator": deconvolutions(1024, 7, [256, 256, 256, 256, 256, 128, 64], 3, 3, norm=True),
            "discriminator": [*convolutions(3, [64, 128, 256, 512], norm=True), *linear(25088, 1)],
        },
    ),
    "lsgan_hwdb": (
        (1, 28, 28),
        {
            "generator": [
                (256, 3740), (256,), (6272, 1280), (6272,), (6272,), (6272,), (128, 128, 5, 5), (128,), (128,), (128,),
                (128, 1, 5, 5), (1,),
            ],
            "discriminator": [
                (256, 3740), (256,), (257, 1, 5, 5), (257,), (320, 513, 5, 5), (320,), (320,), (320,),
                (1024, 15936), (1024,), (1024,), (1024,), (1, 1280), (1,),
            ],
        },
    ),
    "lsgan_cifar10": (
        CIFAR,
        {
            "generator": deconvolutions(1024, 4, [512, 256, 128], 3, 5, norm=True),
            "discriminator": [*convolutions(3, [128, 256, 512], norm=True), *linear(8192, 1)],
        },
    ),
    "lsgan_small_variability": (
        (1, 28, 28),
        {
            "generator": [  # its first batch norm is over units, as that repository's cats have it
                (8192, 100), *[(8192,)] * 3, *deconvolutions(100, 4, [512, 256, 128], 1, 5, norm=True)[4:],
            ],
            "discriminator": [
                *convolutions(1, [20, 50], norm=True), *linear(2450, 500), (500,), (500,), *linear(500, 1),
            ],
        },
    ),
    "lsgan_ring": RING,
    "lsgan_ring_factors": RING,
    # ../papers/gan_dcgan.md, sections 2.3 to 2.6.
    "dcgan_lsun": (SCENE_64, DCGAN_64),
    "dcgan_faces": (SCENE_64, DCGAN_64),
    "dcgan_guidelines": (SCENE_64, DCGAN_64),
    "dcgan_imagenet32": (CIFAR, DCGAN_32),
    "dcgan_cifar10_features": (CIFAR, DCGAN_32),
    "dcgan_svhn": (CIFAR, DCGAN_SVHN),
    "dcgan_svhn_features": (CIFAR, DCGAN_SVHN),
    "dcgan_mnist_conditional": (
        (1, 28, 28),
        {
            "generator": [(1024, 110), (6272, 1034), (138, 64, 5, 5), (74, 1, 5, 5)],
            "discriminator": [(64, 11, 5, 5), (128, 74, 5, 5), (1024, 6282), (1, 1034)],
        },
    ),
    "tgan_mnist": TGAN_28,
    "tgan_fashion_mnist": TGAN_28,
    "tgan_digits": TGAN_28,
    "tgan_ablation": TGAN_28,
    "tgan_pixelcnn": TGAN_28,
    "tgan_toy": (
        (2,),
        {"generator": [(50, 2), (50, 2), *linear(2, 32, 2)], "discriminator": linear(2, 32, 1)},
    ),
    # Section 2.3; the mixture has 100 components of 100 coordinates.
    "tgan_cifar10": (
        CIFAR,
        {
            "generator": [
                (100, 100), (100, 100), (8192, 110), (8192,), (512, 256, 5, 5), (256,), (256, 128, 5, 5), (128,),
                *normed((128, 3, 5, 5), 3, gains=True),
            ],
            "discriminator": [
                *[s for i in (3, 96, 96) for s in normed((96, i, 3, 3), 96)],
                *[s for i in (96, 192, 192) for s in normed((192, i, 3, 3), 192)],
                *normed((192, 192, 3, 3), 192), *[s for _ in range(2) for s in normed((192, 192, 1, 1), 192)],
                (192, 100, 5), (100, 5), (100,), *normed((1, 292), 1, gains=True),
                *normed((10, 192), 10, gains=True),
            ],
        },
    ),
}  # fmt: skip
CLASSES = {"lsgan_hwdb": 3740, "dcgan_mnist_conditional": 10}
CLASSES |= dict.fromkeys(
    ("tgan_mnist", "tgan_fashion_mnist", "tgan_digits", "tgan_ablation", "tgan_pixelcnn", "tgan_cifar10"), 10
)
WITHOUT_NETWORKS = ("gan_theory", "lsgan_theory", "lsgan_calibration", "lsun_dedup")
BIG = (
    "gan_tfd_pretrain", "gan_tfd", "gan_cifar10_fc", "gan_cifar10_conv", "lsgan_codings", "lsgan_gradients",
    "lsgan_scenes", "lsgan_hwdb", "lsgan_cifar10", "dcgan_lsun", "dcgan_faces", "dcgan_guidelines", "dcgan_imagenet32",
    "dcgan_cifar10_features", "tgan_cifar10",
)  # fmt: skip
STUDIES = [
    (path.stem, variant)
    for path in sorted((CONF / "experiment").glob("*.yaml"))
    for variant in ["authors_code", *sorted(file.stem for file in (CONF / "variant_of" / path.stem).glob("*.yaml"))]
    if path.stem not in WITHOUT_NETWORKS
]


class OneUpdate(L.Callback):
    def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        trainer.should_stop = True


def config_of(study: str, variant: str) -> dict[str, Any]:
    words = [f"experiment={study}", "scale=paper", f"variant={variant}", "tick=1"]
    with hydra_at(CONF):
        return cell_of(words, {}).config


def data_for(shape: tuple[int, ...], config: dict[str, Any]) -> Any:
    """Random images of the study's shape, scaled as the study scales them; a study on points has its own."""
    if len(shape) == 1:
        return build(config["data"])
    pixels = torch.randint(0, 256, (200, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Images(pixels, torch.zeros(200, dtype=torch.int64))
    scaled = {"value_range": config["data"]["value_range"], "scaling": config["data"].get("scaling", "range")}
    return ImageData("random", split, split, split, ["a class"] * CLASSES.get(config["study"], 1), **scaled)


def one_update(study: str, variant: str) -> None:
    quiet_lightning()
    shape, sheet = SHEET[study]
    config = config_of(study, variant)
    data = data_for(shape, config)
    module = module_of(config, shape, 0, data.pixel_mean(), CLASSES.get(study, 1))
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
        assert parameter.grad is not None
        assert parameter.grad.any(), name  # a step can be below the last bit of a bias of -2
    for player in ("players.generator", "critics.discriminator"):
        moved = [not torch.equal(value, before[name]) for name, value in module.named_parameters() if player in name]
        assert sum(moved) > len(moved) / 2, player


@pytest.mark.parametrize(("study", "variant"), [case for case in STUDIES if case[0] not in BIG])
def test_full_width_and_one_update(study: str, variant: str) -> None:
    one_update(study, variant)


@pytest.mark.parametrize("study", BIG)
def test_full_width_of_the_widest(study: str) -> None:
    shape, sheet = SHEET[study]
    config = config_of(study, "authors_code")
    given: dict[str, dict[str, Any]] = {
        "generator": {"latent_dim": latent_of(config["latent"], CLASSES.get(study, 1)).dim},
        "discriminator": {},
    }
    if study in CLASSES:
        for arguments in given.values():
            arguments["classes"] = CLASSES[study]
    for name, wanted in sheet.items():
        with torch.device("meta"):
            network = build(config["network"][name], shape=shape, **given[name])
        assert [tuple(parameter.shape) for parameter in network.parameters()] == wanted


def test_every_study_is_on_the_sheet() -> None:
    assert {study for study, _ in STUDIES} == SHEET.keys()


# ../papers/gan_dcgan.md, sections 2.3 to 2.6: study -> training images and epochs.
EPOCHS = {
    "dcgan_lsun": (3_033_042 - 20_000 - 275_000, 5), "dcgan_guidelines": (3_033_042 - 20_000 - 275_000, 5),
    "dcgan_faces": (350_000, 25), "dcgan_imagenet32": (1_281_167, 30), "dcgan_cifar10_features": (1_281_167, 30),
    "dcgan_svhn": (63_257, 200), "dcgan_svhn_features": (63_257, 200), "dcgan_mnist_conditional": (50_000, 200),
}  # fmt: skip


@pytest.mark.parametrize("study", EPOCHS)
@pytest.mark.parametrize("variant", ["authors_code", "as_printed"])
def test_dcgan_trains_as_many_epochs_whichever_the_order_of_steps(study: str, variant: str) -> None:
    config, (images, epochs) = config_of(study, variant), EPOCHS[study]
    assert config["update"] == ("d_then_g" if variant == "as_printed" else "alternate_batches")
    real_batches = 1 + (config["update"] == "alternate_batches")
    assert config["updates"] * real_batches * config["batch_size"] / images == pytest.approx(epochs, rel=0.005)
    assert config["updates"] % config["evaluate_every"] == 0


@pytest.mark.parametrize(("scale", "images"), [("laptop", 1197), ("workstation", 50_000), ("paper", 50_000)])
def test_the_rate_falls_in_the_second_half_at_every_scale(scale: str, images: int) -> None:
    with hydra_at(CONF):
        config = cell_of(["experiment=dcgan_mnist_conditional", f"scale={scale}"], {}).config
    epochs = config["updates"] * 2 * config["batch_size"] / images
    rate = config["optimizer"]["schedules"]["lr"]
    assert rate["held"] == rate["over"] == pytest.approx(epochs / 2, rel=0.01)


@pytest.mark.parametrize(("study", "trunk", "held", "over"), [("mnist", 5e-4, 1000, 3000), ("cifar10", 3e-4, 800, 400)])
def test_the_rate_of_every_t_gan_rival_falls_to_0_with_the_trunk_s(
    study: str, trunk: float, held: int, over: int
) -> None:
    """Section 2: DeLiGAN's schedule, which ends with the last epoch; DCGAN and ACGAN keep their own rate."""
    with hydra_at(CONF):
        cells = cells_of([f"experiment=tgan_{study}", "scale=paper"], sweep=True)
    rates = {}
    for cell in cells:
        optimizer, config = cell.config["optimizer"], cell.config
        rates[cell.coordinates["model"]] = optimizer["lr"]
        assert (optimizer["schedules"]["lr"]["held"], optimizer["schedules"]["lr"]["over"]) == (held, over)
        assert config["updates"] * config["batch_size"] == (held + over) * config["data"]["images"]
    assert rates == {"gan": trunk, "dcgan": 2e-4, "acgan": 2e-4, "deligan": trunk, "tgan": trunk}
