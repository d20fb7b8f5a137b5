import pytest

from ganrepro.errors import UserError
from ganrepro.schema import Key, check, flatten, nearest, shown


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        (Key(int, "", low=1), [1, 7], [0, -1, 1.5, "3", True, None, [1]]),
        (Key(float, "", above=0), [1, 0.5], [0, -0.1, "x", False, float("nan")]),
        (Key(float, "", above=0, high=1), [1.0], [1.01, 0]),
        (Key(bool, ""), [True, False], [1, "true"]),
        (Key(str, "", choices=("a", "b")), ["a"], ["c", 1]),
        (Key(list[int], "", low=1), [[1, 2], [3]], [[0], [], [1, "a"], 3, "12"]),
        (Key(list[float], "", length=2), [[1, 0.5]], [[1], [1, 2, 3], [1, float("inf")]]),
        (Key(list[list[float]], ""), [[[1], [2.0]]], [[1], [["a"]], []]),
        (Key(str, ""), ["a"], ["", 1]),
        (Key(list[int], "", low=0, count=True), [3, [0, 4]], [0, True, [-1]]),
        (Key(int, "", optional=True), [None, 3], ["a"]),
    ],
)
def test_types_and_ranges(key: Key, good: list[object], bad: list[object]) -> None:
    assert [key.problem(value) for value in good] == [None] * len(good)
    assert all(str(key.problem(value)).startswith("needs ") for value in bad)


def test_flatten_and_shown() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {"a.b": 1, "a.c.d": [1, 2], "e": None}
    assert [shown(value) for value in (None, True, [1, 0.5], "x")] == ["null", "true", "[1,0.5]", "x"]


def test_nearest_names_also_by_their_last_word() -> None:
    assert nearest("optimiser.lr", ["optimizer.lr", "updates"]) == " Did you mean optimizer.lr?"
    assert nearest("learn.momentum", ["optimizer.momentum"]) == " Did you mean optimizer.momentum?"
    assert nearest("zzz", ["updates"]) == ""


def test_unknown_key_is_named_with_its_neighbours() -> None:
    with pytest.raises(UserError, match=r"Unknown key 'batch_sise'\. Did you mean batch_size"):
        check({"batch_sise": 3})
