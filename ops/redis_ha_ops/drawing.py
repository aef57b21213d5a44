"""A topology on the terminal: master on top, replicas under it, Sentinels beside; and the same as JSON for machines."""

import json
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .asking import Answers
from .findings import NOWHERE, Finding, healthy
from .stack import Stack
from .topology import LINK_UP, DataNode, SentinelNode, Topology

JSON_VERSION = 1  # of `status --json`; raised when a key changes its meaning or goes
UNCUT_COLUMNS = 1000  # wider than any table here: to measure what a table would like to have
MARKS = {"broken": ("✗", "bold red"), "degraded": ("!", "yellow"), "note": ("·", "cyan")}


def draw(seen: Topology, findings: Sequence[Finding], stack: Stack, console: Console) -> None:
    """Print the drawing, the findings and the verdict."""
    where = "emulated on this machine" if stack.emulated else "real"
    heading = Text.assemble((f"stack {stack.name}", "bold"), f" ({where}), master name {stack.master_name}")
    console.print(heading, highlight=False)
    troubled = {one.subject for one in findings if one.severity != "note"}
    data, sentinels = _panels(seen, stack, troubled, brief=False)
    if max(_width(data, console), _width(sentinels, console)) > console.width:
        data, sentinels = _panels(seen, stack, troubled, brief=True)
    if _width(data, console) + _width(sentinels, console) < console.width:
        beside = Table.grid(padding=(0, 1))
        beside.add_row(data, sentinels)
        console.print(beside)
    else:
        console.print(data)
        console.print(sentinels)
    console.print(findings_text(findings, "healthy: nodes and Sentinels agree"))


def _panels(seen: Topology, stack: Stack, troubled: set[str], *, brief: bool) -> tuple[Panel, Panel]:
    """Build both tables; `brief` leaves addresses and versions to --json, for a narrow terminal."""
    tables = (("data nodes", _data_table(seen, stack, troubled)), ("Sentinels", _sentinel_table(seen, stack, troubled)))
    for _, table in tables if brief else ():
        table.columns = [column for column in table.columns if column.header not in ("address", "version")]
    data, sentinels = (Panel(table, title=title, title_align="left", box=box.ROUNDED, expand=False) for title, table in tables)
    return data, sentinels


def _width(panel: Panel, console: Console) -> int:
    """Columns that a panel takes when nothing in it is cut."""
    return Measurement.get(console, console.options.update(max_width=UNCUT_COLUMNS), panel).maximum


def print_whole(table: Table, console: Console) -> None:
    """Print a table without cutting names: in a file, or in a narrow terminal, its lines are longer than the rest."""
    known = console.width
    console.width = max(known, Measurement.get(console, console.options.update(max_width=UNCUT_COLUMNS), table).maximum)
    console.print(table, crop=False)
    console.width = known


def findings_text(findings: Sequence[Finding], all_well: str) -> RenderableType:
    """Return the findings and the verdict; `all_well` is the one without any."""
    table = Table.grid(padding=(0, 1))
    for one in findings:
        mark, style = MARKS[one.severity]
        table.add_row(Text(f" {mark} {one.severity}", style=style), Text(one.subject, style="bold"), Text(one.text))
    if healthy(list(findings)):
        verdict = Text(all_well, style="bold green")
    else:
        worst = "BROKEN" if any(one.severity == "broken" for one in findings) else "DEGRADED"
        count = sum(one.severity != "note" for one in findings)
        verdict = Text(f"{worst}: {count} finding{'s' if count != 1 else ''}", style="bold red")
    return Group(table, verdict) if findings else verdict


