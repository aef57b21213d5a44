"""Archives and assets, files that a program gives to a resource, as one zip file.

Their form is the engine's (pulumi/pulumi sdk/go/common/resource/asset, archive). A path is relative to the program's folder.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.values import is_archive

# Every file's: the same files make the same archive.
TIME: Final = (1980, 1, 1, 0, 0, 0)
MODE: Final = 0o644 << 16


def zipped(archive: Mapping[str, Any]) -> bytes:
    """Return an archive as a zip file; EmulatorError for a file that is not there, and for an address.

    A zip file is taken as it is.
    """
    path = archive.get("path")
    if path is not None and Path(path).is_file():
        return _bytes(Path(path))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in sorted(_files(archive, "")):
            about = zipfile.ZipInfo(name, TIME)
            about.external_attr = MODE
            about.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(about, data)
    return packed.getvalue()


def _files(found: Mapping[str, Any], name: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file of an archive or an asset."""
    if found.get("uri"):
        raise EmulatorError("an archive or asset by its address is not emulated: nothing is downloaded; give a path or text")
    if isinstance(found.get("assets"), Mapping):
        for part, inner in found["assets"].items():
            yield from _files(inner, f"{name}/{part}" if name else part)
    elif found.get("path") is not None:
        yield from _at(Path(found["path"]), name, folder=is_archive(found))
    else:
        yield name, str(found.get("text") or "").encode()


def _at(path: Path, name: str, *, folder: bool) -> Iterator[tuple[str, bytes]]:
    if not folder:
        yield name, _bytes(path)
    elif path.is_dir():
        for root, folders, files in os.walk(path):
            folders.sort()
            for file in sorted(files):
                inner = Path(root, file)
                yield "/".join(filter(None, (name, str(inner.relative_to(path))))), _bytes(inner)
    else:
        with zipfile.ZipFile(io.BytesIO(_bytes(path))) as given:
            for entry in given.infolist():
                if not entry.is_dir():
                    yield "/".join(filter(None, (name, entry.filename))), given.read(entry)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EmulatorError(f"file {path} of an archive cannot be read: {error.strerror}; give a path that is there") from None
