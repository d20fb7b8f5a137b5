"""The DCGAN's update on a GPU by arithmetic and by form of the networks: images/s, beside what the card could do.

fp32 is full single precision, TF32 and bf16 (autocast) are the faster arithmetics of the card's tensor cores. Each way
starts from the same weights, images and latents, so the losses of its first updates say whether it changes what is
reported: they are compared with those of fp32, and so are those of fp32 once more, since a GPU's sums may differ from
run to run. The first update shows the arithmetic's own error; later ones what Adam makes of it, whose first steps are
nearly signs.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain import PlainLoop
from benchmarks.steps import DCGAN, DCGAN_SHAPE, composed, fit, now
from ganrepro.adversarial import AdversarialModule
from ganrepro.assemble import module_of

FIRST = 10  # updates whose losses are compared
WARM_UP = 3  # ticks

PRECISIONS = {"fp32": "32-true", "TF32": "32-true", "bf16": "bf16-mixed"}  # as Lightning calls them
NETWORKS = ("as built", "channels_last", "compiled")

# Dense TFLOP/s, from NVIDIA's data sheets: H100 and H200 as SXM modules, A100 in every form.
HOPPER = {"fp32": 66.9, "TF32": 494.7, "bf16": 989.4}
AMPERE = {"fp32": 19.5, "TF32": 156.0, "bf16": 312.0}
PEAKS = {"H100": HOPPER, "H200": HOPPER, "A100": AMPERE}
SLOWER = {"PCIe", "NVL", "MIG"}  # of Hopper's forms; of an A100 only a slice is


@dataclass(frozen=True)
class Way:
    """arithmetic: "fp32", "TF32" or "bf16". networks: "as built", "channels_last" or "compiled"."""

    arithmetic: str
    networks: str


WAYS = [Way(arithmetic, networks) for arithmetic in PRECISIONS for networks in NETWORKS]


@dataclass(frozen=True)
class Measured:
    """seconds: of an update, the median of ticks. images: real ones drawn in it. losses: float64 [FIRST, players]."""

    seconds: float
    images: int
    losses: Tensor


class Paces(L.Callback):
    """Takes the losses of the first updates, one by one, then the seconds of `ticks` ticks of `tick` updates."""

    def __init__(self, tick: int, ticks: int, device: torch.device) -> None:
        self.tick, self.ticks, self.device = tick, ticks, device
        self.losses: list[Tensor] = []
        self.seconds: list[float] = []

    def on_train_start(self, trainer: L.Trainer, module: Any) -> None:
        module.tick = 1
        self.begun = now(self.device)

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        if len(self.losses) < FIRST:
            losses = [module.losses[name].double().cpu() for name in sorted(module.losses)]
            self.losses.append(torch.stack(losses))
        else:
            module.tick = self.tick
            self.seconds.append(now(self.device) - self.begun)
        trainer.should_stop = len(self.seconds) >= WARM_UP + self.ticks
        self.begun = now(self.device)


@contextmanager
def matrix_products(arithmetic: str) -> Iterator[None]:
    """Whether products and convolutions of float32 may run as TF32, which convolutions do unless told otherwise."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if arithmetic == "TF32" else "highest")
    torch.backends.cudnn.allow_tf32 = arithmetic == "TF32"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def arrange(module: AdversarialModule, networks: str) -> None:
    """Puts the module's networks, in place, into one of NETWORKS."""
    if networks == "compiled":
        torch.compiler.reset()  # what was compiled for another way counts towards Dynamo's limit
    for network in module.networks.values():
        if networks == "channels_last":
            network.to(memory_format=torch.channels_last)
        elif networks == "compiled":
            network.compile(dynamic=False)  # else 64 samples and a batch of 128 share one graph for any size


