"""Which samples show what: files of choices, a stand-in for a classifier, measures by hand."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from ganrepro.data.embedded import Digits
from ganrepro.errors import UserError
from ganrepro.probes import attributes
from ganrepro.scorers import Judged

DATA = Digits()
CHOICES = """
arithmetic: {a: [3, 17, 22], b: [4, 9, 41], c: [5, 6, 12]}
pose: {left: [2, 8, 30, 31], right: [5, 6, 9, 12]}
forget: {boxes: [[12, 1, 2, 5, 6], [12, 0, 0, 1, 1], [3, 0, 0, 8, 8]]}
"""


def judged(classes: list[int], sure: float = 0.99) -> Judged:
    """Each taken for its class, so surely."""
    probabilities = torch.full((len(classes), 10), (1 - sure) / 9, dtype=torch.float64)
    probabilities[torch.arange(len(classes)), torch.tensor(classes)] = sure
    return Judged(torch.zeros(len(classes), 1), probabilities.log())


def grey(*levels: int) -> Tensor:
    """Even images of these levels, uint8 [n, 1, 8, 8]."""
    return torch.tensor(levels, dtype=torch.uint8)[:, None, None, None].expand(-1, 1, 8, 8)


def test_a_file_of_choices(tmp_path: Path) -> None:
    (tmp_path / "choices.yaml").write_text(CHOICES)
    found = attributes.read_choices(tmp_path / "choices.yaml")
    assert set(found) == {"arithmetic", "pose", "forget"}
    assert attributes.indices(found["pose"]["left"], 32, 1, "pose.left").tolist() == [2, 8, 30, 31]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "needs lines such as"),
        ("a: [", "cannot be read: expected the node content, but found '<stream end>' (line 1)."),
        ("pose:\n  left: [1, 2\n  right: [3]\n", "(line 3)."),
        ("pose: 2024-13-45", "cannot be read: month must be in 1..12."),
        ("pose: \0", "cannot be read"),
        ("arithmatic: {a: [1]}", "Did you mean arithmetic?"),
        ("pose: {left: [1], up: [2]}", "pose needs some of left, right"),
        ("pose: [1, 2]", "pose needs some of"),
        ("memorisation: {a: [1]}", "memorisation chooses nothing"),
    ],
)
def test_files_that_choose_nothing(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "choices.yaml").write_text(text)
    with pytest.raises(UserError) as refused:
        attributes.read_choices(tmp_path / "choices.yaml")
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3
    assert "Error" not in str(refused.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        attributes.read_choices(tmp_path / "choices.yaml")


@pytest.mark.parametrize("value", [[1, 2], [1, 2, 2], [1, 2, 10], [1, 2, -1], [1, 2, "3"], [True, 2, 3], 7, None])
def test_indices_that_are_none(value: object) -> None:
    with pytest.raises(UserError, match="3 or more different samples from 0 to 9"):
        attributes.indices(value, 10, 3, "arithmetic.a")


def test_boxes_by_hand() -> None:
    samples, marks = attributes.boxes([[12, 1, 2, 5, 6], [12, 0, 0, 1, 1], [3, 0, 0, 8, 4]], 20, (8, 8))
    assert samples.tolist() == [3, 12]
    assert marks[0].sum() == 32
    assert marks[0, 3, 7]
    assert not marks[0, 4, 7]
    assert marks[1].nonzero()[0].tolist() == [0, 0]
    assert marks[1].sum() == 4 * 4 + 1
    assert marks[1, 2:6, 1:5].all(), "rows from top to bottom, columns from left to right"


@pytest.mark.parametrize("box", [[20, 0, 0, 1, 1], [0, 3, 0, 3, 1], [0, 0, 0, 9, 1], [0, 0, 0, 1], "all", [0.5] * 5])
def test_boxes_that_are_none(box: object) -> None:
    with pytest.raises(UserError, match="left, top, right, bottom"):
        attributes.boxes([box], 20, (8, 8))
    with pytest.raises(UserError, match="not None"):
        attributes.boxes(None, 20, (8, 8))


def test_classes_by_name() -> None:
    assert attributes.class_index(3, DATA.classes) == 3
    with pytest.raises(UserError, match="Did you mean smiling_man"):
        attributes.class_index("smiling man", ["smiling_man", "neutral"])
    with pytest.raises(UserError, match="no labels"):
        attributes.class_index("face", ["face"])


def test_members_are_those_that_are_sure() -> None:
    assert attributes.members(judged([3, 1, 3, 3, 2]), 3, DATA.classes).tolist() == [0, 2, 3]
    with pytest.raises(UserError, match="Only 0 of 4 samples are surely of class 3"):
        attributes.members(judged([3, 3, 3, 3], sure=0.8), 3, DATA.classes)
    assert attributes.most_frequent(judged([5, 2, 5, 2, 5, 7]), 2) == [5, 2]


def scorer(said: Judged) -> SimpleNamespace:
    return SimpleNamespace(data=DATA, judge_samples=lambda images: said)


def test_concepts_by_number_and_by_class() -> None:
    said = judged([0] * 6 + [1] * 7 + [2] * 8)
    by_number = attributes.chosen_concepts({"a": [0, 1, 2], "b": [3, 4, 5], "c": [6, 7, 8]}, 21, None, None)
    assert by_number.pools["b"].tolist() == [3, 4, 5]
    assert by_number.has is None
    by_class = attributes.chosen_concepts({"a": 0, "b": "1", "c": [7, 8, 9], "wanted": 2}, 21, scorer(said), said)
    assert [pool.tolist() for pool in by_class.pools.values()] == [[*range(6)], [*range(6, 13)], [7, 8, 9]]
    assert by_class.has is not None
    assert by_class.has(torch.zeros(21, 1, 8, 8)).tolist() == [False] * 13 + [True] * 8
    with pytest.raises(UserError, match="no labels"):
        attributes.chosen_concepts({"a": "woman", "b": [1, 2, 3], "c": [4, 5, 6]}, 12, None, None)
    with pytest.raises(UserError, match="needs c too"):
        attributes.chosen_concepts({"a": [0, 1, 2], "b": [3, 4, 5]}, 12, None, None)
    few = judged([0] * 5 + [1] * 7)
    with pytest.raises(UserError, match="Only 5 of 12 samples are surely of class 0; 6 are needed"):
        attributes.chosen_concepts({"a": 0, "b": 1, "c": [7, 8, 9]}, 12, scorer(few), few)


@pytest.mark.parametrize(
    ("a", "b", "c", "alike"),
    [
        ([0, 1, 2], [2, 1, 0], [3, 4, 5], "arithmetic.a and .b"),
        ([3, 4, 5], [0, 1, 2], [0, 1, 2], "arithmetic.b and .c"),
        (0, 0, [7, 8, 9], "arithmetic.a and .b"),
    ],
)
def test_sums_that_cancel(a: object, b: object, c: object, alike: str) -> None:
    said = judged([0] * 6 + [1] * 7)
    with pytest.raises(UserError, match=alike):
        attributes.chosen_concepts({"a": a, "b": b, "c": c}, 13, scorer(said), said)


def test_concepts_may_overlap() -> None:
    parts = {"a": [0, 1, 2], "b": [0, 1, 3], "c": [0, 1, 2]}
    assert attributes.chosen_concepts(parts, 9, None, None).pools["c"].tolist() == [0, 1, 2]


def test_sides_of_pose() -> None:
    left, right = attributes.sides({"left": [2, 8], "right": [5]}, 9)
    assert (left.tolist(), right.tolist()) == ([2, 8], [5])
    for parts in ({"left": [1, 2], "right": [2, 1]}, {"left": [1, 2, 3], "right": [2, 1, 4]}):
        with pytest.raises(UserError, match="pose has 1, 2 on both sides"):
            attributes.sides(parts, 9)
    with pytest.raises(UserError, match=r"pose\.right needs a list"):
        attributes.sides({"left": [1, 2]}, 9)


def test_bright_and_dark_of_two_classes() -> None:
    """Nineteen of class 4 and eighteen of class 7, of rising brightness: 4 is y, 7 is x."""
    said = judged([4] * 19 + [7] * 18)
    found = attributes.bright_concepts(scorer(said), said, grey(*range(0, 190, 10), *range(0, 180, 10)))
    pools = [sorted(pool.tolist()) for pool in found.pools.values()]
    assert pools == [[*range(31, 37)], [*range(19, 25)], [*range(6)]]
    assert "bright 7 - dark 7 + dark 4" in found.words
    assert found.has is not None
    images = DATA.normalise(grey(*[60] * 5, *[120] * 30, *[60] * 2))
    assert found.has(images).tolist() == [False] * 5 + [True] * 14 + [False] * 18, "brighter than 90, and a 4"
    with pytest.raises(UserError, match="Only 17 of 37 samples are surely of class 7; 18 are needed"):
        attributes.bright_concepts(scorer(said), judged([4] * 20 + [7] * 17), grey(*range(37)))


def test_measures_by_hand() -> None:
    assert attributes.brightness(grey(0, 51, 255)).tolist() == pytest.approx([0, 0.2, 1])
    pixels = torch.zeros(5, 3, 4, 5, dtype=torch.uint8)
    pixels[0, :, :, 0] = 9
    pixels[1, :, :, 4] = 200
    pixels[2, 0, 1, 1] = 100
    pixels[3] = 77
    assert attributes.horizontal_centre(pixels).tolist() == pytest.approx([-1, 1, -0.5, 0, 0])
    assert attributes.horizontal_centre(pixels.flip(3)).tolist() == pytest.approx([1, -1, 0.5, 0, 0])
