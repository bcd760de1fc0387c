"""Folders for files that are not complete yet, and what killed processes leave."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows, where what killed processes leave stays
    fcntl = None  # type: ignore[assignment]

_PREFIX = "unfinished-"


@contextlib.contextmanager
def unfinished_folder(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """Context with a new folder beside a target, which is removed at the end.

    What is complete can be renamed from there to the target in one step. Folders that
    killed processes left for the same target are removed first.

    Args:
        target: The file or folder to be made. Its parents are made if they are missing.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # A short name of the target, however long its own is.
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    prefix = f"{_PREFIX}{digest}-"
    for left in target.parent.glob(f"{prefix}*"):
        lock = _locked(left)
        if lock is not None:  # its process has ended
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    folder = pathlib.Path(tempfile.mkdtemp(prefix=_PREFIX, dir=target.parent))
    lock = _locked(folder)
    try:
        if lock is not None:  # only then other processes may find it by its name
            name = prefix + folder.name.removeprefix(_PREFIX)
            folder = folder.rename(folder.with_name(name))
        yield folder
    finally:
        shutil.rmtree(folder)
        if lock is not None:
            os.close(lock)


def _locked(folder: pathlib.Path) -> int | None:
    """Returns a descriptor of a folder with its lock, or None if it has none to give.

    The system gives the lock back when the process ends, however it ends.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # of another user, or gone
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked, or the disk has no locks
        os.close(descriptor)
        return None
    return descriptor
