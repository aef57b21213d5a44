"""The emulated AWS of one stack as a process: started when it is needed, found again, ended with everything it made."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pulumi_emulator.aws.access import HEADER, Endpoint, Key
from pulumi_emulator.aws.functions.processes import function_processes
from pulumi_emulator.aws.nodes import node_command, node_leftovers, remove_nodes
from pulumi_emulator.aws.paths import CLOCK, GLOBALS, GROUPS, HEALTH, SENT, ZONES
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import processes

ENDPOINT: Final = "pulumi_emulator.aws.endpoint"  # run as a module of its own, so not imported here
# Seconds until it answers: importing moto takes 2 s on an idle computer, several times that when other work is going on.
START_TIMEOUT: Final = 90.0
ANSWER_TIMEOUT: Final = 5.0
# Seconds for each minute that the time is moved on by: nodes are asked, one that hangs for a second, and alarms evaluated.
MINUTE_TIMEOUT: Final = 5.0
CONTROL_TIMEOUT: Final = 120.0  # a zone's power: returns when every group has its primaries again


def ensure_endpoint(folder: Path, home: Path, report: Callable[[str], None]) -> Endpoint:
    """Return the address and the key of a stack's emulated AWS, starting it when it does not run.

    `folder` is the stack's folder, `home` the emulator's (for the cache engines' software). A process that was started but
    does not answer any more is ended first, with the nodes it left: the account is then empty, as after a restart of the
    computer.
    EmulatorError when it does not come up.
    """
    for process in _processes(_folder(folder)):
        # It may be starting or busy: everything in it would be lost by ending it.
        running = _wait(folder, process)
        if running is not None:
            return running
    stop_endpoint(folder)
    report("starting the emulated AWS")
    log = _folder(folder) / "endpoint.log"
    process = processes.spawn_detached([sys.executable, "-m", ENDPOINT, str(_folder(folder)), str(home)], log)
    running = _wait(folder, process)
    if running is not None:
        return running
    if not processes.alive(process):
        raise EmulatorError(f"the emulated AWS did not start: {_last_line(log)}")
    processes.end([process])
    raise EmulatorError(f"the emulated AWS did not answer within {START_TIMEOUT:.0f} s: {_last_line(log)}")


def _wait(folder: Path, process: processes.Process) -> Endpoint | None:
    """Return the endpoint when the process answers; None when it has ended or the time is up."""
    deadline = time.monotonic() + START_TIMEOUT
    while processes.alive(process) and time.monotonic() < deadline:
        running = running_endpoint(folder)
        if running is not None:
            return running
        time.sleep(0.05)
    return None


def running_endpoint(folder: Path) -> Endpoint | None:
    """Return the address and the key of a stack's emulated AWS when it runs and answers, else None."""
    try:
        record = json.loads((_folder(folder) / "endpoint.json").read_text("utf-8"))
        process = processes.Process(int(record["pid"]), int(record["started"]))
        key = Key(str(record["key_id"]), str(record["secret"]))
        endpoint = Endpoint(f"http://127.0.0.1:{int(record['port'])}", key)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return endpoint if processes.alive(process) and _answers(endpoint.url) else None


def stop_endpoint(folder: Path) -> None:
    """End a stack's emulated AWS with its cache nodes, their network and files; nothing happens when there is none."""
    path = _folder(folder)
    processes.end(_processes(path))
    processes.end(function_processes(path))
    remove_nodes(path)
    if path.exists():
        shutil.rmtree(path)


def groups(folder: Path) -> list[dict[str, Any]]:
    """Return the replication groups of a stack's emulated AWS: id, region, engine, status, cluster_mode, failure and nodes.

    `failure` says why the last change of a group did not come about, None when it did: AWS's API has no place for it. A node
    is its id, shard, zone and role ("primary", "replica", "gone"). None are there when the endpoint does not run.
    """
    endpoint = running_endpoint(folder)
    return list(_call(endpoint, GROUPS)["groups"]) if endpoint else []


def global_groups(folder: Path) -> list[dict[str, Any]]:
    """Return the Global Datastores of a stack's emulated AWS: id, status, failure and members.

    A member is its id, region, role ("PRIMARY", "SECONDARY"), status and lag: the seconds since the last word of the primary,
    None for the primary itself and while the link is down. None are there when the endpoint does not run.
    """
    endpoint = running_endpoint(folder)
    return list(_call(endpoint, GLOBALS)["globals"]) if endpoint else []


def sent(folder: Path) -> list[dict[str, Any]]:
    """Return the requests that a stack's emulated AWS would have sent to the world, oldest first; none when it does not run.

    A request is its time, method, url, headers, body and status; "(secret)" stands for each secret. The status is that of the
    answer, None when the address was not this computer's own, and nothing was sent.
    """
    endpoint = running_endpoint(folder)
    return list(_call(endpoint, SENT)["sent"]) if endpoint else []


def zone_power(folder: Path, zone: str, *, on: bool) -> None:
    """Take the power from every cache node in an availability zone, or give it back; returns when replicas are promoted."""
    _call(_running(folder), ZONES, {"zone": zone, "on": on})


def account_time(folder: Path) -> tuple[datetime, float]:
    """Return the time of a stack's emulated AWS, and by how many seconds it is ahead of this computer's."""
    answer = _call(_running(folder), CLOCK)
    return datetime.fromisoformat(answer["time"]), float(answer["ahead"])


def advance(folder: Path, seconds: float) -> datetime:
    """Move the time of a stack's emulated AWS on, by `seconds`, 0 or more; return it when what was due by then is done."""
    timeout = CONTROL_TIMEOUT + seconds / 60 * MINUTE_TIMEOUT
    return datetime.fromisoformat(_call(_running(folder), CLOCK, {"seconds": seconds}, timeout)["time"])


def _running(folder: Path) -> Endpoint:
    endpoint = running_endpoint(folder)
    if endpoint is None:
        raise EmulatorError("no emulated AWS runs: bring the stack up first")
    return endpoint


def command(folder: Path, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs a command where the endpoint names of the stack's caches resolve. Needs root."""
    return node_command(_folder(folder), argv)


def leftovers(folder: Path) -> list[str]:
    """Name what of a stack's emulated AWS is still on this computer: processes, network, files."""
    path = _folder(folder)
    files = [f"folder {path}"] if path.exists() else []
    running = [*_processes(path), *function_processes(path)]
    return [*(f"process {process.pid}" for process in running), *node_leftovers(path), *files]


def _folder(stack: Path) -> Path:
    return stack / "aws"


def _processes(path: Path) -> list[processes.Process]:
    return processes.running_with(["-m", ENDPOINT, str(path)])


def _call(
    endpoint: Endpoint, path: str, body: dict[str, Any] | None = None, timeout: float = CONTROL_TIMEOUT
) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", HEADER: endpoint.key.secret}
    request = urllib.request.Request(endpoint.url + path, data, headers)  # noqa: S310 - our own address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as response:
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        raise EmulatorError(str(json.load(error).get("error", error.reason))) from None
    except OSError as error:
        raise EmulatorError(f"the emulated AWS does not answer: {type(error).__name__}") from None
    return answer


def _answers(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address + HEALTH, timeout=ANSWER_TIMEOUT) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return f"last line of {log}: {lines[-1]}" if lines else f"see {log} (process {os.getpid()} started it)"
