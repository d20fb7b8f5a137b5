import math

import numpy as np
import pytest
import yaml
from markdown_pages import rows, section, study_page
from PIL import Image
from planted_tgan import (
    ABLATION,
    MODELS,
    NAMES,
    UPDATES,
    course,
    plant_ablation,
    plant_cell,
    plant_models,
    plant_pixelcnn,
    plant_tgan,
    plant_toy,
    scores,
)

from ganrepro.report import figures, figures_tgan, tgan, tgan_losses
from ganrepro.report.paper_page import write_paper
from ganrepro.report.records import read_runs
from ganrepro.report.study import write_study
from ganrepro.report.tgan_classes import class_table
from ganrepro.report.tgan_noise import noise_table
from ganrepro.report.tgan_tables import cells_of, differences_table, diversity_table
from ganrepro.report.tgan_timing import timing_table


@pytest.fixture
def page(root, tmp_path, claims_dir):
    """`page(study, scale)`: its text, and the names of its files, which lie in out/<study>."""
    return lambda study, scale="laptop": study_page(root, study, tmp_path / "out" / study, claims_dir, scale)


@pytest.fixture
def cells(root):
    """The cells of whatever is planted, of models or of the ablation."""

    def found(axis="model"):
        return cells_of(read_runs(root), axis, MODELS if axis == "model" else list(tgan.ABLATIONS))

    return found


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are built and not drawn, which takes most of a page's time."""

    def render(figure, path, *_):
        return figures.save(Image.new("RGB", (2, 2)), path)

    monkeypatch.setattr(figures, "render", render)


def column(table, head):
    return {row[0]: row[table.header.index(head)] for row in table.rows}


def colours(path):
    with Image.open(path) as image:
        return {tuple(colour) for colour in np.asarray(image.convert("RGB")).reshape(-1, 3)}


def rgb(text):
    return tuple(int(text[at : at + 2], 16) for at in (1, 3, 5))


# Models. -------------------------------------------------------------------------------------------------------


def test_models_have_a_row_each_below_the_real_images(plant, cells):
    plant_models(plant)
    table = diversity_table(cells())
    unequal = ["dcgan, data.images=null †", "acgan, data.images=null †"]
    assert [row[0] for row in table.rows] == ["real test images", "real test images †", *MODELS, *unequal]
    # 8, 8.1, 8.2: a half width of 4.3027 * 0.1 / sqrt 3
    assert column(table, "IS")["tgan"] == "8.10 [7.85, 8.35]"
    assert column(table, "IS")["real test images"] == "9.8"
    assert column(table, "distance to the nearest training image")["real test images †"] == "0.06667"
    assert column(table, "read as asked, by the scorer")["deligan"] == "–"
    assert column(table, "read as asked, by the scorer")["tgan"].startswith("0.910 [")
    assert column(table, "read as asked, by the scorer")["real test images"] == "0.975"
    by_head = column(table, "read as asked, by D's own head")
    assert by_head["tgan"] == "0.810 [0.785, 0.835] (real ones: 0.99)"
    assert by_head["deligan"] == by_head["real test images"] == "–"
    assert column(table, "parameters, G + D")["tgan"] == "30,000"
    assert column(table, "Frechet distance")["real test images"] == "1.5", "a perfect generator's"
    assert "IS by Inception" not in table.header
    assert column(table, "training images") | {"tgan": "500"} == column(table, "training images")
    assert {column(table, "training images")[name] for name in unequal} == {"60,000"}
    assert column(table, "seeds")["gan"] == "2 of 3"
    notes = " ".join(table.notes)
    assert "m-IS also rises when the classifier is confused" in notes
    said = "Read by: classifier 0123456789ab, right on 99.30% of the test images. 1,000 samples of each model, 300 test"
    assert said in notes
    assert "Different scorers" not in notes
    assert "Overall it is the mean over the classes covered" in notes
    assert "perfect generator's" in notes
    assert "D's own head reads in training" in notes
    assert "DCGAN and ACGAN have networks of their own" in notes
    assert "1 of 21 runs diverged" in notes


