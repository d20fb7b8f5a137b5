"""Which training images stay when near-duplicates are taken out: the index that the study lsun_dedup writes."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ganrepro.errors import DataMissing, UserError

FILE = "dedup.npz"


def kept_index(folder: str | Path, fingerprint: str, name: str) -> Tensor:
    """The images that stay, int64 [k] in ascending order, from an index under `folder`, or in that file.

    fingerprint: of the data with all their images, which the index must have been made of. Raises DataMissing where
    there is no index, UserError where none is of these data, where several differ and where one cannot be read.
    """
    home = Path(folder).expanduser()
    files = [home] if home.is_file() else sorted(home.rglob(FILE))
    found = {path: _read(path) for path in files}
    indices = {path: kept for path, (of, kept) in found.items() if of == fingerprint}
    if not indices:
        others = f" (the {len(found)} there are of other images)" if found else ""
        raise DataMissing(
            f"data.deduplicated=true: {home} holds no index of what stays of {name}{others}.\n"
            "Make it with python run.py experiment=lsun_dedup seeds=1 model.planted=0, the same scale= and data; "
            "or keep near-duplicates: data.deduplicated=false."
        )
    first, *more = indices.values()
    if any(not np.array_equal(first, other) for other in more):
        raise UserError(
            f"{home} holds {len(indices)} indices of {name} that differ: name one with data.index=<its {FILE}>.\n"
            + "  ".join(str(path.relative_to(home)) for path in list(indices)[:3])
        )
    return torch.from_numpy(first)


def _read(path: Path) -> tuple[str, np.ndarray]:
    """The fingerprint of the images that a file is an index of, and those that stay."""
    try:
        with open(path, "rb") as file, np.load(file) as stored:  # np.load leaves a damaged file open
            return str(stored["fingerprint"]), stored["kept"].astype(np.int64)
    except Exception as error:  # a damaged file makes zipfile and numpy raise anything from zlib.error to SyntaxError
        raise UserError(f"Cannot read the index {path}: {' '.join(str(error).split())}.") from error
