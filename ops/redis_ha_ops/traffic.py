"""One look at blue and green: what is live in Route 53 and at the load balancer, against the plan of record and the stack.

Reading only. Live weights live in the zone (or the listener); the plan of record in SSM parameters under one path, which tools
write when they shift; what the stack last set, in its outputs. Where the runtime has the authority the plan of record is right,
else the stack.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import cloud
from .blocks import BALANCER, LIVE, WEIGHTED, has_listener
from .cloud import Ask, CloudError
from .drawing import JSON_VERSION, findings_text, print_whole
from .errors import OpsError
from .findings import Finding, healthy
from .status import COULD_NOT_LOOK, HEALTHY, UNHEALTHY

# The outputs that `__main__.py` exports for blue and green.
OUTPUTS = (WEIGHTED, LIVE, BALANCER)
COLOURS = ("blue", "green")
RECORD_VERSION = 1  # of the documents in the parameters

Weights = Mapping[str, int]


@dataclass(frozen=True)
class Shifted:
    """Something that leads to blue, green or both, as three places tell of it. None: not told there.

    `live` by name and type: weights by colour of a weighted set, the live colour of a writer's name.
    """

    block: str
    authority: str
    record_path: str
    region: str
    live: Mapping[str, Weights | str | None]
    planned: Weights | str | None = None
    stack: Weights | str | None = None
    holder: str | None = None
    expires: datetime | None = None
    trouble: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def wanted(self) -> Weights | str | None:
        """What should be live: the plan of record where there is one and the runtime has the authority, else the stack's."""
        return self.planned if self.authority == "runtime" and self.planned is not None else self.stack


@dataclass(frozen=True)
class TrafficLook:
    """What one look gave."""

    shifted: tuple[Shifted, ...]
    findings: list[Finding]

    @property
    def healthy(self) -> bool:
        """Whether nothing but notes was found."""
        return healthy(self.findings)

    @property
    def exit_code(self) -> int:
        """0 healthy, 1 degraded, 2 when nothing could be read."""
        if not any(one.live for one in self.shifted):
            return COULD_NOT_LOOK
        return HEALTHY if self.healthy else UNHEALTHY


def look(name: str, outputs: Mapping[str, Any], ask: Ask, now: datetime | None = None) -> TrafficLook:
    """Ask AWS once and judge what it answers. OpsError for outputs that are none of blue and green's."""
    shifted = []
    for block in OUTPUTS:
        told = outputs.get(block)
        if isinstance(told, Mapping) and (block != BALANCER or has_listener(outputs)):
            shifted.append(_look(name, block, told, ask))
    if not shifted:
        raise OpsError(
            f"stack {name}: no output {WEIGHTED}, {LIVE}, or {BALANCER} with a weighted listener; "
            "a stack with blue and green exports one"
        )
    moment = now or datetime.now(UTC)
    return TrafficLook(tuple(shifted), [finding for one in shifted for finding in (*one.trouble, *judge(one, moment))])


# --- judging: plain data ---


def judge(one: Shifted, now: datetime) -> Iterator[Finding]:
    """Say where the three places disagree, and whether a shift is running."""
    for name, value in one.live.items():
        if value is None:
            yield Finding("broken", "record-missing", name, "a colour's record is not there, or leads to neither colour")
    known = {json.dumps(value, sort_keys=True) for value in one.live.values() if value is not None}
    running = one.expires is not None and now < one.expires
    if len(known) > 1:
        severity = "note" if running else "degraded"
        yield Finding(severity, "names-differ", one.block, "its names are not shifted alike: a shift has stopped half way")  # type: ignore[arg-type]
    for name, value in one.live.items():
        if value is None or one.wanted is None or value == one.wanted:
            continue
        source = f"{one.record_path} says" if one.wanted is one.planned else "the stack set"
        then = "" if one.authority == "runtime" else ", and `up` would move it back"
        text = f"{_shown(value)} is live, and {source} {_shown(one.wanted)}: somebody moved it by hand{then}"
        yield Finding("note" if running else "degraded", "live-differs", name, text)
    if one.authority == "stack" and one.planned is not None and one.stack is not None and one.planned != one.stack:
        text = f"{one.record_path} says {_shown(one.planned)}, the stack {_shown(one.stack)}: `up` refuses until they agree"
        yield Finding("degraded", "plan-differs", one.block, text)
    if one.expires is not None:
        until = one.expires.isoformat()
        if running:
            yield Finding("note", "shift-running", one.block, f"{one.holder} is shifting, until {until} at the latest")
        else:
            yield Finding("note", "lease-over", one.block, f"a lease of {one.holder} ended at {until}: delete the parameter")


def _shown(value: Weights | str | None) -> str:
    if value is None:
        return "?"
    return value if isinstance(value, str) else ", ".join(f"{colour} {value[colour]}" for colour in COLOURS if colour in value)


# --- asking ---


