"""Files of known content: verified, and downloaded once where there are none."""

import hashlib
import io
import os
import pathlib
import tempfile
import zipfile

import keras


def downloaded(
    url: str, file_name: str, sha256: str | dict[str, str], remedy: str
) -> bytes:
    """Returns the verified content of `url`, kept as `file_name` in Keras' cache.

    Args:
        url: Where the file is.
        file_name: Name in the folder `datasets/tfgraph` of the cache.
        sha256: See `check_sha256`.
        remedy: What to do if it cannot be downloaded, as the error tells it.

    Raises:
        ValueError: If the file at `url` is another one. Nothing is kept then.
        OSError: If it cannot be downloaded.
    """
    cache = pathlib.Path(
        os.environ.get("KERAS_HOME", pathlib.Path.home() / ".keras"),
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
            raise OSError(
                f"Could not download {url}. Where there is no network, {remedy}."
            ) from error
        content = pathlib.Path(download).read_bytes()
        check_sha256(url, content, sha256)
        os.replace(download, path)
    return content


def check_sha256(where, content: bytes, expected: str | dict[str, str]):
    """Raises a ValueError that names `where` unless `content` is the expected one.

    Args:
        where: Where the content comes from.
        content: What to check.
        expected: Its checksum, in hexadecimal; or of a zip file, checksums of members,
            by their names.
    """
    if isinstance(expected, dict):
        for name, sha256 in expected.items():
            check_sha256(f"{name} in {where}", zip_member(where, content, name), sha256)
        return
    received = hashlib.sha256(content).hexdigest()
    if received != expected:
        raise ValueError(
            f"Expected {where} to be the unmodified file, with sha256={expected}. "
            f"Received: sha256={received} ({len(content)} bytes)"
        )


def zip_member(where, content: bytes, name: str) -> bytes:
    """Returns a member of a zip file; a ValueError names `where` if there is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected {where} to be a zip file with a member {name}. Received: {error}"
        ) from error
