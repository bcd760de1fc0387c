"""Damaged and hostile files: the loaders raise ValueError or OSError, and soon."""

import hashlib
import io
import json
import os
import pathlib
import shutil
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from small_files import nell_archive, nell_contents, write_nell, write_ppi

from tfgraph.data import (
    movielens,
    nell,
    planetoid,
    ppi,
    read_npz,
    read_tu,
    reddit,
    tu,
    twitch,
)
from tfgraph.data.datasets import archives
from tfgraph.data.datasets import movielens as movielens_files
from tfgraph.data.datasets import twitch as twitch_files

DATA_DIR = os.environ.get("TFGRAPH_DATA_DIR")
needs_data = pytest.mark.skipif(
    not DATA_DIR, reason="TFGRAPH_DATA_DIR names no folder with the data sets"
)
CSR_PARTS = {
    "data": np.ones(3, np.float32),
    "indices": np.array([1, 2, 0], np.int32),
    "indptr": np.array([0, 2, 2, 3], np.int32),
    "shape": np.array([3, 3]),
}
NPZ = {
    **{f"{name}_{key}": a for name in ("adj", "attr") for key, a in CSR_PARTS.items()},
    "labels": np.array([0, 1, 0]),
}
TU_TEXTS = {
    "A": "1, 2\n2, 1\n4, 3\n3, 4\n",
    "graph_indicator": "1\n1\n2\n2\n",
    "graph_labels": "1\n-1\n",
    "node_labels": "0\n7\n7\n0\n",
    "node_attributes": "1.5, 0\n-2, 1e3\n0, 0\n4, 4\n",
}
COMPACT = "2\n3 4\n0 2 1 2\n0 1 0\n0 2 2 0\n2 1\n0 0\n0 0\n"


def write_zip(file, contents, method=zipfile.ZIP_DEFLATED):
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file


def npz(folder, monkeypatch):
    np.savez_compressed(folder / "a.npz", **NPZ)
    return lambda: read_npz(folder / "a.npz")


def tu_folder(folder, monkeypatch):
    for part, text in TU_TEXTS.items():
        (folder / f"TINY_{part}.txt").write_text(text)
    return lambda: read_tu(folder, ["labels", "attributes", "degree"])


def tu_zip(folder, monkeypatch):
    texts = {f"TINY/TINY_{part}.txt": text for part, text in TU_TEXTS.items()}
    write_zip(folder / "TINY.zip", texts)
    return lambda: read_tu(folder / "TINY.zip")


def collab(folder, monkeypatch):
    write_zip(folder / "tu_compact" / "COLLAB.zip", {"COLLAB/COLLAB.txt": COMPACT})
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(folder))
    return lambda: tu("COLLAB")


def twitch_zip(folder, monkeypatch):
    contents = {
        "edges.csv": b"from,to\n0,1\n1,2\n",
        "features.json": b'{"0": [1, 7], "1": [2], "2": []}',
        "target.csv": b"id,mature,new_id\n9,True,1\n8,False,0\n7,True,2\n",
    }
    known = {part: hashlib.sha256(text).hexdigest() for part, text in contents.items()}
    monkeypatch.setattr(twitch_files, "TWITCH_SHA256", {"RU": known})
    members = {f"twitch/RU_{part}": text for part, text in contents.items()}
    write_zip(folder / "musae" / "twitch.zip", members)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(folder))
    return lambda: twitch("RU")


def movielens_zip(folder, monkeypatch):
    members = {
        "ml-latest-small/movies.csv": b"id,title,genres\r\n7,A,War|IMAX\r\n9,B,War\r\n",
        "ml-latest-small/ratings.csv": b"u,m,r,t\r\n1,9,4.5,10\r\n3,7,1,20\r\n",
    }
    known = {name: hashlib.sha256(text).hexdigest() for name, text in members.items()}
    monkeypatch.setattr(movielens_files, "MOVIELENS_SHA256", known)
    write_zip(folder / "movielens" / "ml-latest-small.zip", members)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(folder))
    return movielens


