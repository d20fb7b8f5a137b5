"""The Toronto Face Database: a small file of its layout, and everything that can be wrong with one."""

import numpy as np
import pytest
import scipy.io
import torch

from ganrepro.data.tfd import FILE, TFD
from ganrepro.errors import DataMissing, UserError

N, UNLABELLED = 42, 12


def contents() -> dict[str, np.ndarray]:
    """12 unlabelled faces among 30 labelled ones, of which each fold has 21 train, 3 validation and 6 test."""
    rng = np.random.default_rng(0)
    labelled = rng.permutation(N)[UNLABELLED:]
    folds, expressions = np.zeros((N, 5), np.uint8), np.full((N, 1), -1, np.int16)
    for fold in range(5):
        folds[rng.permutation(labelled), fold] = np.repeat([1, 2, 3], [21, 3, 6])
    expressions[labelled, 0] = 1 + np.arange(30) % 7
    images = rng.integers(0, 256, (N, 48, 48), np.uint8)
    return {"images": images, "labs_ex": expressions, "labs_id": np.arange(N)[:, None], "folds": folds}


def save(root, compressed: bool = True, **changed) -> dict[str, np.ndarray]:
    stored = {name: array for name, array in (contents() | changed).items() if array is not None}
    scipy.io.savemat(root / FILE, stored, do_compression=compressed)
    return stored


def refused(kind: type[Exception], root) -> str:
    with pytest.raises(UserError) as caught:
        TFD(root)
    assert type(caught.value) is kind
    return str(caught.value)


def test_train_is_the_unlabelled_faces_and_the_folds_are_the_official_ones(tmp_path):
    stored = save(tmp_path)
    data = TFD(tmp_path)
    assert (data.name, data.shape, data.value_range, data.stand_in_for) == ("tfd", (1, 48, 48), (0.0, 1.0), None)
    unlabelled = stored["folds"][:, 0] == 0
    assert torch.equal(data.train.pixels[:, 0], torch.from_numpy(stored["images"][unlabelled]))
    assert data.train.labels.tolist() == [-1] * UNLABELLED
    assert len(data.folds) == 5
    for fold, (validation, test) in enumerate(data.folds):
        for split, code in ((validation, 2), (test, 3)):
            which = stored["folds"][:, fold] == code
            assert torch.equal(split.pixels[:, 0], torch.from_numpy(stored["images"][which]))
            assert split.labels.tolist() == (stored["labs_ex"][which, 0] - 1).tolist()
            assert split.pixels.is_contiguous()
    assert data.folds[0] == (data.validation, data.test)
    assert len(data.classes) == 7
    assert TFD(tmp_path, value_range=[-1, 1]).value_range == (-1.0, 1.0)


def test_a_change_in_the_last_fold_alone_changes_the_fingerprint(tmp_path):
    before = (save(tmp_path), TFD(tmp_path).fingerprint)[1]
    assert TFD(tmp_path).fingerprint == before
    folds = contents()["folds"]
    folds[:, 4] = np.choose(folds[:, 4], [0, 1, 3, 2])
    save(tmp_path, folds=folds)
    assert TFD(tmp_path).fingerprint != before


def test_numbers_may_be_of_matlabs_own_type_and_labels_a_row(tmp_path):
    save(tmp_path, compressed=False)
    before = TFD(tmp_path).fingerprint
    save(tmp_path, folds=contents()["folds"].astype(float), labs_ex=contents()["labs_ex"].astype(float).T)
    assert TFD(tmp_path).fingerprint == before


def test_nothing_that_a_fold_holds_out_is_trained_on(tmp_path):
    folds = contents()["folds"]
    astray = np.flatnonzero(folds[:, 0] == 0)[0]
    folds[astray, 3] = 3
    save(tmp_path, folds=folds)
    data = TFD(tmp_path)
    assert len(data.train) == UNLABELLED - 1
    assert len(data.folds[3][1]) == 7


def test_an_absent_file_is_named_with_its_terms_and_the_substitute(tmp_path, monkeypatch):
    first, second, third = refused(DataMissing, tmp_path / "none").split("\n")
    assert f"no {tmp_path}/none/{FILE}" in first
    assert "request" in first
    assert all(name in first for name in ("Susskind", "Anderson", "Hinton"))
    assert f"{FILE} into {tmp_path}/none" in second
    assert "data.root=" in second
    assert "data=image_folder data.folder=... data.size=48 data.channels=1 data.folds=5" in third
    monkeypatch.chdir(tmp_path)
    save(tmp_path)
    assert TFD(".").fingerprint == TFD(tmp_path).fingerprint


@pytest.mark.parametrize("compressed", [True, False])
def test_damaged_files(tmp_path, compressed):
    save(tmp_path, compressed)
    path = tmp_path / FILE
    whole = path.read_bytes()
    for content in (b"", b"<html>moved</html>" * 20, *(whole[: len(whole) * k // 8] for k in range(1, 8)), whole[:-9]):
        path.write_bytes(content)
        message = refused(UserError, tmp_path)
        assert str(path) in message
        assert "\n" not in message


def test_a_folder_in_the_files_place(tmp_path):
    (tmp_path / FILE).mkdir()
    assert f"Cannot read {tmp_path / FILE}" in refused(UserError, tmp_path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"folds": None}, "has no folds"),
        ({"images": None, "labs_ex": None}, "has no images and no labs_ex"),
        ({"images": np.zeros((N, 96, 96), np.uint8)}, "images are uint8 [42, 96, 96], not uint8 [n, 48, 48]"),
        ({"images": np.zeros((N, 48, 48))}, "images are float64 [42, 48, 48]"),
        ({"images": np.zeros((N, 2304), np.uint8)}, "images are uint8 [42, 2304]"),
        ({"folds": np.zeros((N, 4))}, "folds are float64 [42, 4], not numbers [n, 5]"),
        ({"folds": np.zeros((N + 1, 5))}, "folds are float64 [43, 5]"),
        ({"labs_ex": np.ones((N - 1, 1))}, "labs_ex are float64 [41, 1], not numbers [n, 1]"),
        ({"labs_ex": np.array(["anger"] * N, object)}, "labs_ex are object"),
        ({"folds": np.full((N, 5), 4)}, "folds must be 0 to 3"),
        ({"labs_ex": np.full((N, 1), 8)}, "labs_ex -1 to 7"),
        ({"folds": np.zeros((N, 5))}, "a fold's validation or test images, are absent"),
    ],
)
def test_another_layout(tmp_path, changed, words):
    save(tmp_path, **changed)
    message = refused(UserError, tmp_path)
    assert words in message
    assert str(tmp_path / FILE) in message
    assert "\n" not in message


def test_a_newer_matlab_file_is_refused_in_a_line(tmp_path):
    (tmp_path / FILE).write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    assert "\n" not in refused(UserError, tmp_path)
