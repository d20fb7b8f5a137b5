import numpy as np
import pytest
from PIL import Image

from ganrepro.report import figures, figures_gan
from ganrepro.report.records import Run, by_dose, read_runs


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def of(root, study):
    return read_runs(root, study)


@pytest.fixture
def everything(plant_all, root):
    plant_all()


def test_moments_are_first_last_and_two_between_on_a_log_scale():
    assert figures_gan.spread([1, 10, 50, 100, 500, 1000], 4) == [1, 10, 100, 1000]
    assert figures_gan.spread([0, 100, 200, 400, 800], 4) == [0, 200, 400, 800]  # steps from 100 on: 200 and 400
    assert figures_gan.spread([100, 200], 4) == [100, 200]
    assert figures_gan.spread([], 4) == []
    assert figures_gan.spread([1000, 1001, 1002, 1003, 1004], 4) == [1000, 1001, 1003, 1004]
    assert figures_gan.spread([7, 8, 9, 10, 100000], 4) == [7, 9, 10, 100000]  # never the same one twice


@pytest.mark.usefixtures("everything")
def test_figure1_shows_four_of_the_recorded_moments(root, tmp_path):
    run = of(root, "gan_1d")[0]
    assert list(figures_gan.chosen_moments(run)) == [100, 300, 700, 2000]
    picture = pixels(figures_gan.figure1(run, tmp_path / "1.png"))
    quarter = picture.shape[1] // 4
    panels = [picture[:300, n * quarter : (n + 1) * quarter] for n in range(4)]
    green = [((p[..., 1] > 100) & (p[..., 0] < 60) & (p[..., 2] < 120)).sum() for p in panels]
    assert min(green) > 50  # q is in every panel


def test_figure1_of_few_or_damaged_moments(plant, root, tmp_path):
    moment = {"x": np.linspace(-1, 1, 9), "p": np.ones(9), "q": np.zeros(9), "d": np.ones(9)}
    whole = moment | {"z": np.zeros(3), "g": np.array([0.0, 5.0, np.nan])}
    run = Run(plant(arrays={"density-updates=0000100": whole, "density-updates=0000200": moment}))
    (run.folder / "artifacts" / "density-updates=0000300.npz").write_bytes(b"PK")
    assert list(figures_gan.chosen_moments(run)) == [100]
    assert figures_gan.figure1(run, tmp_path / "1.png").exists()
    bare = Run(plant(seed=1))
    assert figures_gan.figure1(bare, tmp_path / "none.png") is None
    assert not (tmp_path / "none.png").exists()


def test_a_spike_does_not_flatten_the_rest(plant, tmp_path):
    x = np.linspace(-4, 4, 400)
    p, d = np.exp(-(x**2) / 2) / 2.5, np.full(400, 0.5)
    drawn = {}
    for seed, q in enumerate((np.zeros(400), np.where(abs(x) < 0.02, 500.0, 0.0))):
        moment = {"x": x, "p": p, "q": q, "d": d, "z": np.zeros(2), "g": np.zeros(2)}
        run = Run(plant(seed=seed, arrays={"density-updates=0000001": moment}))
        picture = pixels(figures_gan.figure1(run, tmp_path / f"{seed}.png"))
        blue = (picture[..., 2] > 150) & (picture[..., 0] < 60)
        drawn[seed] = blue[:300].nonzero()[0].mean()
    assert drawn[0] == pytest.approx(drawn[1], abs=2)  # D = 1/2 stands at the same height


def test_figure2_has_four_panels_and_says_which_was_not_run(plant, root, tmp_path):
    grey, colour = Run(plant(artifacts=True)), Run(plant(study="c", artifacts=True, channels=3))
    panels = [("a) MNIST", "digits", grey), ("b)", "not run", None), ("c)", "x", colour), ("d)", "not run", None)]
    picture = pixels(figures_gan.figure2(panels, tmp_path / "2.png"))
    half = (picture.shape[0] // 2, picture.shape[1] // 2)
    quarters = [picture[: half[0], : half[1]], picture[: half[0], half[1] :]]
    quarters += [picture[half[0] :, : half[1]], picture[half[0] :, half[1] :]]
    yellow = [(q == figures.YELLOW).all(axis=2).any() for q in quarters]
    red = [(q == figures.RED).all(axis=2).any() for q in quarters]
    assert yellow == [True, False, True, False]
    assert red == [False, True, False, True]
    assert figures_gan.figure2([("a", "not run", None)] * 4, tmp_path / "none.png") is None


@pytest.mark.usefixtures("everything")
def test_theory_gradients_and_doses_are_drawn(root, tmp_path):
    doses = by_dose(of(root, "gan_helvetica"), "generator_steps", {})[0]
    made = [
        figures_gan.theory(of(root, "gan_theory"), tmp_path / "t.png"),
        figures_gan.saturation(of(root, "gan_saturation"), tmp_path / "s.png"),
        figures_gan.dose_response(doses, "diversity", "generator_steps", tmp_path / "d.png"),
    ]
    for path in made:
        assert len(np.unique(pixels(path).reshape(-1, 3), axis=0)) > 10
        assert path.stat().st_size <= figures.LARGEST


def test_what_is_not_there_is_not_drawn(plant, root, tmp_path):
    plant(arrays={"theory": {"d": np.ones(3)}})
    runs = read_runs(root)
    assert figures_gan.theory(runs, tmp_path / "t.png") is None
    assert figures_gan.saturation(runs, tmp_path / "s.png") is None
    assert figures_gan.dose_response({1.0: runs}, "diversity", "k", tmp_path / "d.png") is None
    assert figures_gan.dose_response({}, "diversity", "k", tmp_path / "d.png") is None
    assert list(tmp_path.glob("*.png")) == []


def test_a_gradient_of_zero_has_no_place_on_a_log_scale(plant, tmp_path):
    rows = [{"generator_updates": n, "gradient/saturating": v} for n, v in enumerate((0.0, None, 0.1, float("nan")))]
    assert figures_gan.saturation([Run(plant(rows=rows))], tmp_path / "s.png").exists()
    assert figures_gan.saturation([Run(plant(seed=1, rows=rows[:2]))], tmp_path / "none.png") is None


def test_doses_where_runs_diverged_say_so(plant, root, tmp_path):
    for dose, status in ((1, "done"), (5, "done"), (25, "diverged")):
        place = {"cell": f"generator_steps={dose}-0", "coordinates": {"generator_steps": str(dose)}}
        plant(study="gan_helvetica", final={"diversity": 1 / dose}, status=status, **place)
    doses = by_dose(read_runs(root), "generator_steps", {})[0]
    with_lost = pixels(figures_gan.dose_response(doses, "diversity", "generator_steps", tmp_path / "a.png"))
    assert (with_lost[..., 0] > with_lost[..., 1].astype(int) + 100).any()  # red
    without = figures_gan.dose_response({1.0: doses[1.0], 5.0: doses[5.0]}, "diversity", "k", tmp_path / "b.png")
    assert not (pixels(without)[..., 0] > pixels(without)[..., 1].astype(int) + 100).any()
