import re

import numpy as np
import pytest
from markdown_pages import rows, section, study_page
from PIL import Image
from planted_dcgan import plant_dedup, plant_features, plant_labelled

from ganrepro.report.records import read_runs


@pytest.fixture
def page(root, tmp_path, claims_dir):
    """`page(study, scale)`: its text, and the names of its files, which lie in out/<study>."""
    return lambda study, scale="laptop": study_page(root, study, tmp_path / "out" / study, claims_dir, scale)


# Features. -----------------------------------------------------------------------------------------------------


def test_table_1_has_all_rows_quoted_and_ours(plant, page, tmp_path):
    plant_features(plant, "dcgan_cifar10_features", judged="cifar10")
    text, files = page("dcgan_cifar10_features")
    assert "table1.tex" in files
    table = rows(section(text, "Table 1"))
    quoted, ours = table[:5], table[5:]
    assert all(row[0].endswith(" (quoted)") for row in quoted)
    assert [row[1] for row in quoted] == ["80.6", "82.0", "81.9", "84.3", "82.8"]
    assert [row[2:6] for row in quoted][3:] == [["77.4", "± 0.2", "400", "1024"], ["73.8", "± 0.4", "400", "512"]]
    # 60, 60.5 and 61 %: 60.5 with a half width of 4.3027 * 0.5 / sqrt 3 = 1.24; ± is 1.96 standard deviations of 1 %
    assert ours[0][:11] == [
        "ours: D's features", "60.5 [59.3, 61.7]", "45.5 [44.3, 46.7]", "± 2.0", "20", "512", "7,168", "0.001",
        "0.01 (edge)", "0", "3 of 3",
    ]  # fmt: skip
    assert ours[1][:4] == ["ours: an untrained D's features", "50.5 [49.3, 51.7]", "35.5 [34.3, 36.7]", "± 2.0"]
    assert ours[1][7:10] == ["0.0001 (edge)", "0.0005", "6"]
    assert ours[2][:2] == ["ours: raw pixels", "40.5 [39.3, 41.7]"]
    assert ours[2][5:7] == ["–", "3,072"]
    assert "D was trained on cifar10, standing in for ImageNet, and its features are judged on cifar10" in text
    assert "9,000 training and 2,000 test images, 2 draws of few labels." in text
    assert (
        "few labels. Here are not all images of CIFAR-10 and D did not see ImageNet: the quoted rows are no yardstick."
        in text
    )
    tex = (tmp_path / "out" / "dcgan_cifar10_features" / "table1.tex").read_text()
    assert r"DCGAN + L2-SVM (quoted) & 82.8 & 73.8 & $\pm$ 0.4" in tex
    assert "% runs/dcgan_cifar10_features/laptop/default-1a2b3c4d" in tex


def test_other_data_than_cifar10_are_no_yardstick(plant, page):
    plant_features(plant, "dcgan_cifar10_features", seeds=1, judged="patches")
    assert "judged on patches, 9,000 training" in page("dcgan_cifar10_features")[0]
    assert "Here are not all images of CIFAR-10 and D did not see ImageNet" in page("dcgan_cifar10_features")[0]


@pytest.mark.parametrize(
    ("train", "test", "data", "says"),
    [
        (40_000, 10_000, {"name": "imagenet32"}, ""),
        (40_000, 2000, {"name": "imagenet32"}, "Here are not all images of CIFAR-10: "),
        (39_999, 10_000, {"name": "imagenet32"}, "Here are not all images of CIFAR-10: "),
        (40_000, 10_000, {"name": "cifar10", "stand_in_for": "ImageNet"}, "Here D did not see ImageNet: "),
    ],
)
def test_the_quoted_rows_compare_with_all_images_and_the_papers_data(plant, page, root, train, test, data, says):
    plant_features(plant, "dcgan_cifar10_features", seeds=1, data=data)
    [run] = read_runs(root)
    arrays = run.arrays("features") | {"train": np.array(train), "test": np.array(test)}
    np.savez(run.folder / "artifacts" / "features.npz", **arrays)
    text = page("dcgan_cifar10_features")[0]
    assert ("no yardstick" in text) == bool(says)
    assert f"2 draws of few labels.{f' {says}the quoted rows are no yardstick.' if says else ''}" in text


