"""Archives and assets as the engine sends them become one zip file: the same files make the same one."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.archives import zipped
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.values import ARCHIVE_SIGNATURE, ASSET_SIGNATURE, SIGNATURE_KEY


def asset(**given: Any) -> dict[str, Any]:
    return {SIGNATURE_KEY: ASSET_SIGNATURE, "hash": "x", **given}


def archive(**given: Any) -> dict[str, Any]:
    return {SIGNATURE_KEY: ARCHIVE_SIGNATURE, "hash": "x", **given}


def files(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {entry.filename: packed.read(entry).decode() for entry in packed.infolist()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.py").write_text("1")
    (tmp_path / "deep" / "two.py").write_text("2")
    return tmp_path


def test_texts_files_and_folders(folder: Path) -> None:
    assets = {
        "text.py": asset(text="a ü"),
        "empty.py": asset(),
        "file.py": asset(path=str(folder / "one.py")),
        "package": archive(path=str(folder)),
        "nested": archive(assets={"x.py": asset(text="x")}),
    }
    expected = {
        "text.py": "a ü",
        "empty.py": "",
        "file.py": "1",
        "package/one.py": "1",
        "package/deep/two.py": "2",
        "nested/x.py": "x",
    }
    made = zipped(archive(assets=assets))
    assert files(made) == expected
    assert zipped(archive(assets=dict(reversed(assets.items())))) == made


def test_a_folder_and_a_zip_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    made = zipped(archive(path=str(folder)))
    assert files(made) == {"one.py": "1", "deep/two.py": "2"}
    packed = tmp_path_factory.mktemp("zip") / "code.zip"
    packed.write_bytes(made)
    assert zipped(archive(path=str(packed))) == made
    assert files(zipped(archive(assets={"in": archive(path=str(packed))}))) == {"in/one.py": "1", "in/deep/two.py": "2"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (archive(uri="https://example.com/code.zip"), "nothing is downloaded"),
        (archive(assets={"a": asset(uri="https://example.com/a.py")}), "nothing is downloaded"),
        (archive(assets={"a": asset(path="/nowhere/a.py")}), "/nowhere/a.py of an archive cannot be read"),
        (archive(path="/nowhere/code.zip"), "/nowhere/code.zip of an archive cannot be read"),
    ],
)
def test_what_cannot_be_packed(given: dict[str, Any], words: str) -> None:
    with pytest.raises(EmulatorError, match=words):
        zipped(given)
