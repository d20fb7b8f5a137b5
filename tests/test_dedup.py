"""Codes, collisions and planted near-duplicates, against what can be counted by hand."""

import inspect
import json
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor
from torch.nn.functional import interpolate

from ganrepro.data.images import ImageData, Images
from ganrepro.data.points import GaussianMixture
from ganrepro.dedup.hashing import first_equal, hashed, seen
from ganrepro.dedup.planting import KINDS, NOISE, Planted, near_duplicates
from ganrepro.dedup.study import Deduplication, distances, judged
from ganrepro.dedup.training import trained
from ganrepro.errors import UserError
from ganrepro.evaluation import Evaluated
from ganrepro.networks.autoencoder import Autoencoder
from ganrepro.networks.layers import initialised
from ganrepro.report.dedup import sections
from ganrepro.report.records import Run
from ganrepro.streams import stream

CONF = Path(__file__).parents[1] / "conf"
TWINS = 7  # of the images of DATA the last ones are equal to the first


def smooth(n: int, side: int) -> Tensor:
    """Random colours that change slowly, and a little faster ones, as in photographs: uint8 [n, 3, side, side]."""
    drawn = stream(0, "images")
    slow, fast = (255 * torch.rand(n, 3, cells, cells, generator=drawn) for cells in (2, 8))
    parts = [interpolate(part, size=(side, side), mode="bilinear") for part in (slow, fast)]
    return (0.85 * parts[0] + 0.15 * parts[1]).to(torch.uint8)


def images(pixels: Tensor) -> Images:
    return Images(pixels, torch.full((len(pixels),), -1))


PIXELS = smooth(300, 32)
PIXELS[-TWINS:] = PIXELS[:TWINS]
DATA = ImageData("smooth", images(PIXELS), images(PIXELS[:2]), images(PIXELS[:2]))


def study(planted: int, seed: int = 0, updates: int = 300) -> Evaluated:
    return Deduplication(DATA, batch=32, planted=planted)(lambda *p: stream(seed, *p), updates)


@pytest.fixture(scope="module")
def found() -> Evaluated:
    before = torch.get_rng_state()
    evaluated = study(planted=60)
    assert torch.equal(before, torch.get_rng_state())
    return evaluated


def test_first_equal_is_what_a_dictionary_says() -> None:
    rows = np.random.default_rng(0).integers(0, 3, (400, 5)).astype(np.uint8)
    first: dict[bytes, int] = {}
    assert first_equal(rows).tolist() == [first.setdefault(row.tobytes(), at) for at, row in enumerate(rows)]
    assert first_equal(np.array([[7, 1], [1, 7], [7, 1]])).tolist() == [0, 1, 0]


def test_what_is_hashed_is_the_small_centre_square_without_its_mean() -> None:
    picture = torch.full((1, 1, 64, 100), 255, dtype=torch.uint8)
    picture[..., 18:82] = 0
    picture[..., :32, 18:82] = 102
    flat = seen(picture)[0].view(32, 32)
    assert flat.mean().abs() < 1e-6  # nothing of the white beside it
    assert flat[:15].sub(0.4).abs().max() < 0.01
    assert flat[17:].add(0.4).abs().max() < 0.01
    small = PIXELS[:3] // 2 + 20
    assert torch.allclose(seen(small), seen(small + 50), atol=1e-6)


def selecting(*places: int) -> Autoencoder:
    """An autoencoder whose units look at one number each of 3 * 32 * 32."""
    network = Autoencoder(3072, len(places), 1.0, 0.1)
    with torch.no_grad():
        network.encoder.weight.zero_()
        network.encoder.weight[range(len(places)), places] = 1
    return network