def test_departed_cells_have_rows_and_diverged_runs_are_counted(plant, page):
    plant_features(plant, "dcgan_cifar10_features", seeds=2)
    plant(study="dcgan_cifar10_features", seed=2, paper="dcgan", status="diverged")
    plant_features(plant, "dcgan_cifar10_features", seeds=1, cell="latent=normal-0", departures={"latent": "normal"})
    text = page("dcgan_cifar10_features")[0]
    ours = rows(section(text, "Table 1"))[5:]
    assert [row[0] for row in ours[::3]] == ["ours: D's features", "ours: D's features, latent=normal †"]
    assert [row[10] for row in ours[::3]] == ["2 of 3", "1 of 1"]
    assert "default-1a2b3c4d: seeds 0, 1 after 2,000 updates of G; 1 diverged." in text


def test_features_that_are_not_finite_have_no_number(plant, page, root):
    plant_features(plant, "dcgan_cifar10_features", seeds=1)
    [run] = read_runs(root)
    arrays = run.arrays("features")
    for key in ("accuracy", "c", "few", "few_c", "few_validation"):
        arrays[key][0] = np.nan
    np.savez(run.folder / "artifacts" / "features.npz", **arrays)
    record = (run.folder / "result.json").read_text()
    (run.folder / "result.json").write_text(re.sub(r'("features/(accuracy|few)": )[\d.]+', r"\1NaN", record))
    row = rows(section(page("dcgan_cifar10_features")[0], "Table 1"))[5]
    assert row[1:4] == ["–", "–", "–"]
    assert row[7:9] == ["–", "–"]


def test_table_2_has_errors_and_the_supervised_network(plant, page):
    plant_features(plant, "dcgan_svhn_features", judged="svhn", alone=0.3, data={"name": "svhn"})
    text, files = page("dcgan_svhn_features")
    assert "table2.tex" in files
    table = rows(section(text, "Table 2"))
    quoted, ours = table[:9], table[9:]
    assert [row[1] for row in quoted] == ["77.93", "66.55", "65.63", "54.33", "36.02", "27.83", "23.56", "22.48", ""]
    assert quoted[8][3] == "28.87"
    # 1 - 0.455 on test, 3 points less on validation, 1 - 0.605 with all labels
    assert ours[0][:6] == [
        "ours: D's features", "54.5 [53.3, 55.7]", "± 2.0", "51.5 [50.3, 52.7]", "20", "0.01 (edge)",
    ]  # fmt: skip
    assert ours[0][7] == "39.5 [38.3, 40.7]"
    assert [row[0] for row in ours[1:]] == [
        "ours: an untrained D's features", "ours: raw pixels", "ours: supervised network of D's architecture",
    ]  # fmt: skip
    assert ours[3][1:4] == ["70 [70, 70]", "", "68 [68, 68]"]
    assert ours[3][9:11] == ["16", "3 of 3"]
    assert "22.18 ± 1.13" in text
    assert "28.87 is an error on validation images" in text
    assert "D was trained on svhn and its features are judged on svhn" in text


@pytest.mark.parametrize(("study", "title", "quoted"), [
    ("dcgan_cifar10_features", "Table 1", 5), ("dcgan_svhn_features", "Table 2", 9),
])  # fmt: skip
def test_tables_without_runs_quote_the_paper_and_say_what_to_type(page, study, title, quoted):
    own = section(page(study)[0], title)
    assert len(rows(own)) == quoted
    assert f"Not run: `python run.py experiment={study} scale=laptop`." in own


