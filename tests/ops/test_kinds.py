"""The drills as data: each can be made, and what is done on a machine is undone by itself, should whoever did it be gone."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from redis_ha_ops.faults import EmulatedFault
from redis_ha_ops.kinds import BY_THE_EMULATOR, DRILLS, ON_THE_MACHINE, SERVICE, STALLS, UNDO

ARMED = [name for name, (_, mends) in ON_THE_MACHINE.items() if mends is not None]
STAND_IN = """\
#!/bin/sh
echo "$(basename $0) $*" >> "$SAID"
[ "$(basename $0)" != "$FAILS" ] && [ "$1 $2" != "list table" ]
"""


def said(folder: Path, words: list[str], fails: str = "") -> tuple[int, list[str]]:
    """Run a command line where systemd's and nftables' commands only say what they were asked for."""
    for name in ("systemctl", "systemd-run", "nft", "sleep"):
        path = folder / name
        path.write_text(STAND_IN)
        path.chmod(0o755)
    log = folder / "said"
    log.write_text("")
    environment = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin", "SAID": str(log), "FAILS": fails}
    done = subprocess.run(words, env=environment, check=False)
    return done.returncode, log.read_text().splitlines()


def test_every_drill_has_its_means(tmp_path: Path) -> None:
    assert {*ON_THE_MACHINE, *BY_THE_EMULATOR, "switch"} == set(DRILLS)
    for name in {*ON_THE_MACHINE, *BY_THE_EMULATOR}:
        breaks, mends = EmulatedFault(DRILLS[name], "local", tmp_path).commands("local-data-0")
        assert "local-data-0" in breaks
        assert (mends is None) == (DRILLS[name].mended is None), "what mends itself needs no command, and the other way round"
        assert EmulatedFault(DRILLS[name], "local", tmp_path).description


def test_the_reports_schema_knows_every_drill() -> None:
    schema = json.loads(files("redis_ha_ops.drill").joinpath("report.schema.json").read_text())
    assert schema["properties"]["drill"]["enum"] == list(DRILLS)


@pytest.mark.parametrize("name", [*ARMED, *STALLS])
def test_the_undo_is_armed_before_the_fault(name: str, tmp_path: Path) -> None:
    code, did = said(tmp_path, ON_THE_MACHINE[name][0])
    assert code == 0
    armed = next(at for at, line in enumerate(did) if line.startswith("systemd-run") and f"--unit={UNDO}" in line)
    broke = next(at for at, line in enumerate(did) if at > 0 and not line.startswith(("systemd-run", f"systemctl stop {UNDO}")))
    assert armed < broke


@pytest.mark.parametrize("name", [*ARMED, *STALLS])
def test_nothing_is_broken_when_the_undo_cannot_be_armed(name: str, tmp_path: Path) -> None:
    code, did = said(tmp_path, ON_THE_MACHINE[name][0], fails="systemd-run")
    assert code != 0
    assert [line for line in did if not line.startswith(("systemd-run", f"systemctl stop {UNDO}"))] == []


@pytest.mark.parametrize("name", ARMED)
def test_what_mends_disarms_the_undo_and_tells_when_it_failed(name: str, tmp_path: Path) -> None:
    mends = ON_THE_MACHINE[name][1]
    assert mends is not None
    code, did = said(tmp_path, mends)
    assert code == 0
    assert did[-1] == f"systemctl stop {UNDO}.timer"
    if name != "drop-port":  # its table is gone: that is what counts
        assert said(tmp_path, mends, fails="systemctl")[0] != 0


@pytest.mark.parametrize(("name", "seconds"), STALLS.items())
def test_a_stall_ends_by_itself(name: str, seconds: str, tmp_path: Path) -> None:
    _, did = said(tmp_path, ON_THE_MACHINE[name][0])
    assert did[2:] == [
        f"systemctl kill --signal=STOP {SERVICE}",
        f"sleep {seconds}",
        f"systemctl kill --signal=CONT {SERVICE}",
        f"systemctl stop {UNDO}.timer",
    ]
