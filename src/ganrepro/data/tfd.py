"""The Toronto Face Database, in the MATLAB file that its authors hand out."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.io
import torch

from ganrepro.data.images import Fold, ImageData, Images
from ganrepro.errors import DataMissing, UserError

FILE = "TFD_48x48.mat"
UNLABELLED, VALIDATION, TEST = 0, 2, 3  # codes in `folds`; 1 is labelled training, which the 2014 GAN leaves out
FOLDS = 5
EXPRESSIONS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # labs_ex 1 to 7


class TFD(ImageData):
    """48x48 grey faces: train is the unlabelled ones, `folds` the five official pairs of validation and test.

    That is what the 2014 GAN authors' YAMLs train on and what their parzen_ll.py scores (pylearn2, datasets/tfd.py).
    About 98,000 faces are unlabelled and 4,178 labelled.

    The file holds `images` uint8 [n, 48, 48], `labs_ex` [n, 1] (1 to 7; -1 unlabelled) and `folds` [n, 5], whose
    codes are 0 unlabelled, 1 train, 2 validation, 3 test. (`labs_id`, who it is, is not read.) Train is what is
    unlabelled in every fold, so that no fold tests an image that was trained on.
    """

    def __init__(self, root: str | Path, value_range: Sequence[float] = (0.0, 1.0)) -> None:
        """`root` holds TFD_48x48.mat.

        Raises DataMissing where it does not, UserError for a file that is damaged or of another layout.
        """
        path = Path(root).expanduser().absolute() / FILE
        if not path.exists():
            raise DataMissing(
                f"The Toronto Face Database is not there: no {path}. It is handed out on request only, by its authors "
                "(J. Susskind, A. Anderson, G. Hinton; University of Toronto).\n"
                f"Put {FILE} into {path.parent}, or name another folder with data.root=...\n"
                "Nearest substitute: data=image_folder data.folder=... data.size=48 data.channels=1 data.folds=5 "
                "data.stand_in_for=TFD."
            )
        pixels, labels, codes = _read(path)
        first, *others = (_fold(pixels, labels, codes[:, fold]) for fold in range(FOLDS))
        train = np.flatnonzero((codes == UNLABELLED).all(1))
        super().__init__("tfd", _picked(pixels, labels, train), *first, EXPRESSIONS, value_range, further_folds=others)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels uint8 [n, 48, 48], labels int64 [n] from 0 (-1 unlabelled), codes [n, 5] of any number type."""
    names = ("images", "labs_ex", "folds")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a variable that cannot be read, which is then a str and refused below
            stored = scipy.io.loadmat(path, variable_names=names)
    except Exception as error:  # a damaged file makes scipy raise anything from zlib.error to IndexError
        raise UserError(f"Cannot read {path}: {' '.join(str(error).split()) or type(error).__name__}.") from error
    if absent := [name for name in names if name not in stored]:
        raise UserError(f"{path} has no {' and no '.join(absent)}; TFD's {FILE} has images, labs_ex and folds.")
    pixels, labels, codes = (np.asarray(stored[name]) for name in names)
    labels = labels.reshape(-1, 1)  # a column as a rule
    shapes = {"images": (48, 48), "labs_ex": (1,), "folds": (FOLDS,)}
    for array, (name, shape) in zip((pixels, labels, codes), shapes.items(), strict=True):
        right = array.dtype == np.uint8 if name == "images" else array.dtype.kind in "iuf"
        if not right or array.shape != (*pixels.shape[:1], *shape):
            wanted = f"{'uint8' if name == 'images' else 'numbers'} [n, {', '.join(map(str, shape))}]"
            raise UserError(f"{path}: {name} are {array.dtype} {list(array.shape)}, not {wanted}.")
    if not np.isin(codes, (0, 1, 2, 3)).all() or not np.isin(labels, range(-1, len(EXPRESSIONS) + 1)).all():
        raise UserError(f"{path}: folds must be 0 to 3, and labs_ex -1 to {len(EXPRESSIONS)}.")
    needed = [(codes == UNLABELLED).all(1), *(codes == VALIDATION).T, *(codes == TEST).T]
    if not all(which.any() for which in needed):
        raise UserError(f"{path}: unlabelled images, or a fold's validation or test images, are absent.")
    return pixels, np.maximum(labels[:, 0].astype(np.int64) - 1, -1), codes


def _fold(pixels: np.ndarray, labels: np.ndarray, codes: np.ndarray) -> Fold:
    """Validation and test of one fold; codes [n]."""
    validation, test = (_picked(pixels, labels, np.flatnonzero(codes == code)) for code in (VALIDATION, TEST))
    return validation, test


def _picked(pixels: np.ndarray, labels: np.ndarray, which: np.ndarray) -> Images:
    # MATLAB stores the last index outermost, so the rows that are picked are laid out anew.
    return Images(torch.from_numpy(np.ascontiguousarray(pixels[which]))[:, None], torch.from_numpy(labels[which]))
