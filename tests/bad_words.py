"""Words of a command, drawn by hypothesis from the schema: such as cannot be right, and such as may be."""

import string
from collections.abc import Collection, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import strategies as st

from ganrepro import schema

TEXTS = (
    "x", "''", "", "true", "null", "0", "1", "2", "3", "4", "8", "16", "-1", "0.5", "1.0", "1e-3", "-0.5", "1e400",
    "nan", "inf", "-inf", "99999999999999999999", "[]", "[0]", "[1]", "[2,2]", "[3,4]", "[1,2,3]", "[0,1]", "[-1,1]",
    "[0.5,0.9]", "[1,null]", "[x]", "[[1]]", "[nan]", "{a: 1}", "1;2", "ä", "${nope}",
)  # fmt: skip
PARSER = OverridesParser.create()


def value_of(text: str) -> Any:
    """What Hydra makes of a typed value."""
    return PARSER.parse_override(f"key={text}").value()


def fits(name: str, text: str) -> bool:
    key = schema.key_of(name)
    assert key is not None
    try:
        return not isinstance(value := value_of(text), dict) and key.problem(value) is None
    except Exception:  # Hydra cannot read it
        return False


def values(names: Collection[str], right: bool) -> dict[str, list[str]]:
    """By key, the texts that its type and range allow, or those they do not."""
    texts = {}
    for name in names:
        key = schema.key_of(name)
        assert key is not None
        bounds = [f"{end:g}" for bound in (key.low, key.above, key.high) for end in (bound - 1, bound + 1)]
        texts[name] = [text for text in (*TEXTS, *bounds, *key.choices) if fits(name, text) == right]
    return {name: list(dict.fromkeys(found)) for name, found in texts.items() if found}


def wrong(names: Collection[str], groups: dict[str, list[str]]) -> st.SearchStrategy[str]:
    """One word that is wrong in itself: a value, the name of a key, or an option. groups: their options."""
    of_key = values(names, right=False)
    letters = st.sampled_from(string.ascii_lowercase)
    value = st.sampled_from(sorted(of_key)).flatmap(
        lambda name: st.sampled_from(of_key[name]).map(f"{name}={{}}".format)
    )
    misspelt = st.tuples(st.sampled_from(sorted(names)), letters).map("".join)
    name = misspelt.filter(lambda name: not schema.known(name) and name not in groups).map("{}=1".format)
    option = st.sampled_from(sorted(groups)).flatmap(
        lambda group: (
            st.tuples(st.sampled_from(groups[group]), letters)
            .map("".join)
            .filter(lambda option: option not in groups[group])
            .map(f"{group}={{}}".format)
        )
    )
    return st.one_of(value, value, value, name, option)


def possible(names: Collection[str], groups: dict[str, list[str]]) -> st.SearchStrategy[Sequence[str]]:
    """One to three words each of which is right in itself; together they may fit or not."""
    of_key = values(names, right=True)
    value = st.sampled_from(sorted(of_key)).flatmap(
        lambda name: st.sampled_from(of_key[name]).map(f"{name}={{}}".format)
    )
    option = st.sampled_from(sorted(groups)).flatmap(
        lambda group: st.sampled_from(groups[group]).map(f"{group}={{}}".format)
    )
    return st.lists(st.one_of(value, value, option), min_size=1, max_size=3, unique_by=lambda word: word.split("=")[0])
