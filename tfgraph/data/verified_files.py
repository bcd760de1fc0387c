"""Files of known content: verified, and downloaded once where there are none."""

import hashlib
import os
import pathlib
import tempfile

import keras


def downloaded(url: str, file_name: str, sha256: str, remedy: str) -> bytes:
    """Returns the verified content of `url`, kept as `file_name` in Keras' cache.

    Args:
        url: Where the file is.
        file_name: Name in the folder `datasets/tfgraph` of the cache.
        sha256: Checksum of its content, in hexadecimal.
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
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
        # Damaged, perhaps cut short: fetch it again.
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


def check_sha256(where, content: bytes, expected: str):
    """Raises a ValueError that names `where` unless `content` is the expected one."""
    received = hashlib.sha256(content).hexdigest()
    if received != expected:
        raise ValueError(
            f"Expected {where} to be the unmodified file, with sha256={expected}. "
            f"Received: sha256={received} ({len(content)} bytes)"
        )
