"""`make bench`: prints each figure beside what it should reach."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks import decoding, gpu, populations
from benchmarks.paired import Ratio, in_turn, ratio, seconds
from benchmarks.steps import DCGAN, DCGAN_SHAPE, FULL, HALF_DCGAN, RING, random_data, step_ratio
from ganrepro.metrics.parzen import ParzenLogLikelihood
from ganrepro.provenance import commit, hardware

ROOT = Path(__file__).parents[1]
# At the laptop scale's widths, where the loop's own cost weighs most; each reaches 0.97.
LAPTOP = [
    ("gan_tfd_pretrain", (1, 25, 25), 50, 21),
    ("gan_tfd", (1, 25, 25), 50, 21),
    ("gan_cifar10_fc", (3, 32, 32), 50, 21),
    ("gan_cifar10_conv", (3, 32, 32), 10, 21),
    ("lsgan_stability", (1, 32, 32), 10, 21),
    ("tgan_digits", (1, 28, 28), 10, 21),
]


class Pictures(Dataset):
    """Reads as torchvision's MNIST does: an array to a PIL image, then the transform."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> Tensor:
        return self.transform(Image.fromarray(self.pixels[index, 0].numpy(), mode=None))


def loader() -> Ratio:
    """One pass over 5,000 images of 28x28 in batches of 128: gather and normalise against a DataLoader."""
    data = random_data((1, 28, 28))
    reference = DataLoader(Pictures(data.train.pixels), batch_size=128, shuffle=True)

    feed, passes = data.feed(0), itertools.count()

    def ours() -> None:
        begun = next(passes) * 5000
        for start in range(0, 5000, 128):
            feed.batch(begun + start, min(128, 5000 - start))

    return in_turn(ours, lambda: [None for _ in reference], pairs=9)


def parzen(rows: int = 10_000, direct_rows: int = 200) -> Ratio:
    """10k images x 10k samples x 784 with 10 sigmas, against float64 differences (timed on 200 rows and scaled)."""
    generator = torch.Generator().manual_seed(0)
    samples, images = (torch.rand(rows, 784, generator=generator) for _ in range(2))

    def ours() -> None:
        metric = ParzenLogLikelihood()
        metric.update(samples, "samples")
        metric.update(images[:1000], "validation")
        metric.update(images, "test")
        metric.compute()

    def direct() -> float:
        mode = "donot_use_mm_for_euclid_dist"
        return seconds(
            lambda: (
                torch.cdist(images[:direct_rows].double(), samples.double(), compute_mode=mode).square().logsumexp(1)
            )
        )

    first, second = [], []
    for _ in range(3):
        first.append(seconds(ours))
        second.append(direct() * rows / direct_rows)
    return ratio(first, second)


def start_up() -> float:
    """Seconds of `run.py --help`, the median of five after one to warm up."""
    command = [sys.executable, str(ROOT / "run.py"), "--help"]
    times = [seconds(lambda: subprocess.run(command, capture_output=True, check=True)) for _ in range(6)]
    return median(times[1:])


def dcgan_rows() -> Iterator[str]:
    """The DCGAN's update at paper width and at half of it; about four minutes each on one core."""
    # On a core the full width takes 20 s an update of the paper's 128 images; on a GPU the study's own tick fits.
    full, tick = (128, 5) if torch.cuda.is_available() else (32, 1)
    for width, words, batch in (("full", DCGAN, full), ("half", HALF_DCGAN, 128)):
        found = step_ratio([*words, f"batch_size={batch}"], DCGAN_SHAPE, tick, ticks=17)
        yield f"dcgan_faces step, {width} width, batch {batch} (reaches 0.97): {found}"


def main() -> None:
    torch.set_num_threads(1)
    machine = hardware("cuda" if torch.cuda.is_available() else "cpu")
    print(f"commit {commit()[0]}, torch {torch.__version__}, {machine['name']}, {machine['cores']} cores, 1 thread")
    print("ratio = plain seconds / our seconds, median of pairs [95 % interval]; above 1: ours is faster")
    print(f"gan_mnist step (reaches 0.97):  {step_ratio(FULL, (1, 28, 28), tick=50, ticks=21)}", flush=True)
    print(f"ring-sized step (reaches 0.97): {step_ratio(RING, (1, 1, 2), tick=50, ticks=60)}", flush=True)
    for study, shape, tick, ticks in LAPTOP:
        words = [f"experiment={study}", "scale=laptop"]
        print(f"{study + ' step':<30}  {step_ratio(words, shape, tick, ticks)}", flush=True)
    for row in dcgan_rows():
        print(row, flush=True)
    print(f"in-memory loader (>= 50):       {loader()}", flush=True)
    print(f"Parzen 10k x 10k x 784 (>= 8):  {parzen()}", flush=True)
    print(f"run.py --help (< 2 s):          {start_up():.2f} s", flush=True)
    decoding.main()
    if torch.cuda.is_available():
        gpu.main()
    populations.main()


if __name__ == "__main__":
    main()