def measured(
    way: Way, words: list[str], shape: tuple[int, ...], device: torch.device, tick: int = 5, ticks: int = 20
) -> Measured:
    """Trains the study that `words` compose as a user's run does, on random data of `shape`."""
    config, data = composed(words, shape, tick)
    module = module_of(config, shape, 0, data.pixel_mean())
    arrange(module, way.networks)
    paces = Paces(tick, ticks, device)
    with matrix_products(way.arithmetic):
        fit(module, data, paces, device, PRECISIONS[way.arithmetic])
    images = module.images_seen // module.generator_updates
    return Measured(median(paces.seconds[WARM_UP:]) / tick, images, torch.stack(paces.losses))


def furthest(losses: Tensor, reference: Tensor) -> float:
    """The largest relative difference of any loss of the first updates."""
    return float(((losses - reference).abs() / reference.abs()).max())


def flops(work: Callable[[], object]) -> int:
    """Floating point operations of the matrix products and convolutions in `work`."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def update_flops(words: list[str], shape: tuple[int, ...], device: torch.device) -> int:
    """What one update of both players needs, whoever computes it: gradients nobody uses do not count."""
    config, data = composed(words, shape, tick=1)
    return flops(PlainLoop(module_of(config, shape, 0, data.pixel_mean()), data, device).step)


def peaks(name: str) -> dict[str, float] | None:
    """A card's dense TFLOP/s by arithmetic, from the name that CUDA gives it; None for a card that is not known."""
    words = set(name.replace("-", " ").split())
    for card, peak in PEAKS.items():
        if card in words and not words & (SLOWER if peak is HOPPER else {"MIG"}):
            return peak
    return None


def line(way: Way, found: Measured, operations: int, peak: dict[str, float] | None, reference: Tensor | None) -> str:
    """A row of the table; without `peak` it has no limit, the reference itself no difference."""
    rate, limit, differences = found.images / found.seconds, "", ""
    if peak is not None:
        most = found.images * peak[way.arithmetic] * 1e12 / operations
        limit = f"  {most:8.0f}  {rate / most:5.0%}"
    if reference is not None:
        first, all_of_them = (furthest(found.losses[:updates], reference[:updates]) for updates in (1, FIRST))
        differences = f"{first:8.1e}  {all_of_them:8.1e}"
    return f"  {way.arithmetic:10}  {way.networks:13}  {found.seconds * 1e3:9.2f}  {rate:8.0f}{limit}  {differences}"


def table(
    words: list[str],
    shape: tuple[int, ...],
    device: torch.device,
    peak: dict[str, float] | None,
    ways: Sequence[Way] = WAYS,
    tick: int = 5,
    ticks: int = 20,
) -> Iterator[str]:
    """The lines of the table, each as soon as it is measured: fp32 as built, the same again, then the other ways."""
    operations = update_flops(words, shape, device)
    yield (
        f"{operations / 1e12:.4g} TFLOP an update; images/s counts every real image drawn, two batches an update; "
        f"last, the largest relative difference of a loss from fp32's, in the first update and in the first {FIRST}"
    )
    limit = "" if peak is None else "     limit  share"
    yield f"  arithmetic  networks       ms/update  images/s{limit}   update 1   first {FIRST}"
    base, reference = Way("fp32", "as built"), None
    for way in [base, base, *(way for way in ways if way != base)]:
        try:
            found = measured(way, words, shape, device, tick, ticks)
        except RuntimeError as error:  # no compiler, or too little memory: the others can be measured all the same
            reason = " ".join(str(error).split())[:100]
            yield f"  {way.arithmetic:10}  {way.networks:13}  not measured: {reason}"
            continue
        yield line(way, found, operations, peak, reference)
        reference = found.losses if reference is None else reference


def main() -> None:
    name = torch.cuda.get_device_name()
    print(f"dcgan_faces, full width, batch 128, {name}")
    for row in table(DCGAN, DCGAN_SHAPE, torch.device("cuda"), peaks(name)):
        print(row, flush=True)


if __name__ == "__main__":
    main()