def _look(name: str, block: str, told: Mapping[str, Any], ask: Ask) -> Shifted:
    trouble: list[Finding] = []
    path = str(told.get("record_path") or "")
    region = str(told.get("region") or _region_of_arn(str(told.get("listener_arn") or "")))
    if not region:
        raise OpsError(f"stack {name}: output {block} has no region; run `up` with this release")
    live: dict[str, Weights | str | None] = {}
    try:
        live = _balancer(told, ask, region) if block == BALANCER else _records(told, ask, region)
    except CloudError as error:
        trouble.append(Finding("broken", "unreachable", block, str(error)))
    documents: dict[str, Mapping[str, Any] | None] = {}
    for record in ("live" if block == LIVE else "weights", "lease"):
        documents[record] = _document(path, record, ask, region, block, trouble) if path else None
    planned = documents["live" if block == LIVE else "weights"]
    lease = documents["lease"] or {}
    return Shifted(
        block=block,
        authority=str(told.get("authority") or "stack"),
        record_path=path,
        region=region,
        live=live,
        planned=None if planned is None else planned.get("colour") if block == LIVE else _weights(planned),
        stack=told.get("live") if block == LIVE else _weights(told.get("weights")),
        holder=lease.get("holder"),
        expires=_time(lease.get("expires")),
        trouble=tuple(trouble),
    )


def _records(told: Mapping[str, Any], ask: Ask, region: str) -> dict[str, Weights | str | None]:
    found: dict[str, Weights | str | None] = {}
    zone_id = str(told["zone_id"])
    for name in dict.fromkeys(str(row["name"]) for row in told["records"]):
        sets = cloud.record_sets(ask, zone_id, name, region)
        for kind in (str(row["type"]) for row in told["records"] if row["name"] == name):
            same = [row for row in sets if row.get("Type") == kind]
            found[f"{name} {kind}"] = (
                _colour(same, told["targets"]) if "targets" in told else _set_weights(same, told["set_identifiers"])
            )
    return found


def _set_weights(sets: list[Mapping[str, Any]], identifiers: Mapping[str, str]) -> Weights | None:
    by_identifier = {row.get("SetIdentifier"): row.get("Weight") for row in sets}
    found = {colour: by_identifier.get(identifiers[colour]) for colour in COLOURS}
    return None if None in found.values() else {colour: int(weight or 0) for colour, weight in found.items()}


def _colour(sets: list[Mapping[str, Any]], targets: Mapping[str, str]) -> str | None:
    values = [cloud.plain_name(str(row["Value"])) for one in sets for row in one.get("ResourceRecords") or []]
    return next((colour for colour in COLOURS if [cloud.plain_name(str(targets[colour]))] == values), None)


def _balancer(told: Mapping[str, Any], ask: Ask, region: str) -> dict[str, Weights | str | None]:
    arn = str(told["listener_arn"])
    answer = ask("elbv2", "describe_listeners", {"ListenerArns": [arn]}, region)
    groups = {str(value): colour for colour, value in told["target_group_arns"].items()}
    found: dict[str, int] = {}
    for action in answer["Listeners"][0].get("DefaultActions") or []:
        forward = action.get("ForwardConfig") or {}
        for row in forward.get("TargetGroups") or []:
            if row.get("TargetGroupArn") in groups:
                found[groups[row["TargetGroupArn"]]] = int(row.get("Weight", 1))
    # app/<balancer's name>/<its id>/<the listener's id>
    return {f"listener {arn.split('/')[2]}": found if set(found) == set(COLOURS) else None}


def _document(path: str, record: str, ask: Ask, region: str, block: str, trouble: list[Finding]) -> Mapping[str, Any] | None:
    name = f"{path.rstrip('/')}/{record}"
    try:
        text = cloud.parameter(ask, name, region)
    except CloudError as error:
        trouble.append(Finding("degraded", "plan-unknown", block, f"{name}: {error}"))
        return None
    if text is None:
        return None
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, Mapping) or document.get("version") != RECORD_VERSION:
        trouble.append(Finding("degraded", "plan-unknown", block, f"{name} holds no document of version {RECORD_VERSION}"))
        return None
    return document


def _weights(document: object) -> Weights | None:
    if not isinstance(document, Mapping) or not set(COLOURS) <= set(document):
        return None
    return {colour: int(document[colour]) for colour in COLOURS}


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _region_of_arn(arn: str) -> str:
    return arn.split(":")[3] if arn.count(":") > 3 else ""


# --- showing ---


def draw(name: str, seen: TrafficLook, console: Console, *, emulated: bool) -> None:
    """Print what is live, what is planned, the findings and the verdict."""
    where = "emulated on this machine" if emulated else "real"
    console.print(Text.assemble((f"stack {name}", "bold"), f" ({where}), blue and green"), highlight=False)
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for heading in ("name", "live", "plan of record", "stack", "authority"):
        table.add_column(heading, no_wrap=True)
    for one in seen.shifted:
        for row, value in (one.live or {one.block: None}).items():
            planned = "none" if one.planned is None else _shown(one.planned)
            table.add_row(row, _shown(value), planned, _shown(one.stack), one.authority)
    print_whole(table, console)
    console.print(findings_text(seen.findings, "healthy: what is live is what was planned"))


def as_json(name: str, seen: TrafficLook, *, emulated: bool) -> dict[str, Any]:
    """Return the look for machines; no secrets."""
    return {
        "version": JSON_VERSION,
        "stack": name,
        "emulated": emulated,
        "kind": "traffic",
        "healthy": seen.healthy,
        "shifted": [
            {
                "block": one.block,
                "authority": one.authority,
                "record_path": one.record_path,
                "live": dict(one.live),
                "planned": one.planned,
                "stack": one.stack,
                "lease": None if one.expires is None else {"holder": one.holder, "expires": one.expires.isoformat()},
            }
            for one in seen.shifted
        ],
        "findings": [asdict(finding) for finding in seen.findings],
    }
