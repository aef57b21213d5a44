"""From single runs to one line a row: the table of docs/other-languages.md. Plain functions on plain data."""

import statistics
from collections import Counter
from collections.abc import Mapping
from typing import Any

REFUSED = "refused"  # the fault in which nothing is lost and the Sentinels refuse the login


def grouped(document: Mapping[str, Any]) -> dict[tuple[str, str, str, str], list[dict[str, Any]]]:
    """Return (client, form, settings, fault) -> what was seen in each repeat."""
    found: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for run in document["runs"]:
        for row in run["rows"]:
            found.setdefault((row["client"], run["form"], row["settings"], run["fault"]), []).append(row)
    return found


def servers(document: Mapping[str, Any]) -> dict[tuple[str, str], list[float]]:
    """Return (form, fault) -> how long no node took a write, in each repeat."""
    found: dict[tuple[str, str], list[float]] = {}
    for run in document["runs"]:
        found.setdefault((run["form"], run["fault"]), []).append(run["server"]["outage_seconds"])
    return found


def spread(values: list[float]) -> str:
    """Return median and extremes: 5.5 (5.1 to 6.0)."""
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def outage_cell(seen: list[dict[str, Any]]) -> str:
    """Return the outage; when it did not end in some repeat, say in how many."""
    if not any(one["acknowledged"] for one in seen):
        return "never wrote"
    never = sum(not one["recovered"] for one in seen)
    if never == len(seen):
        return "never came back"
    cell = spread([one["outage_seconds"] for one in seen if one["recovered"]])
    return f"{cell}, in {never} of {len(seen)} never came back" if never else cell


def cells(seen: list[dict[str, Any]]) -> list[str]:
    """Return outage, longest command, failed commands and lost writes of a row."""
    failed = [sum(one["errors"].values()) for one in seen]
    return [
        outage_cell(seen),
        f"{max(one['longest_seconds'] for one in seen):.1f}",
        f"{min(failed)} to {max(failed)}" if min(failed) != max(failed) else str(failed[0]),
        str(sum(one["lost"] for one in seen)),
    ]


def commonest(seen: list[dict[str, Any]]) -> str:
    """Return the error that most commands got, or nothing."""
    counted: Counter[str] = Counter()
    for one in seen:
        counted.update(one["errors"])
    return counted.most_common(1)[0][0] if counted else ""


def lost(document: Mapping[str, Any], form: str) -> list[str]:
    """Return the faults of a form that lose a master."""
    return list(dict.fromkeys(run["fault"] for run in document["runs"] if run["form"] == form and run["fault"] != REFUSED))


def refusals(document: Mapping[str, Any]) -> list[str]:
    """Return the Markdown table of what clients say, and after how long, when the Sentinels refuse their login."""
    lines = ["| client | settings | longest command, s | what most of its errors say |", "|---|---|---|---|"]
    for (client, _, settings, fault), seen in grouped(document).items():
        if fault == REFUSED:
            held = max(one["longest_seconds"] for one in seen)
            text = commonest(seen).replace("|", "\\|").replace("`", "'")
            lines.append(f"| {client} | {settings} | {held:.1f} | {f'`{text}`' if text else 'nothing: no command ended'} |")
    return lines


def table(document: Mapping[str, Any], form: str) -> list[str]:
    """Return the Markdown table of a form: a line for each client and settings, with both faults."""
    found, faults = grouped(document), lost(document, form)
    heads = [f"{fault}: {head}" for fault in faults for head in ("outage, s", "longest command, s", "failed", "lost")]
    lines = [f"| client | settings | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    server = [cell for fault in faults for cell in (spread(servers(document)[form, fault]), "", "", "")]
    lines.append(f"| the servers themselves | | {' | '.join(server)} |")
    for client, settings in dict.fromkeys((key[0], key[2]) for key in found if key[1] == form):
        filled = [cell for fault in faults for cell in cells(found[client, form, settings, fault])]
        lines.append(f"| {client} | {settings} | {' | '.join(filled)} |")
    return lines


def lines(document: Mapping[str, Any]) -> list[str]:
    """Return all tables."""
    forms = list(dict.fromkeys(run["form"] for run in document["runs"]))
    return [line for form in forms if lost(document, form) for line in (f"\n{form}", *table(document, form))]
