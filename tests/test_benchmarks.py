"""The benchmarks' own pieces, on the CPU with networks of a few maps: what they compare, count and print."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from benchmarks import decoding, gpu
from benchmarks.gpu import Way
from benchmarks.plain import PlainLoop
from benchmarks.steps import DCGAN, composed, fit, step_ratio
from ganrepro.assemble import module_of
from ganrepro.data.images import ImageData, Images

CPU = torch.device("cpu")
BATCH, Z, FIRST, MAPS, D_MAPS, KERNEL = 6, 7, 8, 5, 4, 3
SHAPE = (3, 8, 8)
NARROW = [
    *DCGAN,
    f"batch_size={BATCH}",
    f"latent.z.dim={Z}",
    f"network.generator.first={FIRST}",
    f"network.generator.channels=[{MAPS}]",
    "network.generator.strides=[2,2]",
    f"network.generator.kernel={KERNEL}",
    f"network.discriminator.channels=[{D_MAPS}]",
    "network.discriminator.strides=[2]",
    f"network.discriminator.kernel={KERNEL}",
]
LSGAN = ["experiment=lsgan_stability", "scale=laptop", "batch_size=4"]
TGAN = ["experiment=tgan_digits", "scale=laptop"]


class StopAt(L.Callback):
    def __init__(self, updates: int) -> None:
        self.updates = updates

    def on_train_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
        trainer.should_stop = module.generator_updates >= self.updates


@pytest.mark.parametrize(("words", "shape"), [(NARROW, SHAPE), (LSGAN, (1, 32, 32)), (TGAN, (1, 28, 28))])
def test_the_plain_loop_does_what_ours_does(words, shape):
    """On copies of one image, so that the order in which each draws them does not tell."""
    config, data = composed(words, shape, tick=1)
    pixels = data.train.pixels[:1].expand(50, -1, -1, -1).contiguous()
    same = Images(pixels, torch.zeros(50, dtype=torch.int64))
    alike = ImageData("alike", same, same, same, classes=data.classes, value_range=data.value_range)
    ours, twin = (module_of(config, shape, 0, alike.pixel_mean(), len(data.classes)) for _ in range(2))
    first = [parameter.detach().clone() for parameter in ours.parameters()]
    fit(ours, alike, StopAt(3), CPU)
    loop = PlainLoop(twin, alike, CPU)
    for _ in range(3):
        loop.step()
    for before, mine, other in zip(first, ours.parameters(), twin.parameters(), strict=True):
        if before.ndim > 1:  # a bias in front of a batch norm has nowhere to go
            assert (mine - before).abs().max() > 1e-4
        torch.testing.assert_close(other, mine, rtol=0, atol=1e-6)


def test_the_ratio_of_a_dcgan_step():
    found = step_ratio(NARROW, SHAPE, tick=2, ticks=3)
    assert found.pairs == 3
    assert 0 < found.low <= found.middle <= found.high


def test_the_operations_of_one_layer():
    layer, images = torch.nn.Conv2d(3, D_MAPS, KERNEL, 2, 1, bias=False), torch.zeros(BATCH, *SHAPE)
    forward = 2 * BATCH * 3 * D_MAPS * KERNEL**2 * 4 * 4  # a product and a sum, at each of 4x4 places
    assert gpu.flops(lambda: layer(images)) == forward
    assert gpu.flops(lambda: layer(images).sum().backward()) == 2 * forward  # the weights' gradient; images have none


def test_the_operations_of_an_update():
    flat = 2 * BATCH * Z * FIRST * 4
    grown = 2 * BATCH * KERNEL**2 * (FIRST * MAPS * 4 + MAPS * 3 * 16)
    shrunk = 2 * BATCH * KERNEL**2 * 3 * D_MAPS * 16
    output = 2 * BATCH * D_MAPS * 16
    step_of_g = 2 * flat + 3 * grown + 2 * shrunk + 2 * output  # z has no gradient, D's weights need none
    step_of_d = flat + grown + 4 * shrunk + 6 * output  # real and fake; images have no gradient
    assert gpu.update_flops(NARROW, SHAPE, CPU) == step_of_g + step_of_d


def test_ways_that_change_nothing_and_one_that_does():
    losses = {}
    for way in (Way("fp32", "as built"), Way("fp32", "channels_last"), Way("bf16", "as built")):
        found = gpu.measured(way, NARROW, SHAPE, CPU, tick=2, ticks=2)
        assert found.seconds > 0
        assert found.images == 2 * BATCH
        assert found.losses.shape == (gpu.FIRST, 2)
        losses[way] = found.losses
    exact, moved, rounded = losses.values()
    assert gpu.furthest(moved, exact) < 1e-5
    assert 1e-6 < gpu.furthest(rounded, exact) < 1e-2


def test_networks_in_channels_last_make_such_maps():
    config, _ = composed(NARROW, SHAPE, tick=1)
    module = module_of(config, SHAPE, 0)
    gpu.arrange(module, "channels_last")
    for network, given in zip(module.networks.values(), (torch.zeros(2, Z), torch.zeros(2, *SHAPE)), strict=True):
        maps = network.stages(given)
        assert maps.is_contiguous(memory_format=torch.channels_last)
        assert not maps.is_contiguous()


def test_full_precision_is_full_only_inside():
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    for arithmetic, precision in (("fp32", "highest"), ("TF32", "high"), ("bf16", "highest")):
        with gpu.matrix_products(arithmetic):
            assert torch.get_float32_matmul_precision() == precision
            assert torch.backends.cudnn.allow_tf32 == (arithmetic == "TF32")
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before


def test_the_limit_beside_the_rate():
    way, operations = Way("bf16", "as built"), 10**9  # 3.2 microseconds at an A100's 312 TFLOP/s
    found = gpu.Measured(4 * operations / 312e12, 12, torch.ones(gpu.FIRST, 2))
    assert gpu.line(way, found, operations, gpu.AMPERE, None).split()[-3:] == ["936000", "3744000", "25%"]
    assert gpu.line(way, found, operations, None, None).split()[-1] == "936000"


def test_cards():
    for name, tera in {
        "NVIDIA H100 80GB HBM3": 989.4,
        "NVIDIA H200": 989.4,
        "NVIDIA A100-SXM4-80GB": 312,
        "NVIDIA A100-PCIE-40GB": 312,
    }.items():
        peak = gpu.peaks(name)
        assert peak is not None
        assert peak["bf16"] == tera
    for name in (
        "NVIDIA H100 PCIe",
        "NVIDIA H200 NVL",
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "NVIDIA GH200 480GB",
        "cpu",
    ):
        assert gpu.peaks(name) is None


def test_the_table_goes_on_after_a_way_that_fails(monkeypatch):
    def refuse(*_arguments, **_options):
        raise RuntimeError("no compiler\nat all")

    monkeypatch.setattr(torch.nn.Module, "compile", refuse)
    ways = [Way("fp32", "compiled"), Way("bf16", "as built")]
    lines = list(gpu.table(NARROW, SHAPE, CPU, gpu.AMPERE, ways, tick=1, ticks=1))
    assert len(lines) == 6
    base, again, failed, last = (line.split() for line in lines[2:])
    assert base[-1].endswith("%")  # nothing to compare it with
    assert again[-2:] == ["0.0e+00", "0.0e+00"]
    assert failed[2:] == ["not", "measured:", "no", "compiler", "at", "all"]
    assert last[0] == "bf16"
    assert 0 < float(last[-1]) < 1e-2


def test_both_readers_of_lsun_see_the_same_pixels(tmp_path):
    database = decoding.write_database(tmp_path, pictures=9, distinct=4)
    data, scenes = decoding.decoded(tmp_path, held_out=2), decoding.Scenes(database)
    assert len(scenes) == 9
    for index, image in enumerate(data.examples(5)):
        torch.testing.assert_close(scenes[index], image)


def test_the_rows_of_decoding(monkeypatch):
    def in_this_process(database: Path, workers: int):
        def one_pass():
            scenes = decoding.Scenes(database)
            assert [tuple(scenes[index].shape) for index in range(len(scenes))] == [(3, 64, 64)] * 9
            assert scenes.opened is not None
            scenes.opened.close()

        return one_pass

    monkeypatch.setattr(decoding, "by_processes", in_this_process)
    monkeypatch.setattr(decoding, "worker_counts", lambda: [1, 3])
    at_every_use, once, mapped = decoding.rows(pictures=9, distinct=4, held_out=2, batches=2, rounds=1)
    for row in (at_every_use, once):
        first, second = row.split(": ", 1)[1].split(", ")
        assert first.startswith("1: ")
        assert second.startswith("3: ")
    assert float(mapped.split(": ")[1].replace(",", "")) > 0
