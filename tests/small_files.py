"""Small files in the format of data sets that the tests do not have: NELL and PPI."""

import collections
import hashlib
import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import scipy.sparse

from tfgraph.data.datasets import planetoid, ppi

NELL_TEST = (522, 513, 520)  # as in test.index: in no order, with gaps
NELL_RELATIONS = (510, 511, 512, 514, 515, 516, 517, 518, 519, 521, 523, 524)


def sha256(contents):
    return {name: hashlib.sha256(text).hexdigest() for name, text in contents.items()}


def python_2_pickle(value):
    """A pickle with the names of Python 2 and of its SciPy and NumPy."""
    content = pickle.dumps(value, protocol=3)
    for name, old_name in (
        (b"cnumpy._core.multiarray", b"cnumpy.core.multiarray"),
        (b"cscipy.sparse._csr", b"cscipy.sparse.csr"),
        (b"cbuiltins\nlist", b"c__builtin__\nlist"),
    ):
        content = content.replace(name, old_name)
    return content


def nell_contents():
    """NELL's files by part: 510 entities, and 12 relations among 3 for the test.

    Of 4 features an entity has that of its class and another one.
    """
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=513)
    x = np.zeros([513, 4], np.float32)
    x[np.arange(513), classes] = 1
    x[:, 3] = rng.integers(2, size=513)
    one_hot = np.eye(3, dtype=np.int32)[classes]
    neighbours = collections.defaultdict(list)
    for node in range(525):
        neighbours[node] = [(node + 1) % 525, (node + 1) % 525]  # repeated
    parts = {
        "allx": scipy.sparse.csr_matrix(x[:510]),
        "ally": one_hot[:510],
        "graph": neighbours,
        "tx": scipy.sparse.csr_matrix(x[510:]),
        "ty": one_hot[510:],
        "y": one_hot[:6],
    }
    contents = {part: python_2_pickle(value) for part, value in parts.items()}
    return contents | {"test.index": "\n".join(map(str, NELL_TEST)).encode()}


def write_nell(folder, monkeypatch):
    """Writes the files into the user's folder."""
    contents = nell_contents()
    monkeypatch.setattr(planetoid, "NELL_SHA256", sha256(contents))
    (folder / "planetoid").mkdir()
    for part, content in contents.items():
        (folder / "planetoid" / f"ind.nell.0.001.{part}").write_bytes(content)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(folder))


def nell_archive(contents):
    """The official tar.gz file."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for part, content in contents.items():
            member = tarfile.TarInfo(f"nell_data/ind.nell.0.001.{part}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def ppi_contents():
    """GraphSAGE's files by name: graphs of 4 and 3 nodes to train, 5 and 4 others.

    Node 3 has no edges, and nodes 14 and 15 only each other.
    """
    pairs = [(0, 1), (1, 2), (2, 0), (2, 2), (4, 5), (5, 6)]
    pairs += [(7, 8), (8, 9), (9, 10), (10, 11), (11, 7), (12, 13), (13, 16), (14, 15)]
    nodes = [
        {"id": node, "val": 7 <= node < 12, "test": node >= 12, "feature": []}
        for node in range(17)
    ]
    links = [{"source": source, "target": target} for source, target in pairs]
    features = io.BytesIO()
    np.save(features, np.arange(34.0).reshape(17, 2))
    labels = {str(node): [node % 2, 1, int(node < 9)] for node in range(17)}
    return {
        "ppi-G.json": json.dumps({"nodes": nodes, "links": links}).encode(),
        "ppi-class_map.json": json.dumps(labels).encode(),
        "ppi-feats.npy": features.getvalue(),
    }


def write_ppi(folder, monkeypatch):
    """Writes the files into the user's folder."""
    contents = ppi_contents()
    monkeypatch.setattr(ppi, "PPI_SHA256", sha256(contents))
    (folder / "ppi").mkdir()
    for name, content in contents.items():
        (folder / "ppi" / name).write_bytes(content)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(folder))


def ppi_archive(contents):
    """The official zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in contents.items():
            archive.writestr(f"ppi/{name}", content)
    return file.getvalue()
