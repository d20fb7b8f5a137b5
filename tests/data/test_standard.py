"""MNIST, Fashion-MNIST, CIFAR-10 and SVHN: small files of the true formats, and everything that can be wrong.

torchvision and this package know the published files by their md5; for the files written here those sums are
replaced, and nothing else is: the sums are still checked, and torchvision's own code fetches and reads.
"""

import functools
import gzip
import hashlib
import http.server
import io
import pickle
import tarfile
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
import scipy.io
import torch
from torchvision import datasets

from ganrepro.data import standard
from ganrepro.errors import DataMissing, UserError

TRAIN, TEST = 10, 4  # CIFAR-10 has them in five batches of two


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def pictures(n: int, channels: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [n, channels, size, size] and labels [n]."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, channels, size, size), np.uint8), rng.integers(0, 10, n)


def idx(array: np.ndarray) -> bytes:
    """MNIST's format: two zeros, 8 for uint8, the number of dimensions, each size as a big-endian int32."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write(root, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def mnist(root, monkeypatch, kind="MNIST", names="MNIST_FILES"):
    train, test = pictures(TRAIN, 1, 28, 0), pictures(TEST, 1, 28, 1)
    contents = [idx(train[0][:, 0]), idx(train[1]), idx(test[0][:, 0]), idx(test[1])]
    files = dict(zip(getattr(standard, names), contents, strict=True))
    monkeypatch.setattr(standard, names, {name: md5(content) for name, content in files.items()})
    write(root, files)
    return train, test


def cifar10(root, monkeypatch):
    train, test = pictures(TRAIN, 3, 32, 0), pictures(TEST, 3, 32, 1)
    batches = {f"data_batch_{at + 1}": [part[2 * at : 2 * at + 2] for part in train] for at in range(5)}
    files = {
        name: pickle.dumps(
            {"data": pixels.reshape(len(pixels), -1), "labels": labels.tolist(), "batch_label": name}, protocol=2
        )
        for name, (pixels, labels) in (batches | {"test_batch": test}).items()
    }
    files["batches.meta"] = pickle.dumps({"label_names": [f"class {at}" for at in range(10)]}, protocol=2)
    sums = {name: md5(content) for name, content in files.items()}
    monkeypatch.setattr(datasets.CIFAR10, "train_list", [[name, sums[name]] for name in batches])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setitem(datasets.CIFAR10.meta, "md5", sums["batches.meta"])
    write(root / "cifar-10-batches-py", files)
    return train, test


def svhn(root, monkeypatch):
    parts = {"train": pictures(TRAIN, 3, 32, 0), "test": pictures(TEST, 3, 32, 1)}
    for split, (pixels, labels) in parts.items():
        stream = io.BytesIO()
        # SVHN's layout: height, width, channels, n; and the digit 0 has the label 10.
        stored = {"X": pixels.transpose(2, 3, 1, 0), "y": np.where(labels == 0, 10, labels)[:, None].astype(np.uint8)}
        scipy.io.savemat(stream, stored, do_compression=True)
        url, name, _ = datasets.SVHN.split_list[split]
        monkeypatch.setitem(datasets.SVHN.split_list, split, [url, name, md5(stream.getvalue())])
        write(root, {name: stream.getvalue()})
    return parts["train"], parts["test"]


fashion_mnist = functools.partial(mnist, kind="FashionMNIST", names="FASHION_MNIST_FILES")

SETS = {
    "mnist": (standard.MNIST, mnist, "MNIST/raw/train-images-idx3-ubyte"),
    "fashion_mnist": (standard.FashionMNIST, fashion_mnist, "FashionMNIST/raw/train-images-idx3-ubyte"),
    "cifar10": (standard.CIFAR10, cifar10, "cifar-10-batches-py/data_batch_1"),
    "svhn": (standard.SVHN, svhn, "train_32x32.mat"),
}
every_set = pytest.mark.parametrize("name", SETS)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """What urllib says on a machine without a network; a test with a server of its own undoes it."""

    def refuse(*_arguments, **_options):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def refused(kind: type[Exception], data: type, *arguments, **options) -> str:
    with pytest.raises(UserError) as caught:
        data(*arguments, **options)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert message.count("\n") <= 2
    return message


@every_set
def test_files_of_the_true_format_are_read(tmp_path, monkeypatch, name):
    kind, make, *_ = SETS[name]
    (train, train_labels), (test, test_labels) = make(tmp_path, monkeypatch)
    data = kind(tmp_path, validation=3, value_range=[-1, 1])
    assert (data.name, data.value_range, data.stand_in_for) == (name, (-1.0, 1.0), None)
    assert len(data.classes) == 10
    for split, pixels, labels in (
        (data.train, train[:-3], train_labels[:-3]),
        (data.validation, train[-3:], train_labels[-3:]),
        (data.test, test, test_labels),
    ):
        assert torch.equal(split.pixels, torch.from_numpy(pixels))
        assert split.pixels.is_contiguous()
        assert split.labels.tolist() == labels.tolist()
    assert data.shape == train.shape[1:]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_grey_sets_may_stand_in_for_another(tmp_path, monkeypatch, name):
    kind, make, *_ = SETS[name]
    make(tmp_path, monkeypatch)
    data = kind(tmp_path, validation=3, stand_in_for="LSUN bedroom")
    assert data.stand_in_for == "LSUN bedroom"
    assert data.fingerprint == kind(tmp_path, validation=3).fingerprint


@pytest.mark.parametrize("name", ["cifar10", "svhn"])
def test_colour_sets_may_be_contrast_normalised(tmp_path, monkeypatch, name):
    kind, make, *_ = SETS[name]
    make(tmp_path, monkeypatch)
    data = kind(tmp_path, validation=3, value_range=None, scaling="gcn")
    assert data.value_range is None
    torch.testing.assert_close(data.normalise(data.train.pixels).flatten(1).norm(dim=1), torch.full((TRAIN - 3,), 55.0))
    assert data.fingerprint == kind(tmp_path, validation=3).fingerprint
    assert "data.value_range=null" in refused(UserError, kind, tmp_path, validation=3, scaling="gcn")


@every_set
def test_data_in_place_need_neither_a_network_nor_a_lock(tmp_path, monkeypatch, name):
    kind, make, *_ = SETS[name]
    make(tmp_path, monkeypatch)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path.parent)
    assert kind(tmp_path.name, download=False, validation=3).fingerprint == kind(tmp_path, validation=3).fingerprint
    assert kind(tmp_path, validation=2).fingerprint != kind(tmp_path, validation=3).fingerprint
    assert sorted(tmp_path.rglob("*")) == before


@every_set
def test_one_changed_byte_and_a_truncated_file_are_refused(tmp_path, monkeypatch, name):
    kind, make, file = SETS[name]
    make(tmp_path, monkeypatch)
    path = tmp_path / file
    whole = path.read_bytes()
    for content in (whole[:-1], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        path.write_bytes(content)
        for download in (True, False):
            message = refused(UserError, kind, tmp_path, download=download, validation=3)
            assert f"{path} is truncated or corrupt" in message
            assert f"rm {path}" in message


@every_set
def test_absent_data_name_place_source_and_substitute(tmp_path, name):
    kind, _, file = SETS[name]
    for download, reason in ((True, "Name or service not known"), (False, "download=false")):
        first, second, third = refused(DataMissing, kind, tmp_path, download=download).split("\n")
        assert f"no {tmp_path / file}" in first
        assert reason in first
        assert "http" in second
        assert f"into {tmp_path}" in second
        assert "data.root=" in second
        assert "scale=laptop" in third


@every_set
def test_a_single_absent_file_is_named(tmp_path, monkeypatch, name):
    kind, make, file = SETS[name]
    make(tmp_path, monkeypatch)
    (tmp_path / file).unlink()
    assert f"no {tmp_path / file} (download=false)" in refused(DataMissing, kind, tmp_path, download=False)


@every_set
def test_a_root_that_cannot_be_written(tmp_path, monkeypatch, name):
    (tmp_path / "file").write_text("a file where a folder should be")
    message = refused(UserError, SETS[name][0], tmp_path / "file" / "data")
    assert f"cannot write to {tmp_path}/file/data: Not a directory" in message
    assert "data.root=" in message

    def forbid(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.makedirs", forbid)  # root may write anywhere, so the refusal is acted
    monkeypatch.setattr("urllib.request.urlopen", forbid)
    assert f"cannot write to {tmp_path}: Permission denied" in refused(UserError, SETS[name][0], tmp_path)


def test_a_file_that_cannot_be_opened(tmp_path, monkeypatch):
    mnist(tmp_path, monkeypatch)

    def forbid(path, *_arguments):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("torchvision.datasets.utils.check_integrity", forbid)
    file = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    assert f"cannot read {file}: Permission denied" in refused(UserError, standard.MNIST, tmp_path)


@every_set
@pytest.mark.parametrize("count", [0, TRAIN, -1])
def test_held_out_images_must_leave_some(tmp_path, monkeypatch, name, count):
    kind, make, *_ = SETS[name]
    make(tmp_path, monkeypatch)
    message = refused(UserError, kind, tmp_path, validation=count)
    assert message == f"data.validation is {count}; it must be from 1 to {TRAIN - 1}."


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on this machine, with the folder it serves and its address."""
    monkeypatch.undo()
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_arguments):
            """Requests are not worth a line each."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


def serve(name, folder, address, monkeypatch):
    """Puts a set's files under `folder` in the form in which they are published, and their address in torchvision."""
    made = SETS[name][1](folder / "unpacked", monkeypatch)
    if name == "cifar10":
        with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
            archive.add(folder / "unpacked/cifar-10-batches-py", "cifar-10-batches-py")
        monkeypatch.setattr(datasets.CIFAR10, "url", address + "cifar-10-python.tar.gz")
        monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5((folder / "cifar-10-python.tar.gz").read_bytes()))
    elif name == "svhn":
        for split, (_, file, md5sum) in list(datasets.SVHN.split_list.items())[:2]:
            monkeypatch.setitem(datasets.SVHN.split_list, split, [f"{address}unpacked/{file}", file, md5sum])
    else:
        kind = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST}[name]
        for path in (folder / "unpacked").rglob("*-ubyte"):
            (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        resources = [(file, md5((folder / file).read_bytes())) for file, _ in kind.resources]
        monkeypatch.setattr(kind, "mirrors", [address])
        monkeypatch.setattr(kind, "resources", resources)
    return made


@every_set
def test_fetching(tmp_path, monkeypatch, server, name):
    (train, _), (test, _) = serve(name, *server, monkeypatch)
    data = SETS[name][0](tmp_path / "new" / "data", validation=3)
    assert torch.equal(torch.cat([data.train.pixels, data.validation.pixels]), torch.from_numpy(train))
    assert torch.equal(data.test.pixels, torch.from_numpy(test))


def test_two_workers_fetch_once(tmp_path, monkeypatch, server):
    serve("mnist", *server, monkeypatch)
    fetched, download = [], datasets.MNIST.download
    monkeypatch.setattr(datasets.MNIST, "download", lambda self: (fetched.append(1), download(self)))
    found = []
    workers = [
        threading.Thread(target=lambda: found.append(standard.MNIST(tmp_path / "data", validation=3).fingerprint))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 3
    assert len(set(found)) == 1
    assert len(fetched) == 1


def test_a_download_with_the_wrong_content_is_not_accepted(tmp_path, monkeypatch, server):
    folder, address = server
    serve("svhn", folder, address, monkeypatch)
    (folder / "unpacked" / "test_32x32.mat").write_bytes(b"<html>moved</html>")
    message = refused(UserError, standard.SVHN, tmp_path / "data")
    assert "test_32x32.mat is truncated or corrupt" in message
