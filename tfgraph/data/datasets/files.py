"""Finds the files of data sets: the user's own, or downloaded and verified."""

import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterable
from typing import Any

import keras

from tfgraph.data.datasets.archives import tar_member, zip_member


def known_name(
    argument: str, value: Any, known: Iterable[str], *, among: Any = None
) -> str:
    """Returns the known name that `value` stands for, in upper or lower case.

    Args:
        argument: Name of the argument, as the error tells it.
        value: What the user gave.
        known: The names.
        among: The argument as a whole, if `value` is one of several.

    Raises:
        ValueError: If the name is unknown.
    """
    names = {name.casefold(): name for name in known}
    if not isinstance(value, str) or value.casefold() not in names:
        raise ValueError(
            f"Expected `{argument}` to be one of {list(known)}. "
            f"Received: {argument}={(value if among is None else among)!r}"
        )
    return names[value.casefold()]


def checked_path(path: str | os.PathLike) -> pathlib.Path:
    """Returns `path` as a `pathlib.Path`; a ValueError if it is none."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(
            f"Expected `path` to be a string or a path object. Received: path={path!r}"
        )
    return pathlib.Path(path)


def data_dir() -> str | None:
    """Returns the user's folder of data sets, `$TFGRAPH_DATA_DIR`, or None."""
    return os.environ.get("TFGRAPH_DATA_DIR") or None


def find_file(
    folder: str, file_name: str, source: str, path: str | os.PathLike | None = None
) -> pathlib.Path:
    """Returns where a file is: at `path`, or by default in the folder of data sets.

    Args:
        folder: Folder in `$TFGRAPH_DATA_DIR`.
        file_name: Name of the file in that folder.
        source: Where the file is published, as the error tells it.
        path: Where the file is, if the user says so.

    Raises:
        FileNotFoundError: If it is not there.
    """
    root = data_dir()
    if path is not None:
        path = checked_path(path)
    elif root:
        path = pathlib.Path(root, folder, file_name)
    if path is None or not path.is_file():
        place = path.parent if path else f"`$TFGRAPH_DATA_DIR/{folder}/`"
        raise FileNotFoundError(
            f"Expected {file_name} in the folder {place}. It is available from "
            f"{source}, and is not downloaded. "
            f"Received: path={path}, TFGRAPH_DATA_DIR={root}"
        )
    return path


def downloaded(
    url: str, file_name: str, sha256: str | dict[str, str], place: str
) -> bytes:
    """Returns the verified content of `url`, kept as `file_name` in Keras' cache.

    Args:
        url: Where the file is.
        file_name: Name in the folder `datasets/tfgraph` of the cache.
        sha256: See `check_sha256`.
        place: Where in `$TFGRAPH_DATA_DIR` the user can put the content instead.

    Raises:
        ValueError: If the file at `url` is another one. Nothing is kept then.
        OSError: If it cannot be downloaded.
    """
    cache = pathlib.Path(
        os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras"),
        "datasets",
        "tfgraph",
    )
    path = cache / file_name
    if path.exists():
        content = path.read_bytes()
        try:
            check_sha256(path, content, sha256)
            return content
        except ValueError:
            pass  # Damaged, perhaps cut short: fetch it again.
    cache.mkdir(parents=True, exist_ok=True)
    # Only a verified file gets its final name, and gets it in one step: a crash or a
    # second process never leaves or sees half a file.
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        try:
            download = keras.utils.get_file(
                file_name, url, cache_dir=scratch, cache_subdir=""
            )
        except Exception as error:  # keras.utils.get_file raises no narrower one
            # Its message says what happened, so its tracebacks would only hide it.
            raise OSError(
                f"Could not download {url}. Where there is no network, put it into "
                f"`$TFGRAPH_DATA_DIR/{place}`. Received: {error}"
            ) from None
        content = pathlib.Path(download).read_bytes()
        check_sha256(url, content, sha256)
        os.replace(download, path)
    return content


def check_sha256(
    where: str | os.PathLike, content: bytes, expected: str | dict[str, str]
) -> None:
    """Raises a ValueError that names `where` unless `content` is the expected one.

    Args:
        where: Where the content comes from.
        content: What to check.
        expected: Its checksum, in hexadecimal; or of a zip or tar.gz file, checksums of
            members, by their names.
    """
    if isinstance(expected, dict):
        member = tar_member if content.startswith(b"\x1f\x8b") else zip_member
        for name, sha256 in expected.items():
            check_sha256(f"{name} in {where}", member(where, content, name), sha256)
        return
    received = hashlib.sha256(content).hexdigest()
    if received != expected:
        raise ValueError(
            f"Expected {where} to be the unmodified file, with sha256={expected}. "
            f"Received: sha256={received} ({len(content)} bytes)"
        )
