"""Numbered versions of a SavedModel, and checks of the arguments before one is made."""

import os
import re
import tempfile

import keras


def check_arguments(model: keras.Model, path: str | os.PathLike) -> None:
    """Raises a ValueError unless `model` can be exported to `path`."""
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
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(
            "Expected `path` to be a directory's name, a str or os.PathLike. "
            f"Received: path={path!r} of type {type(path).__name__}"
        )
    # pathlib makes "gs:/bucket" of "gs://bucket". One letter is a drive on Windows.
    if re.match(r"[A-Za-z][\w+.-]+:/", os.fspath(path)):
        raise ValueError(
            "Expected `path` to be a local directory: only there does a finished "
            "version appear at once. Copy the returned directory from there, by "
            f"`gcloud storage cp -r` for example. Received: path={str(path)!r}"
        )


def write_version(archive: keras.export.ExportArchive, path: str | os.PathLike) -> str:
    """Writes the archive as the next version below `path` and returns its directory."""
    os.makedirs(path, exist_ok=True)
    # TensorFlow Serving loads a directory as soon as its name is a number.
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=path) as directory:
        unfinished = os.path.join(directory, "saved_model")
        archive.write_out(unfinished, verbose=False)
        versions = [int(name) for name in os.listdir(path) if name.isdecimal()]
        version = os.path.join(path, str(max(versions, default=0) + 1))
        os.rename(unfinished, version)
    return version
