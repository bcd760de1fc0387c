"""Reads archives and files of arrays, and trusts nothing in them.

All loaders keep one contract. What a file holds is not what is expected: ValueError. It
is damaged or cut short, lacks a member, or claims too much. A file is missing or
cannot be read: OSError. No other error reaches the user, and nothing is executed.

Sizes are checked before memory is spent:

- A member of a zip or npz file, or all members of a tar.gz file, may take 100 times
  the size of that file and 64 MiB more. Of the known sets COLLAB needs most, 22 times.
  A member may be larger if it is stored without compression: `numpy.savez` instead of
  `numpy.savez_compressed`.
- The header of an array has to fit the size of the array's file.
- Dense features that are computed may hold 300 million numbers (1.2 GB).
"""

import collections
import contextlib
import errno
import io
import math
import os
import pathlib
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, ClassVar

import numpy as np

_MOST_TIMES, _MOST_BYTES_MORE = 100, 2**26
_MOST_DENSE_NUMBERS = 300_000_000
_CHUNK = 2**22


@contextlib.contextmanager
def expecting(what: str) -> Iterator[None]:
    """Turns errors other than OSErrors into "Expected {what}. Received: …".

    Which errors damaged bytes cause is documented for no parser: `zipfile` alone raises
    eight types.

    Args:
        what: Which file it is and what it should hold.
    """
    try:
        yield
    except Exception as error:
        # EINVAL: a damaged offset, and so a seek to before the start of the file.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        received = str(error)
        if not isinstance(error, ValueError) or not received:
            received = f"{type(error).__name__} {received}".strip()
        raise ValueError(f"Expected {what}. Received: {received}") from error


def check_dense(num_nodes: int, num_features: int, remedy: str) -> None:
    """Raises a ValueError if dense features would take too much memory.

    Args:
        num_nodes: Rows.
        num_features: Columns.
        remedy: A sentence that says what to do then.
    """
    if num_nodes * num_features > _MOST_DENSE_NUMBERS:
        raise ValueError(
            f"Expected dense features of at most {_MOST_DENSE_NUMBERS} numbers. "
            f"{remedy} Received: {num_nodes} nodes with {num_features} features"
        )


def zip_names(where: str | os.PathLike, file: pathlib.Path | bytes) -> list[str]:
    """Returns the names of a zip file's members.

    Args:
        where: Where the file comes from.
        file: The file, or its content.
    """
    with (
        expecting(f"{where} to be a zip file"),
        zipfile.ZipFile(_opened(file)) as zipped,
    ):
        return zipped.namelist()


def zip_member(
    where: str | os.PathLike, file: pathlib.Path | bytes, name: str
) -> bytes:
    """Returns the content of a zip file's member. For the arguments see `zip_names`."""
    with (
        expecting(f"{where} to be a zip file with a member {name}"),
        _member(file, name) as (stream, size),
    ):
        return b"".join(_chunks(stream, size))


def tar_member(where: str | os.PathLike, content: bytes, name: str) -> bytes:
    """Returns the content of a member of a tar.gz file.

    Args:
        where: Where the file comes from.
        content: The file's content.
        name: Name of the member.
    """
    with (
        expecting(f"{where} to be a tar.gz file with a member {name}"),
        tarfile.open(fileobj=io.BytesIO(_gunzipped(content)), mode="r:") as archive,
    ):
        stream = archive.extractfile(name)
        if stream is None:
            raise ValueError("a folder")
        return stream.read()


def npz_array(
    where: str | os.PathLike, file: pathlib.Path, key: str, source: str
) -> np.ndarray:
    """Returns an array of an npz file.

    Args:
        where: Where the file comes from.
        file: The file.
        key: Name of the array.
        source: Where files of that layout are published, as the error tells it.
    """
    with (
        expecting(f"{where} to hold an array `{key}`, as the files of {source} do"),
        _member(file, f"{key}.npy") as (stream, size),
    ):
        return _array(stream, size)