def test_scorers_that_differ_are_named(plant, cells):
    plant_models(plant, seeds=2, models=("gan", "tgan"), unequal=False, status="done")
    path = next(members for members in cells()["tgan"] if members.seed == 1).folder / "artifacts" / "classes.npz"
    with np.load(path) as archive:
        whole = {key: archive[key] for key in archive.files}
    np.savez(path, **(whole | {"scorer_hash": np.array("ffff")}))
    notes = " ".join(diversity_table(cells()).notes)
    assert "classifier 0123456789ab, right on 99.30% of the test images and classifier ffff, right on" in notes
    assert "Different scorers judged these runs" in notes
    assert "DCGAN" not in notes
    del whole["scorer_hash"]  # a run of before
    np.savez(path, **whole)
    assert "Read by: classifier 0123456789ab, right on 99.30% of the test images and classifier, right" in " ".join(
        diversity_table(cells()).notes
    )


def test_inceptions_own_score_has_a_column_where_there_is_one(plant, cells):
    found = scores(8.0, 0, True) | {"inception_score_inception": 4.25, "real/inception_score_inception": 11.2}
    metrics = {"monitor": "inception_score", "mode": "max", "final": found, "best": found}
    plant_cell(plant, "tgan_cifar10", {"model": "tgan"}, 0, 8.0, metrics=metrics)
    table = diversity_table(cells())
    assert column(table, "IS by Inception") == {"real test images": "11.2", "tgan": "4.25"}


def test_differences_are_paired_by_seed(plant, cells):
    plant_models(plant, seeds=2, models=("deligan",), unequal=False)
    plant_models(plant, seeds=4, models=("tgan",), unequal=False)
    found = cells()
    table = differences_table({"tgan − deligan": (found["tgan"], found["deligan"])}, "difference")
    [row] = table.rows
    assert row[1:3] == ["0.8 [0.8, 0.8], < 0.001", "0.04 [0.04, 0.04], < 0.001"]
    assert row[-2:] == ["2", "0 of 6"]
    assert len(table.folders[0]) == 2


def test_classes_have_scores_counts_and_the_real_ones(plant, cells):
    plant_models(plant, seeds=2, models=("deligan", "tgan"), unequal=False)
    table = class_table(cells())
    assert [row[0] for row in table.rows] == NAMES
    assert [row[1] for row in table.rows] == ["1.3; 30"] * 10
    assert table.rows[3][2] == "1.425 (n = 1); 50"  # one of two seeds has none: 1 + 7.3 / 20 + 3 * 0.02
    assert table.rows[2][3].endswith("; 100")
    assert float(table.rows[2][3].split()[0]) == pytest.approx(1 + 8.05 / 20 + 0.04, abs=0.001)


def test_without_arrays_or_with_one_score_for_all_there_are_no_classes(plant, cells, tmp_path):
    plant_cell(plant, "tgan_mnist", {"model": "tgan"}, 0, 8.0, arrays={})
    folder = plant_cell(plant, "tgan_mnist", {"model": "gan"}, 0, 6.0)
    path = folder / "artifacts" / "classes.npz"
    with np.load(path) as archive:
        whole = {key: archive[key] for key in archive.files}
    np.savez(path, **(whole | {"per_class": np.ones(1)}))  # pairing=all
    assert class_table(cells()).rows == []
    assert figures_tgan.per_class(cells(), tmp_path / "p.png") is None
    assert figures_tgan.class_sheets(tgan.sheets_of(cells()), tmp_path / "p.png") is None
    assert len(diversity_table(cells()).rows) == 3


@pytest.mark.usefixtures("undrawn")
def test_the_page_of_models(plant, page):
    plant_models(plant, seeds=1, models=("tgan",))
    text, files = page("tgan_mnist")
    pictures = {f"tgan_mnist_{name}.png" for name in ("per_class", "classes", "losses", "sheet", "cells")}
    assert pictures <= files
    assert "every_seed.png" not in files  # the sheet has them
    titles = [row[0] for row in rows(section(text, "Diversity"))]
    assert titles[-2:] == ["tgan − dcgan, data.images=null †", "tgan − acgan, data.images=null †"]
    assert "Samples are judged by: a classifier trained here on the real images." in text
    sheet = section(text, "Samples by class")
    assert "grey where there is no sample" in sheet
    assert "Read as asked, by the scorer and by D's own head: tgan 90% and 80%, dcgan" not in sheet
    assert "Read as asked, by the scorer and by D's own head: tgan 90% and 80%, acgan, data.images=null † 90%" in sheet
    assert len(rows(section(text, "Class by class"))) == 10
    assert "300 test images, with as many samples" in section(text, "All cells")


