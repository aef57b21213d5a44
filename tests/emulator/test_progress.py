"""What is shown of the engine's events, and what of its diagnostics."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation import EngineEvent
from rich.console import Console

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers import Cloud
from pulumi_emulator.progress import Progress, readable
from pulumi_emulator.provider import Providers
from pulumi_emulator.runner import Session


def event(kind: str, **fields: Any) -> EngineEvent:
    made = EngineEvent(sequence=0, timestamp=0)
    setattr(made, kind, SimpleNamespace(**fields))
    return made


def step(operation: str, name: str, kind: str = "digitalocean:index/tag:Tag", *, custom: bool = True) -> SimpleNamespace:
    urn = f"urn:pulumi:dev::p::{kind}::{name}"
    return SimpleNamespace(
        op=operation, type=kind, urn=urn, new=SimpleNamespace(custom=custom, outputs={}), old=None, detailed_diff=None
    )


def shown(*events: EngineEvent, planned: bool = False, quiet: bool = False) -> tuple[str, Progress]:
    text = io.StringIO()
    progress = Progress(Console(file=text, width=200), planned=planned, quiet=quiet)
    for item in events:
        progress.on_event(item)
    return text.getvalue(), progress


def test_a_line_a_step_and_a_count_a_kind() -> None:
    steps = [
        step("create", "a[b]"),
        step("create-replacement", "r"),
        step("replace", "r"),
        step("delete-replaced", "r"),
        step("same", "s"),
    ]
    steps += [
        step("create", "dev", "pulumi:pulumi:Stack", custom=False),
        step("create", "default", "pulumi:providers:digitalocean"),
    ]
    events = [event("resource_pre_event", metadata=item) for item in steps] + [
        event("res_outputs_event", metadata=item) for item in steps
    ]
    text, progress = shown(*events)
    assert [line.split("(")[0].strip() for line in text.splitlines()] == [
        "created digitalocean.Tag a[b]",
        "created anew digitalocean.Tag r",
        "deleted the replaced digitalocean.Tag r",
    ]
    assert progress.changes == {"create": 1, "replace": 1, "same": 1}
    assert progress.packages == {"digitalocean"}
    text, _ = shown(*events, planned=True)
    assert text.split("\n")[:2] == ["  create digitalocean.Tag a[b]", "  replace digitalocean.Tag r"]


def test_a_silent_command_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("pulumi_emulator.progress.time.monotonic", lambda: now[0])
    text = io.StringIO()
    progress = Progress(Console(file=text, width=200), planned=True, quiet=True)
    for number in range(5):
        now[0] += 0.75
        progress.on_event(event("resource_pre_event", metadata=step("same", f"s{number}")))
    assert text.getvalue() == "  3 resources so far\n"
    now[0] += 2
    Progress(Console(file=text, width=200), counting=False).on_event(event("resource_pre_event", metadata=step("same", "s")))
    assert text.getvalue() == "  3 resources so far\n"


def test_warnings_are_shown_once_and_as_they_are() -> None:
    warning = event(
        "diagnostic_event", severity="warning", message="<{%fg 1%}>careful [x]<{%reset%}>\n", urn="", ephemeral=False
    )
    text, _ = shown(warning, warning)
    assert text == "  warning careful [x]\n"
    assert shown(warning, quiet=True)[0] == ""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("update failed", []),
        (
            "no resource plugin 'pulumi-resource-aws' found in the workspace",
            ["package 'aws' is not emulated: the emulator has aws, digitalocean, random, tls"],
        ),
        ("python inline source runtime error: bad\nTraceback (most recent call last):\n  x", ["bad"]),
        (
            "tls:index/x:X resource 'key': property rsaBits value {5} has a problem: 5 is too small",
            ["key: rsaBits: 5 is too small"],
        ),
        ("first\n  second", ["first second"]),
    ],
)
def test_diagnostics_become_one_line(text: str, lines: list[str]) -> None:
    assert readable(text) == lines


def test_nothing_goes_on_when_somebody_else_answered_for_a_package(tmp_path: Any) -> None:
    cloud = Cloud.of_stack(tmp_path, tmp_path, lambda _: None)
    session = SimpleNamespace(providers=Providers(cloud))
    progress = shown(event("resource_pre_event", metadata=step("create", "t")))[1]
    check: Any = Session.check_fingerprint
    with pytest.raises(EmulatorError, match="'digitalocean' was not answered by the emulator"):
        check(session, progress)
    session.providers.by_package["digitalocean"].attached.set()
    check(session, progress)
    progress.packages.add("aws")
    with pytest.raises(EmulatorError, match="'aws' was not answered by the emulator"):
        check(session, progress)