def npy_array(where: str | os.PathLike, content: bytes) -> np.ndarray:
    """Returns the array of an npy file.

    Args:
        where: Where the file comes from.
        content: The file's content.
    """
    with expecting(f"{where} to hold an array"):
        return _array(io.BytesIO(content), len(content))


def _opened(file: pathlib.Path | bytes) -> io.BytesIO | pathlib.Path:
    return io.BytesIO(file) if isinstance(file, bytes) else file


def _gunzipped(content: bytes) -> bytes:
    most = _MOST_TIMES * len(content) + _MOST_BYTES_MORE
    gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    unpacked = gzip.decompress(content, most)
    if not gzip.eof:
        raise ValueError(f"a file that is cut short, or expands beyond {most} bytes")
    return unpacked


@contextlib.contextmanager
def _member(file: pathlib.Path | bytes, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Opens a member; its size is checked, so that it can be read as a whole."""
    size = len(file) if isinstance(file, bytes) else file.stat().st_size
    with zipfile.ZipFile(_opened(file)) as zipped:
        if name not in zipped.namelist():
            names = zipped.namelist()[:20]
            raise ValueError(f"{[other.removesuffix('.npy') for other in names]}")
        info = zipped.getinfo(name)
        # Other methods cannot be read in parts, so their size cannot be bounded.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"compression method {info.compress_type}, not deflate")
        if info.file_size > _MOST_TIMES * size + _MOST_BYTES_MORE:
            raise ValueError(
                f"{info.file_size} bytes, more than a file of {size} bytes should "
                "expand to. If it is right, store it without compression"
            )
        with zipped.open(info) as stream:
            yield stream, info.file_size


def _chunks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Yields `size` bytes, in parts: a single `read` would expand all it can."""
    while size:
        chunk = stream.read(min(size, _CHUNK))
        if not chunk:
            raise ValueError(f"a file that ends {size} bytes early")
        size -= len(chunk)
        yield chunk


def _array(stream: IO[bytes], size: int) -> np.ndarray:
    """Reads a file in NumPy's format, if its header fits its size in bytes."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, by_column, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"version {version} of NumPy's format")
    if dtype.hasobject:
        raise ValueError("Python objects, which are not read (allow_pickle=False)")
    rest = size - stream.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != rest:
        raise ValueError(f"{rest} bytes for an array of shape {shape} and type {dtype}")
    content = np.empty(rest, np.uint8)
    position = 0
    for chunk in _chunks(stream, rest):
        content[position : position + len(chunk)] = np.frombuffer(chunk, np.uint8)
        position += len(chunk)
    return content.view(dtype).reshape(shape, order="F" if by_column else "C")


class CSR:
    """Parts of a CSR matrix; stands in for SciPy's class in the pickles."""

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    _shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self._shape

    def entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns row, column and value of each entry, all `[nonzeros]`."""
        row = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        return row, self.indices, self.data


class _SafeUnpickler(pickle.Unpickler):
    """Reads the Planetoid pickles, and can make nothing but what those hold.

    A pickle may call any function that it can name. This one looks names up in a
    fixed table and never imports.
    """

    _ALLOWED: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("scipy.sparse.csr", "csr_matrix"): CSR,
        ("collections", "defaultdict"): collections.defaultdict,
        ("__builtin__", "list"): list,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"`{module}.{name}`, which no Planetoid file needs"
            ) from None


def unpickled(where: str | os.PathLike, content: bytes) -> Any:
    """Returns what a Planetoid pickle holds.

    Args:
        where: Where the content comes from.
        content: Verified bytes only, as NumPy trusts the arrays in a pickle.
    """
    # latin1 maps the byte strings of Python 2 to str without loss.
    with expecting(f"{where} to be a Planetoid pickle"):
        return _SafeUnpickler(io.BytesIO(content), encoding="latin1").load()