def test_bars_have_a_colour_a_model_and_none_is_that_of_real_images(plant, cells, tmp_path):
    plant_models(plant, seeds=2, models=("deligan", "tgan"), unequal=False)
    found = colours(figures_tgan.per_class(cells(), tmp_path / "p.png"))
    assert {rgb(figures.COLOURS[0]), rgb(figures.COLOURS[1]), (0, 0, 0)} <= found
    assert all(len(set(figures_tgan._palette(n)) - {"#000000"}) == n for n in range(1, 20))


def test_models_that_just_began_say_what_to_type(plant, page):
    plant_cell(plant, "tgan_cifar10", {"model": "tgan"}, 0, 8.0, status="running", rows=[])
    text, files = page("tgan_cifar10")
    assert "Not run: `python run.py -m experiment=tgan_cifar10 scale=laptop`." in section(text, "Diversity")
    assert not {name for name in files if name.startswith("tgan_cifar10_")}


def test_a_class_without_samples_is_grey(plant, cells, tmp_path):
    plant_cell(plant, "tgan_mnist", {"model": "deligan"}, 0, 7.0, empty=3)
    path = tmp_path / "c.png"
    figures_tgan.class_sheets(tgan.sheets_of(cells()), path)
    with Image.open(path) as image:
        grey = (np.asarray(image.convert("RGB")) == 232).all(axis=2)
    tops = [8 + 22 + line * (figures_tgan.SIDE + figures_tgan.GAP) for line in range(10)]
    whole = [grey[top : top + figures_tgan.SIDE].sum() >= 8 * figures_tgan.SIDE**2 for top in tops]
    assert whole == [line == 3 for line in range(10)]


# Losses. -------------------------------------------------------------------------------------------------------


def test_losses_have_levels_and_slopes(plant, cells):
    plant_models(plant, seeds=2, models=("gan", "tgan"), unequal=False, status="done")
    table = tgan_losses.losses_table(cells())
    assert [row[:3] for row in table.rows] == [[m, p, "7,500"] for m in ("gan", "tgan") for p in ("G", "D")]
    g, d = ([float(row[3].split()[0]) for row in table.rows[place::2]] for place in (0, 1))
    assert g == pytest.approx([math.log(2)] * 2, abs=0.01)
    assert d == pytest.approx([2 * math.log(2)] * 2, abs=0.001)
    assert float(table.rows[2][6].split()[0]) == pytest.approx(math.log(2) + 1, abs=0.01)  # with all terms
    assert [float(row[5].split()[0]) for row in table.rows] == pytest.approx([0] * 4, abs=0.001)


def test_short_runs_tell_of_their_second_half(plant, cells):
    long = {"generator_updates": 6000, "updates_wanted": 6000, "rows": course(0, updates=6000)}
    plant_cell(plant, "tgan_mnist", {"model": "tgan"}, 0, 8.0, **long)
    [first, _] = tgan_losses.losses_table(cells()).rows
    assert first[2] == "3,000"
    assert float(first[5]) == pytest.approx(-0.4, abs=0.01)  # 3 / 7.5 every 1,000 updates


def test_loss_curves_have_both_levels_and_the_steps_of_a_controller(plant, cells, tmp_path):
    plant_ablation(plant, 1, ("base", "controller"))
    table = tgan_losses.losses_table(cells("ablation"))
    assert column(table, "G's steps a round") == {"base": "–", "controller": "–"}  # D's rows come last
    assert [row[7] for row in table.rows] == ["–", "–", "2", "–"]
    path = tgan_losses.loss_curves(cells("ablation"), tmp_path / "l.png")
    assert {rgb(colour) for colour in (*tgan_losses.PLAYERS.values(), tgan_losses.GREEN)} <= colours(path)
    (tmp_path / "l.png").unlink()
    plain = {"base": cells("ablation")["base"]}
    assert rgb(tgan_losses.GREEN) not in colours(tgan_losses.loss_curves(plain, tmp_path / "l.png"))


