"""Turns `_target_` nodes of a plain dictionary into objects, and nothing but ours and torch's optimizers.

Run folders come from anywhere, so their config.yaml must not be able to call arbitrary code: hydra's `instantiate`
would.
"""

import importlib
import re
from typing import Any

from ganrepro.errors import UserError, first_line

ALLOWED = ("ganrepro.", "torch.optim.")


def locate(target: str) -> Any:
    """The class or function named by a dotted path. UserError outside `ALLOWED`, or if there is no such name.

    Also where a module of ours has only imported that name from elsewhere.
    """
    refusal = f"_target_ {target!r} is refused: a configuration builds only {' and '.join(ALLOWED)}* names."
    if not target.startswith(ALLOWED):
        raise UserError(refusal)
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UserError(f"_target_ {target!r} does not exist: {error}") from None
    if not str(getattr(found, "__module__", "")).startswith(ALLOWED):
        raise UserError(refusal)
    return found


def build(node: Any, **extra: Any) -> Any:
    """Builds `node` depth first. `extra` are further keyword arguments for the outermost target.

    Raises UserError naming the target when its arguments do not fit, or are not what it can work with.
    """
    if isinstance(node, list):
        return [build(item) for item in node]
    if not isinstance(node, dict):
        return node
    arguments = {key: build(value) for key, value in node.items() if key != "_target_"}
    if "_target_" not in node:
        return arguments
    target = locate(node["_target_"])
    try:
        return target(**arguments, **extra)
    except (TypeError, ValueError, RuntimeError, OverflowError, MemoryError) as error:
        if unknown := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
            name = node["_target_"].rpartition(".")[2]
            raise UserError(f"{name} has no {unknown[1]}: that key or option belongs to other classes.") from error
        raise UserError(f"{node['_target_']}: {first_line(error)}") from error