def planetoid_pickles(folder, monkeypatch):
    (folder / "planetoid").mkdir()
    for path in pathlib.Path(DATA_DIR, "planetoid").glob("ind.cora.[agty]*"):
        shutil.copyfile(path, folder / "planetoid" / path.name)
    monkeypatch.setenv("TFGRAPH_DATA_DIR", str(folder))
    return lambda: planetoid("cora")


def ppi_files(folder, monkeypatch):
    links = [{"source": 0, "target": 2}, {"source": 1, "target": 1}]
    (folder / "valid_graph.json").write_text(json.dumps({"links": links}))
    np.save(folder / "valid_graph_id.npy", np.array([21, 22, 21]))
    np.save(folder / "valid_feats.npy", np.arange(6.0).reshape(3, 2))
    np.save(folder / "valid_labels.npy", np.eye(3, dtype=np.int64))
    return lambda: ppi("val", folder)


def graphsage_ppi(folder, monkeypatch):
    write_ppi(folder, monkeypatch)
    return lambda: ppi("val")


def nell_pickles(folder, monkeypatch):
    write_nell(folder, monkeypatch)
    return nell


def reddit_files(folder, monkeypatch):
    entries = {"row": np.array([0, 1, 2], np.int32), "col": np.array([1, 2, 0])}
    np.savez(folder / "reddit_graph.npz", **entries)
    arrays = {"feature": np.eye(3), "label": np.arange(3), "node_types": np.arange(3)}
    np.savez(folder / "reddit_data.npz", **arrays)
    return lambda: reddit(folder)


def damaged(content, rng):
    """A few bits flipped, some bytes overwritten, or the end cut off."""
    content = np.frombuffer(content, np.uint8).copy()
    how, size = rng.integers(3), len(content)
    if how == 0:
        where = rng.integers(size, size=rng.integers(1, 5))
        content[where] ^= 1 << rng.integers(8, size=len(where)).astype(np.uint8)
    elif how == 1:
        start = rng.integers(size)
        content[start : start + 8] = rng.choice(
            [0, 45, 57, 255], len(content[start:][:8])
        )
    else:
        content = content[: rng.integers(size)]
    return content.tobytes()


def damaged_inside(content, rng):
    """A zip file without a fault, one of its members damaged."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    members[name] = damaged(members[name], rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return file.getvalue()


def refusals(load, folder, repetitions, seed=0):
    """Loads damaged files, and returns the errors."""
    rng = np.random.default_rng(seed)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    errors = []
    for _ in range(repetitions):
        path = files[rng.integers(len(files))]
        original = path.read_bytes()
        inside = path.suffix in (".zip", ".npz") and rng.integers(2)
        path.write_bytes((damaged_inside if inside else damaged)(original, rng))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load()
        except Exception as error:
            errors.append(error)
        path.write_bytes(original)
    return errors


LAYOUTS = [
    npz,
    tu_folder,
    tu_zip,
    collab,
    twitch_zip,
    movielens_zip,
    pytest.param(planetoid_pickles, marks=needs_data),
    ppi_files,
    graphsage_ppi,
    nell_pickles,
    reddit_files,
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_files(layout, tmp_path, monkeypatch):
    load = layout(tmp_path, monkeypatch)
    load()
    errors = refusals(load, tmp_path, repetitions=40)
    assert len(errors) > 10
    for error in errors:
        assert type(error) is ValueError or isinstance(error, OSError), repr(error)
        assert str(error).startswith(("Expected ", "[Errno ")), error


def refused(load, message):
    """Checks the error, and that no more than 4 MB were claimed before it."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=message):
            load()
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def with_header(array, **changes):
    """An npy file of `array`, with another header."""
    file = io.BytesIO()
    header = {"descr": "<i8", "fortran_order": False, "shape": (3,), **changes}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + array.tobytes()


