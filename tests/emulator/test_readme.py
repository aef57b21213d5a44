"""The emulator's README names what there is: types, images, packages, commands."""

from __future__ import annotations

import re
from pathlib import Path

from pulumi_emulator import cli, kinds
from pulumi_emulator.engine import ENGINE_MINIMUM
from pulumi_emulator.handlers import FUNCTIONS, HANDLERS
from pulumi_emulator.machines import IMAGES
from pulumi_emulator.machines.images import REPOSITORY_PACKAGES

README = (Path(__file__).resolve().parents[2] / "emulator" / "README.md").read_text()


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_type_is_in_the_table_and_nothing_else() -> None:
    rows = [row.split("|")[1] for row in section("What is emulated").splitlines() if row.startswith("| `")]
    named = {name.rsplit(".", 1)[-1] for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert named == {token.rsplit(":", 1)[1] for token in HANDLERS}


def test_what_emulates_the_aws_types() -> None:
    rows = [[cell.strip() for cell in row.split("|")[1:4]] for row in section("AWS").splitlines() if row.startswith("| on ")]
    named = {name: set(re.findall(r"`([\w.]+)`", types)) for name, _, types in rows}
    found = {
        name: {member.removeprefix("aws.") for member in members if member.startswith("aws.")}
        for name, members in kinds.by_emulation().items()
    }
    assert named == {name: found[name] for name in (kinds.MOTO, kinds.OWN, kinds.RULES)}
    assert {name: int(count) for name, count, _ in rows} == {name: len(members) for name, members in named.items()}


def test_every_look_up() -> None:
    functions = {token.rsplit(":", 1)[1] for token in FUNCTIONS}
    snake = {re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", name) for name in functions}
    assert set(re.findall(r"`(?:aws\.)?(get_\w+)`", section("What is emulated"))) == snake


def test_images_and_packages() -> None:
    text = section("Images")
    assert set(re.findall(r"^\| `([\w-]+)`", text, re.MULTILINE)) == set(IMAGES)
    listed = text.split("with what they depend on:")[1].split(". Installed")[0]
    assert set(re.findall(r"`([\w-]+)`", listed)) == set(REPOSITORY_PACKAGES)


def test_every_command() -> None:
    cells = [row.split("|")[1] for row in section("Commands").replace("\\|", "/").splitlines() if row.startswith("| `")]
    named = {word for cell in cells for word in re.findall(r"`([a-z/-]+)", cell)[0].split("/")}
    assert named == set(cli.MODULES)


def test_the_engines_version() -> None:
    assert ENGINE_MINIMUM in section("Needs")
