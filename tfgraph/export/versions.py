"""How an export is written, and checks of the arguments before it is made."""

import os
import pathlib
import re

import keras

from tfgraph.unfinished import unfinished_folder


def check_arguments(
    model: keras.Model, path: str | os.PathLike, is_file: bool = False
) -> None:
    """Raises a ValueError unless `model` can be exported to `path`.

    Args:
        model: The model.
        path: The directory of the versions of a SavedModel, or a file.
        is_file: Whether it is a file.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            "Expected `model` to be a keras.Model. "
            f"Received: model={model!r} of type {type(model).__name__}"
        )
    if not model.built:
        raise ValueError(
            "Expected `model` to be built: train it, call it once or load it before "
            f"the export. Received: model={model}"
        )
    what = "file" if is_file else "directory"
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(
            f"Expected `path` to be a {what}'s name, a str or os.PathLike. "
            f"Received: path={path!r} of type {type(path).__name__}"
        )
    # pathlib makes "gs:/bucket" of "gs://bucket". One letter is a drive on Windows.
    if re.match(r"[A-Za-z][\w+.-]+:/", os.fspath(path)):
        raise ValueError(
            f"Expected `path` to be a local {what}: only there does a finished "
            f"version appear at once. Copy the returned {what} from there, by "
            f"`gcloud storage cp -r` for example. Received: path={str(path)!r}"
        )
    if is_file and os.path.isdir(path):
        raise ValueError(
            "Expected `path` to be a file's name. "
            f"Received: path={str(path)!r}, a directory"
        )


def write_version(archive: keras.export.ExportArchive, path: str | os.PathLike) -> str:
    """Writes the archive as the next version below `path` and returns its directory."""
    # TensorFlow Serving loads a directory as soon as its name is a number.
    with unfinished_folder(pathlib.Path(path, "saved_model")) as directory:
        unfinished = os.path.join(directory, "saved_model")
        archive.write_out(unfinished, verbose=False)
        versions = [int(name) for name in os.listdir(path) if name.isdecimal()]
        version = os.path.join(path, str(max(versions, default=0) + 1))
        os.rename(unfinished, version)
    return version


def write_file(content: bytes, path: str | os.PathLike) -> str:
    """Writes a file, which is never visible unfinished, and returns its name."""
    target = pathlib.Path(os.path.realpath(path))  # where it leads to if it is a link
    with unfinished_folder(target) as directory:
        unfinished = os.path.join(directory, "file")
        with open(unfinished, "wb") as file:
            file.write(content)
        os.replace(unfinished, target)
    return os.fspath(path)