def test_arrays_that_are_cut_off_leave_the_quoted_rows(plant, page, root):
    plant_features(plant, "dcgan_svhn_features", seeds=1, judged="svhn", alone=0.3)
    (read_runs(root)[0].folder / "artifacts" / "features.npz").write_bytes(b"PK\x03\x04 cut off")
    ours = rows(section(page("dcgan_svhn_features")[0], "Table 2"))[9:]
    assert [row[0] for row in ours] == ["ours: supervised network of D's architecture"]


# Nearest neighbours and near-duplicates. -----------------------------------------------------------------------


def test_neighbours_have_errors_by_size_with_real_images_beside(plant, page):
    plant_labelled(plant)
    text, files = page("dcgan_mnist_conditional")
    assert {f"dcgan_mnist_conditional{name}.png" for name in ("", "_classes", "_sheet", "_cells")} <= files
    own = section(text, "Nearest neighbours")
    head = next(line for line in own.splitlines() if line.startswith("|")).strip("| ").split(" | ")
    assert head[1:7] == ["1,000", "1,197", "10,000", "20,000", "50,000", "10,000,000"]
    table = rows(own)
    assert [row[0] for row in table[:5]] == [
        f"{name} (quoted, unverified)" for name in ("AlignMNIST", "InfiMNIST", "real data", "GAN", "DCGAN")
    ]
    assert table[4][5:7] == ["2.98", "1.48"]
    # 8, 8.1 and 8.2 %: a half width of 4.3027 * 0.1 / sqrt 3 = 0.25
    assert table[5][:5] == [
        "ours: DCGAN's samples", "12.10 [11.85, 12.35]", "8.10 [7.85, 8.35]", "7.10 [6.85, 7.35]", "6.10 [5.85, 6.35]",
    ]  # fmt: skip
    assert table[6][:4] == ["ours: real training images", "5", "4", ""]
    assert [row[1] for row in table[7:]] == ["13.10 [12.85, 13.35]", "6"]  # on validation images, without quoted ones
    assert "UNVERIFIED" in own


def test_samples_that_are_not_finite_have_no_error(plant, page, root):
    plant_labelled(plant, seeds=1, by_class=False)
    [run] = read_runs(root)
    arrays = run.arrays("one_nn")
    arrays["errors"][2:] = np.nan
    np.savez(run.folder / "artifacts" / "one_nn.npz", **arrays)
    text, files = page("dcgan_mnist_conditional")
    row = next(row for row in rows(section(text, "Nearest neighbours")) if row[0] == "ours: DCGAN's samples")
    assert row[1:4] == ["12", "8", ""]
    assert "dcgan_mnist_conditional_classes.png" not in files


def test_classes_stand_in_columns(plant, page, root, tmp_path):
    plant_labelled(plant, seeds=1)
    [run] = read_runs(root)
    arrays = run.arrays("one_nn")
    arrays["samples"] = np.arange(10, dtype=np.uint8)[:, None, None, None, None] * np.full(
        (1, 8, 1, 16, 16), 20, np.uint8
    )
    np.savez(run.folder / "artifacts" / "one_nn.npz", **arrays)
    page("dcgan_mnist_conditional")
    picture = Image.open(tmp_path / "out" / "dcgan_mnist_conditional" / "dcgan_mnist_conditional_classes.png")
    levels = np.asarray(picture.convert("L")).astype(int)
    line = levels[6 + 22 + 50, -8 - 10 * 46 + 24 :: 46]  # the second line of samples, the middle of each
    np.testing.assert_allclose(line[:10], np.arange(10) * 20, atol=1)


def test_neighbours_without_runs(page):
    own = page("dcgan_mnist_conditional")[0]
    assert len(rows(section(own, "Nearest neighbours"))) == 5
    assert own.count("Not run: `python run.py experiment=dcgan_mnist_conditional scale=laptop`.") == 2


def test_near_duplicates_are_on_the_page(plant, page):
    plant_dedup(plant)
    text = page("lsun_dedup")[0]
    assert "93.00%" in section(text, "Near-duplicates")