def _data_table(seen: Topology, stack: Stack, troubled: set[str]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("node", "address", "role", "writes", "lag", "memory", "version"):
        table.add_column(heading, no_wrap=True)
    for branch, node in _as_tree(seen):
        table.add_row(
            Text.assemble((branch, "dim"), _dot(node.slot.name, bool(node.trouble), troubled), f" {node.slot.name}"),
            node.slot.address,
            *_data_cells(node, seen, stack),
        )
    return table


def _as_tree(seen: Topology) -> list[tuple[str, DataNode]]:
    """Order the nodes: the master, those that follow it, then everybody else, each with what is drawn before its name."""
    master = seen.master()
    if master is None:
        return [("", node) for node in seen.data]
    under = [node for node in seen.data if node is not master and node.follows == master.slot.address]
    others = [node for node in seen.data if node is not master and node not in under]
    drawn = [("", master)]
    drawn += [("└─ " if node is under[-1] else "├─ ", node) for node in under]
    return drawn + [("", node) for node in others]


def _data_cells(node: DataNode, seen: Topology, stack: Stack) -> list[RenderableType]:
    if node.trouble:
        return [_absent(node), "", "", "", ""]
    if node.role == "master":
        role = Text("MASTER", style="bold green" if node is seen.master() else "bold red")
        writes = Text("yes", style="green") if node.writable else Text("refused", style="bold red")
    else:
        followed = next((slot.name for slot in stack.slots if slot.address == node.follows), node.follows)
        following = node.follows == getattr(seen.master(), "slot", node.slot).address
        placed_nowhere = node.follows == NOWHERE
        role = Text("replica" if following else "placed nowhere" if placed_nowhere else f"replica of {followed}")
        writes = Text("read-only", style="dim")
    memory = size(node.used_bytes) + (f" of {size(node.maximum_bytes)}" if node.maximum_bytes else "")
    return [role, writes, _lag(node, seen), memory, node.version]


def _lag(node: DataNode, seen: Topology) -> RenderableType:
    if node.role == "master":
        return ""
    if node.link != LINK_UP:
        return Text(f"link: {node.link}", style="red")
    behind = lag_of(node, seen)
    return "?" if behind is None else f"{size(behind[0])}, {behind[1]} s"


def lag_of(node: DataNode, seen: Topology) -> tuple[int, int] | None:
    """Return (bytes behind, seconds since it acknowledged) of a replica, both as its master counts them at one moment."""
    master = next((one for one in seen.data if one.slot.address == node.follows and one.role == "master"), None)
    row = next((row for row in master.attached if row.address == node.slot.address), None) if master else None
    return (max(master.offset - row.offset, 0), row.lag_seconds) if master and row else None


def _sentinel_table(seen: Topology, stack: Stack, troubled: set[str]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("Sentinel", "address", "names", "epoch", "knows", "quorum", "version"):
        table.add_column(heading, no_wrap=True)
    for one in seen.sentinels:
        table.add_row(
            Text.assemble(_dot(one.slot.name, bool(one.trouble), troubled), f" {one.slot.name}"),
            one.slot.address,
            *_sentinel_cells(one, stack),
        )
    return table


def _sentinel_cells(one: SentinelNode, stack: Stack) -> list[RenderableType]:
    if one.trouble:
        return [_absent(one), "", "", "", ""]
    if not one.watches:
        return [Text("no master yet", style="yellow"), "", "", "", one.version]
    named = next((slot.name for slot in stack.slots if slot.address == one.master), one.master or "?")
    live = [sum(not peer.down for peer in peers) for peers in (one.replicas, one.sentinels)]
    knows = f"{live[0]}/{len(one.replicas)} replicas, {live[1]}/{len(one.sentinels)} peers"
    quorum = Text("OK" if one.quorum_ok else "NO", style="green" if one.quorum_ok else "bold red")
    return [named, str(one.epoch), knows, Text.assemble(quorum, f" {one.quorum}/{len(one.sentinels) + 1}"), one.version]


def _absent(node: DataNode | SentinelNode) -> Text:
    return Text("being set up", style="yellow") if node.setting_up else Text("no answer", style="bold red")


def _dot(name: str, dead: bool, troubled: set[str]) -> tuple[str, str]:
    if dead:
        return "○", "red"
    return "●", "yellow" if name in troubled else "green"


def size(count: int) -> str:
    """Write a number of bytes for people: 512 B, 1.5 MiB."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def print_raw(answers: Sequence[Answers], console: Console) -> None:
    """Print every answer that was read, unjudged."""
    for one in answers:
        console.rule(f"{one.slot.name}  {one.slot.address}", align="left")
        if one.trouble:
            console.print(one.trouble, markup=False, highlight=False)
        for key, reply in one.replies.items():
            console.print(Text(f"> {key}", style="bold"))
            text = reply.replace("\r\n", "\n").rstrip() if isinstance(reply, str) else json.dumps(reply)
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        for key, told in one.refused.items():
            console.print(Text(f"> {key}", style="bold"))
            console.print(Text(f"(error) {told}", style="red"))


def as_json(seen: Topology, findings: Sequence[Finding], stack: Stack) -> dict[str, Any]:
    """Return the same as plain data."""
    master = seen.master()
    return {
        "version": JSON_VERSION,
        "stack": stack.name,
        "emulated": stack.emulated,
        "healthy": healthy(list(findings)),
        "master": master.slot.name if master else None,
        "data": [_data_json(node, seen) for node in seen.data],
        "sentinels": [_sentinel_json(one) for one in seen.sentinels],
        "findings": [
            {"severity": one.severity, "code": one.code, "subject": one.subject, "text": one.text} for one in findings
        ],
    }


def _slot_json(node: DataNode | SentinelNode) -> dict[str, Any]:
    known = {"trouble": node.trouble, "setting_up": node.setting_up, "version": node.version}
    return {"name": node.slot.name, "address": node.slot.address, **known}


def _data_json(node: DataNode, seen: Topology) -> dict[str, Any]:
    lag = lag_of(node, seen)
    return {
        **_slot_json(node),
        "role": node.role,
        "follows": node.follows,
        "link": "up" if node.link == LINK_UP else node.link,
        "writable": node.writable,
        "persistence_errors": list(node.persistence_errors),
        "lag_bytes": lag[0] if lag else None,
        "lag_seconds": lag[1] if lag else None,
        "used_bytes": node.used_bytes,
        "maximum_bytes": node.maximum_bytes,
        "clients": node.clients,
        "most_clients": node.most_clients,
        "offset": node.offset,
    }


def _sentinel_json(one: SentinelNode) -> dict[str, Any]:
    return {
        **_slot_json(one),
        "names": one.master,
        "epoch": one.epoch,
        "quorum": one.quorum,
        "quorum_ok": one.quorum_ok,
        "quorum_text": one.quorum_text,
        "flags": list(one.flags),
        "saves": None if one.trouble else one.unsaved is None,
        "replicas": [{"address": peer.address, "flags": list(peer.flags)} for peer in one.replicas],
        "sentinels": [{"address": peer.address, "flags": list(peer.flags)} for peer in one.sentinels],
    }
