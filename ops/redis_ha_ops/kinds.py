"""The drills as data: what each does to the master, in which words, and what is expected of it before it runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Words = list[str]

SSH = "root's ssh to its data nodes (a key in ssh-agent, a network in admin_sources)"
DOCTL = "doctl logged in to its account"
SERVICE = "redis-ha-data.service"  # of redis-server, on every data node
PORT = 6379  # of redis-server (redis_ha.sentinel.topology, REDIS_PORT)
TABLE = "redis_ha_drill"  # nftables' table of `drop-port`
# What undoes a fault on the machine itself, should whoever made it be gone: a timer of systemd, started before the fault.
UNDO = "redis-ha-drill-undo"
UNDO_SECONDS = 900


@dataclass(frozen=True)
class Expected:
    """What a drill has to show. It is written into the report before the fault, and judged after it.

    failover: whether a replica is promoted; None: either. leads: who is master at the end. lost: how many acknowledged writes
    may be missing. disturbed: whether a write has to be disturbed; without one such a drill has measured nothing.
    """

    failover: bool | None
    leads: Literal["another", "the same", "either"]
    lost: int = 0
    disturbed: bool = True


TAKEN_OVER = Expected(failover=True, leads="another")
RIDDEN_OUT = Expected(failover=False, leads="the same", disturbed=False)
EITHER = Expected(failover=None, leads="either")


@dataclass(frozen=True)
class Kind:
    """One kind of drill. `{}` in its words stands for the machine."""

    name: str
    summary: str
    title: str
    breaking: str
    broken: str
    mending: str
    mended: str | None  # None: the machine mends it itself
    left: str  # before the command for what could not be mended
    needs: str | None  # what a real stack needs for it; None: there is no way to do it there
    expected: Expected


def _stall(name: str, seconds: str) -> Kind:
    return Kind(
        name,
        f"Stop redis-server of the current master under load for {seconds} (SIGSTOP), too short to count as down.",
        f"The master's redis-server was stopped for {seconds}",
        "stopping redis-server on {} " + f"for {seconds}",
        "redis-server on {} " + f"stopped for {seconds}",
        "leaving {} alone",
        None,
        "",
        SSH,
        RIDDEN_OUT,
    )


STALLS = {"stall-200ms": "0.2", "stall-1s": "1", "stall-2s": "2", "stall-3s": "3"}  # seconds, as sleep(1) takes them

_POWER_CUT = Kind(
    "kill-master",
    "Cut the power of the current master under load, wait for its successor, and give the power back.",
    "The master's power was cut",
    "cutting the power of {}",
    "power of {} cut",
    "giving {} its power back",
    "power on again",
    "{} is still dark; switch it on with",
    DOCTL,
    TAKEN_OVER,
)

DRILLS = {
    kind.name: kind
    for kind in (
        _POWER_CUT,
        Kind(
            "kill-process",
            "Kill redis-server of the current master under load (SIGKILL). systemd starts it anew.",
            "The master's redis-server was killed",
            "killing redis-server on {}",
            "redis-server on {} killed",
            "leaving redis-server on {} to systemd",
            None,
            "",
            SSH,
            EITHER,
        ),
        Kind(
            "stall-master",
            "Stop redis-server of the current master under load (SIGSTOP), wait for its successor, and let it run again.",
            "The master's redis-server was stopped",
            "stopping redis-server on {}",
            "redis-server on {} stopped",
            "letting redis-server on {} run",
            "redis-server runs again",
            "redis-server on {} still stands; let it run with",
            SSH,
            TAKEN_OVER,
        ),
        Kind(
            "cut-master",
            "Cut the network of the current master under load, wait for its successor, and give it back.",
            "The master's network was cut",
            "cutting the network of {}",
            "network of {} cut",
            "giving {} its network back",
            "network on again",
            "{} is still cut off; give it its network back with",
            None,
            TAKEN_OVER,
        ),
        *(_stall(name, f"{seconds} s") for name, seconds in STALLS.items()),
        Kind(
            "freeze-master",
            "Stop the current master's machine as a hypervisor may, under load, wait for its successor, and let it run on.",
            "The master's machine was frozen",
            "freezing {}",
            "{} frozen",
            "thawing {}",
            "thawed",
            "{} is still frozen; thaw it with",
            None,
            TAKEN_OVER,
        ),
        Kind(
            "drop-port",
            f"Drop what reaches port {PORT} of the current master under load; what it sends goes on. Then take it back.",
            "The master's port was deaf",
            f"dropping what reaches port {PORT} of {{}}",
            f"port {PORT} of {{}} deaf",
            f"opening port {PORT} of {{}}",
            "port open again",
            f"port {PORT} of {{}} is still deaf; open it with",
            SSH,
            TAKEN_OVER,
        ),
        Kind(
            "stop-service",
            "Stop redis-server's service of the current master under load, wait for its successor, and start it again.",
            "The master's service was stopped",
            "stopping the service of redis-server on {}",
            "service on {} stopped",
            "starting the service on {}",
            "service started again",
            "redis-server on {} is still off; start it with",
            SSH,
            TAKEN_OVER,
        ),
        Kind(
            "reboot-master",
            "Reboot the current master's machine under load, in order, and wait until it is back.",
            "The master's machine was rebooted",
            "rebooting {}",
            "{} rebooted",
            "leaving {} to its boot",
            None,
            "",
            SSH,
            EITHER,
        ),
        Kind(
            "shutdown-master",
            "Shut the current master's machine down under load, in order, wait for its successor, and switch it on again.",
            "The master's machine was shut down",
            "shutting {} down",
            "{} shut down",
            "switching {} on",
            "power on again",
            "{} is still off; switch it on with",
            f"{SSH}, {DOCTL}",
            TAKEN_OVER,
        ),
        Kind(
            "switch",
            "Switch to another master under load, as `redis-ha switch` does it.",
            "The master was switched",
            "switching from {} to another node",
            "switch from {} asked for",
            "leaving {} as a replica",
            None,
            "",
            "no more than `redis-ha switch`",
            Expected(failover=True, leads="another", disturbed=False),
        ),
        replace(
            _POWER_CUT,
            name="kill-leader",
            summary="Cut the current master's power under load; the Sentinel that leads the failover ends after the promotion.",
            title="The master's power was cut, and the leading Sentinel ended",
        ),
    )
}


def _armed(breaks: str, mends: str, seconds: int = UNDO_SECONDS) -> tuple[Words, Words]:
    """Return what breaks a machine and what mends it; the undo is armed first, and without it nothing is broken."""
    arm = f"systemd-run --quiet --collect --unit={UNDO} --on-active={seconds} --timer-property=AccuracySec=1s sh -c '{mends}'"
    disarm = f"systemctl stop {UNDO}.timer 2>/dev/null"
    return ["sh", "-c", f"{disarm}; {arm} && {{ {breaks}; }}"], ["sh", "-c", f"{{ {mends}; }} && {{ {disarm} || true; }}"]


def _signal(name: str) -> str:
    return f"systemctl kill --signal={name} {SERVICE}"


def _stalled(seconds: str) -> tuple[Words, None]:
    """Return what stops redis-server, and lets it run again after so many seconds: both on the machine, so nothing is added."""
    breaks, _ = _armed(
        f"{_signal('STOP')}; sleep {seconds}; {_signal('CONT')}; systemctl stop {UNDO}.timer", _signal("CONT"), 30
    )
    return breaks, None


_RULES = f"table inet {TABLE} {{ chain input {{ type filter hook input priority -10; iif != lo tcp dport {PORT} drop; }}; }}"
# It succeeds when there is no such table afterwards, also where there was none.
_NO_RULES = f"nft delete table inet {TABLE} 2>/dev/null; ! nft list table inet {TABLE} >/dev/null 2>&1"

# What breaks and what mends, on the machine itself; None: nothing has to.
ON_THE_MACHINE: dict[str, tuple[Words, Words | None]] = {
    "kill-process": (["systemctl", "kill", "--signal=KILL", SERVICE], None),
    "stall-master": _armed(_signal("STOP"), _signal("CONT")),
    "stop-service": _armed(f"systemctl stop {SERVICE}", f"systemctl start {SERVICE}"),
    "drop-port": _armed(f'nft "{_RULES}"', _NO_RULES),
    "reboot-master": (["systemctl", "--no-block", "reboot"], None),
    "shutdown-master": (["systemctl", "--no-block", "poweroff"], None),
    **{name: _stalled(seconds) for name, seconds in STALLS.items()},
}

# Broken on the machine, and mended by giving it its power, from outside.
POWERED_ON = frozenset({"shutdown-master"})

# What breaks and what mends an emulated machine from outside: the emulator's subcommands, before the machine's name.
BY_THE_EMULATOR: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "kill-master": (
        ("power", "off"),
        ("power", "on"),
        "power cut of the master's machine (emulated: no FIN or RST leaves it, then all its processes die)",
    ),
    "cut-master": (
        ("link", "down"),
        ("link", "up"),
        "network cut of the master's machine (emulated: packets vanish, nobody is told)",
    ),
    "freeze-master": (
        ("pause", "on"),
        ("pause", "off"),
        "pause of the master's machine (emulated: every process stands, and packets vanish)",
    ),
}
BY_THE_EMULATOR["kill-leader"] = (
    *BY_THE_EMULATOR["kill-master"][:2],
    f"{BY_THE_EMULATOR['kill-master'][2]}; SENTINEL SIMULATE-FAILURE crash-after-promotion on every Sentinel",
)