def test_many_rows_are_drawn_as_means_of_stretches():
    points = [(n, float(n % 2)) for n in range(4000)] + [(4000, math.nan)]
    drawn = tgan_losses.thinned(points)
    assert len(drawn) == tgan_losses.POINTS
    assert {y for _, y in drawn} == {0.5}
    assert tgan_losses.thinned([(1, math.inf)]) == []


def test_losses_without_parts_are_whole(plant, root):
    plant(study="tgan_mnist", rows=[{"generator_updates": 1, "loss/generator": 0.5}])
    assert tgan_losses.adversarial(read_runs(root)[0], "generator") == "loss/generator"


# One thing at a time. ------------------------------------------------------------------------------------------


def test_the_ablation_is_against_the_base_and_step_by_step(plant, cells):
    plant_ablation(plant, seeds=2)
    found = cells("ablation")
    assert list(found) == [name for name in tgan.ABLATIONS if name in ABLATION]
    scores, differences, steps = tgan.ablation_tables(found)
    assert scores.rows[1][0] == "base: t mixture with v = 3, code, classification loss"
    assert {row[0].partition(":")[0] for row in differences.rows} == ABLATION.keys() - {"base"}
    shown = {row[0].partition(":")[0]: row for row in differences.rows}
    assert shown["gaussian"][1] == "-0.5 [-0.5, -0.5], < 0.001"
    assert shown["v1"][1:2] + shown["v1"][-2:] == ["-3, –", "1", "1 of 4"]
    assert [row[0] for row in steps.rows] == [f"{first} − {second}" for first, second in tgan.PARTS]
    assert steps.rows[0][1] == "0.5 [0.5, 0.5], < 0.001"


def test_every_cell_of_the_study_is_explained(claims_dir):
    study = yaml.safe_load((claims_dir.parent / "experiment" / "tgan_ablation.yaml").read_text())
    cells = study["hydra"]["sweeper"]["params"]["ablation"].replace(" ", "")
    assert cells.split(",") == list(tgan.ABLATIONS)


def test_sweeps_have_infinity_at_their_end_and_the_bases_components(plant, cells, tmp_path):
    plant_ablation(plant, 2)
    found = cells("ablation")
    assert sorted(tgan.by_components(found)) == [1, 50, 200]
    places = figures_tgan._places([1.0, 10.0, math.inf])
    assert places == {1.0: 0, 10.0: 1, math.inf: 1.5}
    v = {tgan.TAILS[name]: members for name, members in found.items() if name in tgan.TAILS}
    path = figures_tgan.sweep(v, "v", tmp_path / "v.png")
    assert (190, 20, 20) in colours(path)  # a run diverged
    assert figures_tgan.sweep({3.0: found["base"]}, "v", tmp_path / "v.png") is None


@pytest.mark.usefixtures("undrawn")
def test_the_page_of_the_ablation(plant, page):
    plant_ablation(plant, 1, ("base", "v10", "gaussian", "codeword"))
    text, files = page("tgan_ablation")
    assert {f"tgan_ablation_{name}.png" for name in ("v", "per_class", "classes", "losses", "sheet")} <= files
    assert "tgan_ablation_components.png" not in files  # one number is no curve
    assert "v = ∞: Gaussian mixture" in section(text, "One thing changed at a time")
    assert "v10" not in section(text, "Class by class")


# The others. ---------------------------------------------------------------------------------------------------


def test_the_toy_has_the_noise_before_and_after(plant, page, root, tmp_path):
    plant_toy(plant, 1)
    text, files = page("tgan_toy")
    assert "tgan_toy_noise.png" in files
    shown = {row[0]: row[1:] for row in rows(section(text, "The noise"))}
    mixture, plain = shown["model=deligan, latent.noise.df=3.0"], shown["model=gan, latent.noise.df=3.0"]
    assert float(mixture[1].split()[0]) == pytest.approx(math.hypot(0.6, 0.6), abs=1e-3)  # all in the data's centres
    assert mixture[2:4] == ["0.02", "0.2"]
    assert plain[:4] == ["–"] * 4
    assert rgb(figures_tgan.figures_ring.MEAN) in colours(tmp_path / "out" / "tgan_toy" / "tgan_toy_noise.png")
    for path in root.rglob("ring*.npz"):
        path.unlink()
    assert "tgan_toy_noise.png" not in page("tgan_toy")[1]


