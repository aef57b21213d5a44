"""`types`: what is emulated."""

from __future__ import annotations

import json

import click

from pulumi_emulator import kinds


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def types(as_json: bool) -> None:
    """List the emulated resource types and what emulates each."""
    found = kinds.by_emulation()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, members in found.items():
        click.echo(f"{name} ({len(members)}): {', '.join(members)}")
