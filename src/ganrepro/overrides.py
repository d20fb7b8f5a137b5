"""The words of a command line as Hydra reads them, and what cannot be right in one, in plain words."""

import re
from collections.abc import Sequence

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from ganrepro import schema
from ganrepro.errors import UserError

FEW = 6  # options of a group, to be listed whole


def split_values(values: str) -> list[str]:
    """ "adam,rmsprop" -> ["adam", "rmsprop"], by Hydra's own grammar."""
    override = parse([f"axis={values}"])[0]
    return list(override.sweep_string_iterator()) if override.is_sweep_override() else [values]


def as_shown(axis: str, value: str) -> str:
    """A value of the study's grid as labels show it: optimizer.lr=1 is 1.0."""
    key = schema.key_of(axis)
    return schema.shown(key.typed(parse([f"{axis}={value}"])[0].value())) if key else value


def parse(overrides: Sequence[str]) -> list[Override]:
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    parsed = []
    for word in overrides:
        try:
            parsed.append(parser.parse_override(word))
        except HydraException:
            raise UserError(
                f"Cannot read {word!r}: type key=value, or key=a,b with -m. "
                "A value with spaces, commas or brackets goes in quotes: \"key='a, b'\"."
            ) from None
    return parsed


def refuse(override: Override, sweep: bool) -> None:
    """Raises UserError for an override that cannot be right, before Hydra says so in ten lines."""
    key, many = override.key_or_group, override.is_sweep_override()
    if override.is_delete():
        raise UserError(f"{override.input_line}: nothing can be taken out; choose another option or value instead.")
    if key.startswith("hydra"):
        return
    if many and not sweep:
        raise UserError(f"{override.input_line} names several values: add -m to train each.")
    if many and key in ("experiment", "scale", "seeds"):
        hint = (
            "type seeds=3 or seeds=[0,1]" if key == "seeds" else "start one command for each, or `make reproduce-all`"
        )
        raise UserError(f"{key} cannot be swept, the studies' own grids would be lost: {hint}.")
    loader = GlobalHydra.instance().config_loader()
    if key in loader.list_groups(""):
        values = list(override.sweep_string_iterator()) if many else [override.get_value_element_as_str()]
        for value in values:
            options = loader.get_group_options(key)
            group, _, option = f"{key}/{value}".rpartition("/")
            if value != "null" and option not in loader.get_group_options(group):
                kind = "study" if key == "experiment" else "option"
                hint = schema.nearest(value, options)
                if not hint or len(options) <= FEW:
                    hint += f" There are {', '.join(options)}."
                raise UserError(f"Unknown {kind} {key}={value}.{hint}")
    elif not schema.known(key):
        names = [*loader.list_groups(""), *schema.TOP, *schema.OPTIONS]
        raise UserError(f"Unknown key {key!r}.{schema.nearest(key, names)}")


def plain_words(error: Exception) -> str:
    """Hydra's message in one or two lines."""
    text = str(error)
    if key := re.match(r"Could not override '([^']+)'", text):
        if key[1].startswith("hydra"):
            return f"Hydra has no key {key[1]!r}; `python run.py --cfg hydra` shows those it has."
        return f"{key[1]} is not a key of the options chosen here: it belongs to another option of its group."
    if key := re.search(r"Missing mandatory value.*full_key: (\S+)", text, re.DOTALL):
        entry = schema.key_of(key[1])
        return f"{key[1]} must be given" + (f" ({entry.help})." if entry else ".")
    if parts := re.match(r"Error resolving interpolation '([^']+)'", text):
        return f"An option chosen here goes by {parts[1]}, and this study has not all of these: choose another option."
    return " ".join([line.strip() for line in text.splitlines() if line.strip()][:2])