def test_a_window_is_not_made_for_the_tails():
    points = np.zeros((1000, 2))
    points[:, 0] = np.linspace(-1, 1, 1000)
    points[0] = 1e6
    assert figures_tgan.window(points) < 1.3
    assert figures_tgan.window(np.full((3, 2), np.nan)) == 1.0


def test_costs_are_compared_on_one_machine(plant, cells, root):
    plant_pixelcnn(plant)
    table = timing_table(cells())
    assert {row[0] for row in table.rows} == {"pixelcnn", "tgan", "tgan over pixelcnn"}
    ratios = table.rows[-1]
    assert ratios[1:3] == ["0.1 [0.1, 0.1]", "0.01 [0.01, 0.01]"]
    shown = {row[0]: row for row in table.rows}
    assert shown["tgan"][1].split()[0] == "44"  # 40, 44 and 48.4 seconds
    assert shown["pixelcnn"][5:9] == ["1.30 [1.05, 1.55]", "123,456", "500", "A CPU (cpu), 1 thread"]
    assert shown["tgan"][5:8] == ["–", "30,000", f"{UPDATES:,}"]
    for path in root.glob("*/*/model=tgan*/seed=*/result.json"):
        path.write_text(path.read_text().replace("A CPU", "Another"))
    apart = timing_table(cells())
    assert len(apart.rows) == 2
    assert "No ratio: these runs were not all made on one machine." in apart.notes


def test_the_page_of_pixelcnn(plant, page):
    plant_pixelcnn(plant, seeds=1)
    text, files = page("tgan_pixelcnn")
    assert [row[0] for row in rows(section(text, "Time and scores"))][:2] == ["pixelcnn", "tgan"]
    assert {"tgan_pixelcnn_per_class.png", "tgan_pixelcnn_classes.png"} <= files


# The paper's page. ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("undrawn")
def test_the_papers_page_has_every_claim_and_every_study(plant, root, tmp_path, claims_dir):
    plant_tgan(plant)
    html = write_paper(root, "tgan", tmp_path / "paper", claims_dir).read_text()
    text = (tmp_path / "paper" / "tgan.md").read_text()
    assert text.startswith("# Sun et al. 2020, t-GAN")
    assert len([line for line in section(text, "Claims").splitlines() if line.startswith("| tgan.")]) == 10
    for study, title in tgan.TITLES.items():
        assert f"Study {study}, scale laptop" in section(text, title)
        assert "Nothing" not in section(text, title)
    assert {row[0] for row in rows(section(text, "All studies"))} == tgan.TITLES.keys() == tgan.OWN.keys()
    assert html.count('src="data:image/png;base64,') == len(list((tmp_path / "paper").glob("*.png")))


def test_the_papers_page_from_nothing(root, tmp_path, claims_dir):
    write_paper(root, "tgan", tmp_path / "paper", claims_dir)
    text = (tmp_path / "paper" / "tgan.md").read_text()
    assert len([line for line in text.splitlines() if line.startswith("| tgan.")]) == 10
    assert text.count("not run") == 10 + 1
    assert "Not run: `python run.py -m experiment=tgan_toy`." in section(text, tgan.TITLES["tgan_toy"])


def test_same_runs_same_bytes(plant, root, tmp_path, claims_dir):
    plant_pixelcnn(plant, 1)
    for name in ("a", "b"):
        write_study(root, "tgan_pixelcnn", "laptop", tmp_path / name, claims_dir)
    files = {path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")}
    assert len(files) > 6
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_noise_of_runs_without_arrays_is_no_error(plant, root):
    plant_toy(plant, 1, arrays={})
    [row, *_] = noise_table({"x": read_runs(root)}).rows
    assert row[1:5] == ["–"] * 4