def test_bits_are_the_active_units_whatever_the_contrast() -> None:
    places = [0, 1, 500, 1024, 1300, 2047, 2048, 3000, 3071]
    above = seen(PIXELS)[:, places] > 0
    bits, digests = hashed(selecting(*places), [PIXELS])
    assert np.array_equal(np.unpackbits(bits, axis=1)[:, : len(places)], above.numpy())
    halved, others = hashed(selecting(*places), [PIXELS // 4 * 2 + 30])
    assert np.array_equal(halved, hashed(selecting(*places), [PIXELS // 4 * 4])[0])
    assert (digests[:TWINS] == digests[-TWINS:]).all()
    assert len(np.unique(digests, axis=0)) == len(PIXELS) - TWINS
    assert (digests != others).any(1).all()


def test_hashing_reads_once_and_lets_go_of_what_it_read() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def batches() -> Iterator[Tensor]:
        for start in range(0, 300, 50):
            assert sum(part() is not None for part in alive) <= 1
            part = PIXELS[start : start + 50].clone()
            alive.append(weakref.ref(part))
            yield part
            del part

    network = selecting(3, 70, 2000)
    for streamed, whole in zip(hashed(network, batches()), hashed(network, [PIXELS]), strict=True):
        assert np.array_equal(streamed, whole)
    assert (len(hashed(network, [PIXELS])[0]), len(alive)) == (300, 6)


def test_planted_are_near_their_sources_and_nothing_else() -> None:
    before = torch.get_rng_state()
    planted = near_duplicates(PIXELS, 80, stream(0, "planted"))
    assert torch.equal(before, torch.get_rng_state())
    assert len(planted.sources.unique()) == 80
    assert planted.kinds == [*KINDS] * 20
    assert planted.pixels.shape == (80, 3, 32, 32)
    sources = PIXELS[planted.sources].double()
    apart = (planted.pixels - sources).square().mean((1, 2, 3)).sqrt()
    assert 0 < apart.min() <= apart.max() < 20
    for at, kind in enumerate(planted.kinds):
        if kind == "brightened":
            middle = (sources[at] > 50) & (sources[at] < 220)
            factors = planted.pixels[at][middle] / sources[at][middle]
            assert factors.max() - factors.min() < 0.021
            assert 0.89 < factors.mean() < 1.11
        if kind == "noisy":
            middle = (sources[at] > 50) & (sources[at] < 200)
            noise = (planted.pixels[at] - sources[at])[middle]
            assert noise.std() == pytest.approx(255 * NOISE, rel=0.15)
    assert len(near_duplicates(PIXELS, 0, stream(0, "planted")).pixels) == 0


def test_a_crop_loses_a_row_and_a_column() -> None:
    picture = torch.zeros(1, 32, 32, dtype=torch.uint8)
    picture[:, 0], picture[:, -1] = 250, 100
    generator = stream(0, "crop")
    edges = {tuple(KINDS["cropped"](picture, generator)[0, [0, -1], 16].tolist()) for _ in range(20)}
    assert len(edges) == 2
    assert all((top > 200) != (bottom > 80) for top, bottom in edges)


def test_training_undoes_noise(tmp_path: Path) -> None:
    """Of images that are mapped from a file that nobody may write to, and by nobody else's randomness."""
    np.save(tmp_path / "pixels.npy", PIXELS.numpy())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # torch says so once a process
        mapped = torch.from_numpy(np.load(tmp_path / "pixels.npy", mmap_mode="r"))
    before = torch.get_rng_state()
    settings = {"code": 64, "noise": 1.0, "keep": 0.8, "weight_std": 0.01, "lr": 1e-3, "batch": 32}
    network, loss = trained(mapped, lambda *p: stream(0, *p), 200, **settings)  # type: ignore[arg-type]
    again = trained(PIXELS, lambda *p: stream(0, *p), 200, **settings)  # type: ignore[arg-type]
    assert torch.equal(before, torch.get_rng_state())
    assert loss == again[1]
    assert torch.equal(network.encoder.weight, again[0].encoder.weight)
    clean = seen(PIXELS)
    with torch.no_grad():
        restored = network(clean + torch.randn(clean.shape, generator=stream(0, "noise")))
    assert (restored - clean).square().mean() < clean.square().mean() / 3


def test_the_code_has_no_bias_and_first_weights_their_scale() -> None:
    network = initialised(lambda: Autoencoder(3072, 128, 0.5, 0.001), 0, "autoencoder")
    assert {tuple(p.shape) for p in network.parameters()} == {(128, 3072), (3072, 128), (3072,)}
    assert network.encoder.weight.std().item() == pytest.approx(0.001, rel=0.01)  # type: ignore[union-attr, operator]
    assert not network.decoder.bias.any()  # type: ignore[union-attr, operator]
    assert not network.code(torch.zeros(1, 3072)).any()  # type: ignore[operator]


def test_recall_and_false_positives_by_hand() -> None:
    """Eight images, 3 equal to 1, then near-duplicates planted of 0, 2, 4 and 6.

    Codes: a b c b d a e e | a d x e. So 3 is rightly removed; 5, at the code of 0, and 7, at that of 6, are not;
    neither is the one of 2, at the code of 4. Those of 0 and 6 are found, those of 2 and 4 missed.
    """
    first = np.array([0, 1, 2, 1, 4, 0, 6, 6, 0, 4, 10, 6])
    equal = np.array([0, 1, 2, 1, 4, 5, 6, 7, 8, 9, 10, 11])
    pixels = torch.zeros(12, 1, 32, 32, dtype=torch.uint8)
    pixels[7], pixels[5], pixels[9] = 10, 20, 200
    kinds = ["cropped", "noisy", "noisy", "cropped"]
    metrics, chosen = judged(pixels, first, equal, Planted(pixels[8:], torch.tensor([0, 2, 4, 6]), kinds))
    assert metrics == {
        "recall": 0.5, "recall/cropped": 1.0, "recall/noisy": 0.0, "false_positives": 3 / 6, "unlike": 2 / 6,
    }  # fmt: skip
    listed = {name: [each.tolist() for each in pair] for name, pair in chosen.items()}
    assert listed == {"collided": [[3, 8, 11], [1, 0, 6]], "wrong": [[5, 7, 9], [0, 6, 4]], "missed": [[9, 10], [2, 4]]}
    assert distances(pixels, np.array([9, 0]), np.array([4, 1])).tolist() == pytest.approx([200 / 255, 0])


def test_a_near_duplicate_of_what_is_wrongly_removed_is_rightly_found() -> None:
    """0 and 1 collide, and so does what is planted of 1: it is found behind 1, though 0 is what stays."""
    pixels = torch.zeros(3, 1, 32, 32, dtype=torch.uint8)
    planted = Planted(pixels[2:], torch.tensor([1]), ["noisy"])
    metrics, chosen = judged(pixels, np.array([0, 0, 0]), np.array([0, 1, 2]), planted)
    assert (metrics["recall"], metrics["false_positives"]) == (1, 0.5)
    assert [each.tolist() for each in chosen["collided"]] == [[2], [1]]


def test_where_nothing_is_removed_there_is_no_share() -> None:
    pixels = torch.zeros(3, 1, 32, 32, dtype=torch.uint8)
    planted = Planted(pixels[2:], torch.tensor([1]), ["noisy"])
    metrics, _ = judged(pixels, np.array([0, 1, 2]), np.array([0, 1, 2]), planted)
    assert metrics["recall"] == 0
    assert np.isnan([metrics["false_positives"], metrics["unlike"]]).all()


def test_the_study_finds_what_is_planted(found: Evaluated) -> None:
    metrics, arrays = found.metrics, found.arrays["dedup"]
    assert metrics["images"] == 360 == metrics["kept"] + metrics["removed"]
    assert metrics["equal"] >= TWINS
    assert metrics["recall"] > 0.5
    assert metrics["false_positives"] == metrics["unlike"] == 0
    assert metrics["recall/brightened"] > 0.8
    assert arrays["kept"].tolist() == list(range(300 - TWINS))
    assert (arrays["removed"].tolist(), arrays["instead_of"].tolist()) == ([*range(300 - TWINS, 300)], [*range(TWINS)])
    assert arrays["fingerprint"] == DATA.fingerprint
    assert arrays["collided"].shape == (12, 2, 3, 32, 32)
    assert len(arrays["wrong"]) == 0
    missed = round((1 - metrics["recall"]) * 60)
    assert len(arrays["missed"]) == min(12, missed)


def test_nothing_planted_nothing_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = study(planted=0, updates=60)
    assert {"recall", "false_positives", "unlike"}.isdisjoint(found.metrics)
    assert found.metrics["removed"] == found.metrics["equal"] == TWINS
    assert capsys.readouterr().out == "Near-duplicates: 7 of 300 images removed.\n"
    pairs = found.arrays["dedup"]["collided"]
    assert np.array_equal(pairs[:, 0], pairs[:, 1])
    assert np.array_equal(pairs[:, 0], PIXELS[:TWINS].numpy())
    assert (Deduplication(DATA).monitor, Deduplication(DATA, planted=3).monitor) == ("removed", "recall")


def test_untrained_weights_find_less(found: Evaluated) -> None:
    barely = Deduplication(DATA, batch=32, planted=60, weight_std=0.1)(lambda *p: stream(0, *p), 1)
    assert barely.metrics["recall"] < found.metrics["recall"] - 0.2


def test_refusals() -> None:
    with pytest.raises(UserError, match=r"planted=301: smooth has 300 images"):
        Deduplication(DATA, planted=301)
    with pytest.raises(UserError, match="pictures"):
        Deduplication(GaussianMixture([[0.0]], [1.0], [1.0]))  # type: ignore[arg-type]


def test_the_file_of_settings_has_the_defaults() -> None:
    given = yaml.safe_load((CONF / "model" / "dedup.yaml").read_text())
    assert given.pop("_target_") == "ganrepro.dedup.study.Deduplication"
    arguments = dict(inspect.signature(Deduplication).parameters)
    del arguments["data"]
    assert given == {name: argument.default for name, argument in arguments.items()}


def planted_run(folder: Path, seed: int, found: Evaluated) -> Run:
    run = folder / "lsun_dedup" / "laptop" / "default-0a" / f"seed={seed}"
    (run / "artifacts").mkdir(parents=True)
    metrics = {"monitor": "recall", "mode": "max", "final": found.metrics, "best": found.metrics}
    (run / "result.json").write_text(json.dumps({"status": "done", "seed": seed, "metrics": metrics}))
    np.savez(run / "artifacts" / "dedup.npz", **found.arrays["dedup"])
    return Run(run)


def test_the_page_has_a_row_a_seed_and_what_collided(tmp_path: Path, found: Evaluated) -> None:
    runs = [planted_run(tmp_path, seed, found) for seed in (0, 1)]
    (section,) = sections("lsun_dedup", runs, [], "laptop", tmp_path / "out")
    (table,) = section.tables
    assert [row[:3] for row in table.rows] == [["plain", "0", "360"], ["plain", "1", "360"]]
    assert dict(zip(table.header, table.rows[0], strict=True))["recall of planted"] == f"{found.metrics['recall']:.2%}"
    assert [picture.title for picture in section.pictures] == ["What collided", "Planted and missed"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "lsun_dedup_collided-0a.png",
        "lsun_dedup_missed-0a.png",
    }
    assert sections("lsun_dedup", [Run(tmp_path / "a" / "b" / "c" / "seed=0")], [], "laptop", tmp_path) == []


def test_the_page_without_planted_ones_has_no_shares(tmp_path: Path) -> None:
    (section,) = sections(
        "lsun_dedup", [planted_run(tmp_path, 0, study(planted=0, updates=60))], [], "paper", tmp_path / "out"
    )
    assert section.tables[0].header == [
        "cell", "seed", "images", "removed", "of these equal to the byte", "largest group", "active units",
    ]  # fmt: skip
    assert [picture.title for picture in section.pictures] == ["What collided"]
