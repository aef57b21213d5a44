"""How every file of a stack is written: privately, and whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# What a command writes at least; what failed may have given some room back.
ROOM_BYTES: Final = 1024**2


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, so that a reader sees the old or the new text, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def has_room(folder: Path, size: int) -> bool:
    """Tell whether a file of `size` bytes can still be written in a folder, by the disk's and the user's own limits."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        if error.errno in NO_ROOM:
            return False
        raise
    return True


def without_room(folders: Iterable[Path]) -> list[Path]:
    """Return those folders whose disk is full; of one that does not exist yet, the disk that it would be on.

    An error of writing names no file: this finds out where it was.
    """
    full = []
    for folder in folders:
        there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
        try:
            if not has_room(there, ROOM_BYTES):
                full.append(folder)
        except OSError:  # not ours to write in, and so not what was written to
            continue
    return full