def npz_with(file, **contents):
    """The small npz file with other contents of members."""
    arrays = {
        name: with_header(a, descr=a.dtype.str, shape=a.shape)
        for name, a in NPZ.items()
    }
    members = {f"{name}.npy": a for name, a in {**arrays, **contents}.items()}
    return write_zip(file, members)


LABELS = NPZ["labels"]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (
            {"labels": with_header(LABELS, shape=(10**12,))},
            r"`labels`.*Received: 24 bytes for an array of shape \(1000000000000,\)",
        ),
        ({"labels": with_header(LABELS, shape=(-3,))}, r"of shape \(-3,\)"),
        ({"labels": with_header(LABELS, descr="|O")}, "allow_pickle=False"),
        ({"labels": b"\x93NUMPY\x03\x00" + bytes(20)}, r"version \(3, 0\)"),
        ({"labels": b"no array"}, "`labels`.*magic string"),
        ({"labels": bytes(10**7)}, "`labels`.*Received: 10000000 bytes, more than a"),
        (
            {"adj_shape": with_header(np.array([10**9, 10**9]), shape=(2,))},
            r"`adj_\*` to be the parts of a CSR.*a\.npz",
        ),
    ],
)
def test_an_array_that_claims_too_much(contents, message, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_BYTES_MORE", 1000)
    file = npz_with(tmp_path / "a.npz", **contents)
    refused(lambda: read_npz(file), message)


def test_an_array_that_expands_far_is_read_if_it_is_stored(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_BYTES_MORE", 1000)
    many = {"attr_names": np.zeros(10**6), **NPZ, "labels": np.zeros([3, 10**5])}
    np.savez_compressed(tmp_path / "a.npz", **many)
    with pytest.raises(ValueError, match=r"2400128 bytes.*without compression"):
        read_npz(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", **many)
    assert read_npz(tmp_path / "a.npz").y.shape == (3, 10**5)


def test_features_of_an_npz_file_without_scipy(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    shape = with_header(np.array([3, 10**9]), shape=(2,))
    file = npz_with(tmp_path / "a.npz", attr_shape=shape)
    refused(lambda: read_npz(file), "Install SciPy .* 3 nodes with 1000000000 features")


def zip_bytes_with(replacements, contents, method=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    content = file.getvalue()
    for old, new in replacements:
        assert old in content
        content = content.replace(old, new)
    return content


def test_a_member_that_is_larger_than_its_directory_says(tmp_path):
    size = 10**7
    lie = [(size.to_bytes(4, "little"), (50).to_bytes(4, "little"))]
    content = zip_bytes_with(lie, {"TINY_A.txt": bytes(size)})
    (tmp_path / "a.zip").write_bytes(content)
    refused(lambda: archives.zip_member("a.zip", content, "TINY_A.txt"), "Bad CRC-32")


def test_a_damaged_tar_file():
    contents = nell_contents()
    member = "nell_data/ind.nell.0.001.tx"
    archive = nell_archive(contents)
    assert archives.tar_member("a.tar.gz", archive, member) == contents["tx"]
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(40):
        try:
            archives.tar_member("a.tar.gz", damaged(archive, rng), member)
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) > 30
    message = f"Expected a.tar.gz to be a tar.gz file with a member {member}. Rec"
    assert all(error.startswith(message) for error in errors)


def test_a_bomb_in_a_tar_file(monkeypatch):
    monkeypatch.setattr(archives, "_MOST_BYTES_MORE", 1000)
    archive = nell_archive({"tx": bytes(10**7)})
    refused(
        lambda: archives.tar_member("a.tar.gz", archive, "nell_data/ind.nell.0.001.tx"),
        "cut short, or expands beyond",
    )


def test_a_compression_that_cannot_be_bounded():
    content = zip_bytes_with([], {"a": b"1\n"}, zipfile.ZIP_BZIP2)
    refused(lambda: archives.zip_member("a.zip", content, "a"), "compression method 12")


def test_an_encrypted_member():
    local, central = b"PK\x03\x04\x14\x00", b"PK\x01\x02\x14\x03\x14\x00"
    flags = [(mark + b"\x00\x00", mark + b"\x01\x00") for mark in (local, central)]
    content = zip_bytes_with(flags, {"a": b"1\n"})
    refused(lambda: archives.zip_member("a.zip", content, "a"), "encrypted")


def test_only_the_members_of_a_set_are_read(tmp_path):
    texts = {f"TINY_{part}.txt": text for part, text in TU_TEXTS.items()}
    others = {"README.txt": bytes(10**7), "TINY_edge_labels.txt": b"\xff" * 10**7}
    file = write_zip(tmp_path / "TINY.zip", {**others, **texts})
    damaged_crc = file.read_bytes().replace(
        (10**7).to_bytes(4, "little"), (2**31).to_bytes(4, "little")
    )
    file.write_bytes(damaged_crc)
    tracemalloc.start()
    graphs, labels = read_tu(file)
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()
    assert [graph.edges.tolist() for graph in graphs] == [[[1, 0], [0, 1]]] * 2
    assert labels.tolist() == [1, 0]


@pytest.mark.parametrize("size", [10**7, 2 * 10**9])
def test_a_bomb_among_the_members_of_a_set(size, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_BYTES_MORE", 1000)
    texts = {f"TINY_{part}.txt": text for part, text in TU_TEXTS.items()}
    texts["TINY_A.txt"] = bytes(10**7)
    file = write_zip(tmp_path / "TINY.zip", texts)
    stated = file.read_bytes().replace(
        (10**7).to_bytes(4, "little"), size.to_bytes(4, "little")
    )
    file.write_bytes(stated)
    refused(lambda: read_tu(file), rf"TINY\.zip.*TINY_A\.txt.*{size} bytes, more than")


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [
        ({"features": "labels"}, 20_000),
        ({"features": "degree", "max_degree": np.int64(10**9)}, 10**9 + 1),
    ],
)
def test_dense_features_are_bounded(arguments, columns, tmp_path):
    tu_folder(tmp_path, None)
    lines = {
        "graph_indicator": np.ones(20_000),
        "graph_labels": np.ones(1),
        "node_labels": np.arange(20_000),
    }
    for part, numbers in lines.items():
        np.savetxt(tmp_path / f"TINY_{part}.txt", numbers, "%d")
    (tmp_path / "TINY_node_attributes.txt").unlink()
    message = f"lower `max_degree`. Received: 20000 nodes with {columns} features"
    with pytest.raises(ValueError, match=message):
        read_tu(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            r"COLLAB\.zip to hold COLLAB in its compact .* Received: 0 numbers, too",
        ),
        ("1000000000000 1 0", "3 numbers, too few"),
        ("1\n1 4\n0 -2\n", "a node with -2 neighbours"),
        ("1\n1 4\n0 1 0 7\n", "7 numbers for 1 graphs"),
        ("1\n-1 4\n", "3 numbers for 1 graphs"),
        ("1\n1 4\n0 1 1\n", "a neighbour that is no node of its graph"),
        ("1\n1 4\n0 1 x\n", "COLLAB in its compact format"),
    ],
)
def test_damaged_compact_format(text, message, tmp_path, monkeypatch):
    load = collab(tmp_path, monkeypatch)
    write_zip(tmp_path / "tu_compact" / "COLLAB.zip", {"COLLAB/COLLAB.txt": text})
    with pytest.raises(ValueError, match=message):
        load()


@pytest.mark.parametrize("load", [read_npz, read_tu, ppi, reddit])
def test_paths(load, tmp_path, monkeypatch):
    arguments = ["val"] if load is ppi else []
    with pytest.raises(FileNotFoundError, match="missing"):
        load(*arguments, tmp_path / "missing")
    with pytest.raises(ValueError, match=r"`path` to be a string .*path=\['a'\]"):
        load(*arguments, ["a"])
