"""What a stack file may hold: each is refused by file and line before the engine begins, and never with the value itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulumi_emulator import project
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.project import Program, read_program


def read(folder: Path, content: str | bytes) -> Program:
    """Read a program with this stack file."""
    (folder / "Pulumi.yaml").write_text("name: tested\nruntime: python\n")
    (folder / "__main__.py").touch()
    (folder / "Pulumi.dev.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    return read_program(folder, "dev")


def refused(folder: Path, content: str | bytes) -> str:
    """Return what is said after the file's name."""
    with pytest.raises(EmulatorError) as caught:
        read(folder, content)
    told = str(caught.value)
    assert told.startswith(f"{folder}/Pulumi.dev.yaml ")
    assert len(told.splitlines()) == 1
    return told.removeprefix(f"{folder}/Pulumi.dev.yaml ")


def test_a_file_in_another_encoding_is_named_with_the_line(tmp_path: Path) -> None:
    told = refused(tmp_path, b"config:\n  tested:a: \xff\xfe\n")
    assert told == "line 2 is not UTF-8; save the file in that encoding"


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "{x: [1, .NaN]}", "{.inf: 1}"])
def test_numbers_that_json_does_not_have_are_refused(tmp_path: Path, value: str) -> None:
    told = refused(tmp_path, f"config:\n  tested:a: {value}\n")
    assert told.startswith("line 2 cannot be used: ")
    assert "is a number that JSON does not have; give another one, or quote it" in told
    assert read(tmp_path, 'config: {"tested:a": ".nan"}').config == {"tested:a": ".nan"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2026-13-45", "timestamp"),
        ("!!timestamp of-a-secret", "timestamp"),
        ("!!int of-a-secret", "int"),
        ("!!int ''", "int"),
        ("9" * 5000, "int"),
        ("!!float of-a-secret", "float"),
        ("!!bool of-a-secret", "bool"),
    ],
)
def test_what_is_not_as_its_tag_says_is_named_without_the_value(tmp_path: Path, value: str, kind: str) -> None:
    told = refused(tmp_path, f"config:\n  tested:a: 1\n  tested:b: {value}\n")
    assert told == f"line 3 cannot be used: a value that is no {kind}; quote it if it is text"


def test_half_a_character_is_no_text(tmp_path: Path) -> None:
    assert refused(tmp_path, 'config:\n  tested:a: "\\ud800"\n').startswith("line 2 cannot be used: half of a character")
    assert read(tmp_path, 'config: {"tested:a": "\\U0001f600 ä"}').config == {"tested:a": "\U0001f600 ä"}


def test_aliases_are_counted_as_if_they_were_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = "config:\n  tested:a: &a [1, 2, 3]\n  tested:b: [*a, *a]\n"
    whole = 3 + (1 + 4) + (1 + 1 + 4 + 4)  # mappings and the key of the upper; the key and value of each entry
    monkeypatch.setattr(project, "MOST_VALUES", whole)
    assert read(tmp_path, twice).config["tested:b"] == [[1, 2, 3], [1, 2, 3]]
    monkeypatch.setattr(project, "MOST_VALUES", whole - 1)
    assert refused(tmp_path, twice) == (
        f"cannot be used: with its aliases (`*name`) written out it holds more than {whole - 1} values; use fewer"
    )


@pytest.mark.parametrize("value", ["&a [*a]", "&a {b: {c: *a}}"])
def test_an_alias_of_what_it_stands_in_has_no_end(tmp_path: Path, value: str) -> None:
    assert "line 2 cannot be used: an alias leads back to what it stands in" in refused(tmp_path, f"config:\n  a: {value}\n")


def test_a_large_file_is_read(tmp_path: Path) -> None:
    users = {f"user-{number}": {"access": "on ~* +@all", "rotation": number} for number in range(2000)}
    assert read(tmp_path, json.dumps({"config": {"tested:users": users}})).config["tested:users"] == users
