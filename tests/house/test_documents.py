"""All documents: links lead to files, stack files are the real ones, commands and names exist, pictures stand alone."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import pytest
import yaml

import settings
from pulumi_emulator import cli as emulator
from redis_ha_ops import cli as ops
from tests.support.documents import ROOT, Block, all_blocks, anchors, documents, links, tracked

SCHEMA = json.loads((ROOT / "settings.schema.json").read_text())
# Phrases that once stood here and told a reader nothing.
EMPTY = ("rightly set", "something to fail", "come home", "turns it round", "figure of AWS", "the one thing nobody else")


# --- links ---


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    broken = [
        f"{target.relative_to(ROOT)}#{anchor}"
        for target, anchor in links(path)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert broken == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A page, of `mine`\n[gone](gone.md) [here](#a-page-of-mine) [web](https://example.com/)\n```\n[no](no.md)\n```\n"
    )
    assert links(page) == [(tmp_path / "gone.md", ""), (page, "a-page-of-mine")]
    assert anchors(page) == {"a-page-of-mine"}


# --- stack files ---


def stack_file(block: Block) -> str | None:
    """Return the stack file that the line above a block says it is of."""
    named = re.search(r"\((?:\.\./)?(Pulumi\.\w+\.yaml)\)", block.above)
    return named[1] if named else None


def test_what_is_said_to_be_a_stack_file_is_the_file() -> None:
    shown = [(block, name) for block in all_blocks("yaml") if (name := stack_file(block))]
    assert {name for _, name in shown} == {"Pulumi.local.yaml", "Pulumi.staging.yaml", "Pulumi.prod.yaml"}
    for block, name in shown:
        assert block.text in (ROOT / name).read_text(), block.name


def without_required(schema: Any) -> Any:
    """Return a schema that a part of a stack file fits too."""
    if isinstance(schema, dict):
        return {key: without_required(value) for key, value in schema.items() if key != "required"}
    return [without_required(entry) for entry in schema] if isinstance(schema, list) else schema


def test_every_key_of_the_stack_that_is_shown_exists() -> None:
    partly = without_required(SCHEMA)
    seen = 0
    for block in all_blocks("yaml"):
        shown = yaml.safe_load(block.text)
        config = shown.get("config", shown)
        raw = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in config.items()
            if key.startswith("redis-ha:")
        }
        seen += len(raw)
        try:
            settings.parse(raw, frozenset(raw), partly)
        except settings.SettingsError as error:
            pytest.fail(f"{block.name}: {error}")
    assert seen


# --- programs and commands ---


def test_every_name_that_a_program_imports_exists() -> None:
    for block in all_blocks("python"):
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == [], block.name


def commands(block: Block) -> Iterator[list[str]]:
    """Yield the words of every command that is typed in a block: after `$ `, and on both sides of a pipe."""
    text = re.sub(r"\\\n|\|\n", lambda found: found[0][:-1] + " ", block.text)
    for line in text.splitlines():
        if line.startswith("$ "):
            words = shlex.split(line[2:], comments=True)
            while words:
                end = next((at for at, word in enumerate(words) if word in {"|", "&&"}), len(words))
                yield words[:end]
                words = words[end + 1 :]


def check_words(command: click.Command, words: list[str], where: str) -> None:
    """Follow subcommands and look for every option that is typed."""
    words = words[: words.index("--")] if "--" in words else words
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"{where}: no command {name}"
        command = found
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in options]
    assert unknown == [], where


def test_every_command_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    seen = set()
    for block in all_blocks("console"):
        for words in commands(block):
            program = Path(words[0]).name
            if program == "make":
                assert words[1] in targets, block.name
            elif program == "redis-ha":
                check_words(ops.cli, words[1:], block.name)
            elif words[1:3] == ["-m", "pulumi_emulator"]:
                check_words(emulator.main, words[3:], block.name)
            else:
                continue
            seen.add(program)
    assert seen == {"make", "redis-ha", "python"}


def test_a_wrong_option_is_seen() -> None:
    with pytest.raises(AssertionError, match="--blok"):
        check_words(ops.cli, ["status", "--stack", "prod", "--blok", "global"], "here")
    with pytest.raises(AssertionError, match="no command revive-master"):
        check_words(ops.cli, ["drill", "revive-master"], "here")


# --- words ---


def test_no_sentence_is_one_of_those_that_said_nothing() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {phrase}"
        for path in tracked(".md", ".py", ".toml", ".txt", "schema.json")
        if path != Path(__file__).resolve()
        for phrase in EMPTY
        if phrase in re.sub(r"\s+", " ", path.read_text())
    ]
    assert found == []


# --- pictures ---


@pytest.mark.parametrize("path", tracked(".svg"), ids=lambda path: path.name)
def test_a_picture_stands_alone_and_says_what_it_shows(path: Path) -> None:
    root = ET.fromstring(path.read_text())  # noqa: S314 - a file of this tree
    assert root.get("aria-label")
    for element in root.iter():
        for name, value in element.attrib.items():
            assert "href" not in name or value.startswith("#"), (element.tag, value)
            assert "url(" not in value or "url(#" in value, (element.tag, value)
