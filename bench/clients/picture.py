"""The outages as a picture: a row a client, a mark a repeat."""

from collections.abc import Mapping
from html import escape
from typing import Any

from bench.clients.summary import grouped, servers

WIDTH, LEFT, TOP, ROW, GAP = 1120, 250, 64, 18, 46
COLOURS = {"killed": "#b3261e", "frozen": "#1f5fa8"}


def draw(document: Mapping[str, Any]) -> str:
    """Return an SVG file. Seconds go to the right; a hollow mark is an outage that did not end."""
    found, known, window = grouped(document), servers(document), document["window_seconds"]
    scale = (WIDTH - LEFT - 30) / (window + 5)
    parts: list[str] = []
    y = TOP
    for form in dict.fromkeys(run["form"] for run in document["runs"]):
        parts.append(_text(10, y, f"{form}", "600"))
        y += ROW
        listed = list(dict.fromkeys((key[0], key[2]) for key in found if key[1] == form))
        end = y + ROW * len(listed)
        parts += [
            f'<line x1="{LEFT + at * scale:.1f}" y1="{y - 4}" x2="{LEFT + at * scale:.1f}" y2="{end}" stroke="#ddd"/>'
            for at in range(0, window + 1, 10)
        ]
        parts += [_text(LEFT + at * scale - 8, end + 12, f"{at} s") for at in range(0, window + 1, 10)]
        for fault, colour in COLOURS.items():
            for seconds in known.get((form, fault), []):
                x = LEFT + seconds * scale
                line = f'x1="{x:.1f}" y1="{y - 4}" x2="{x:.1f}" y2="{end}"'
                parts.append(f'<line {line} stroke="{colour}" stroke-dasharray="2 3"/>')
        for client, settings in listed:
            middle = y + ROW / 2
            parts.append(_text(10, middle + 4, f"{client}, {settings}"))
            for fault, colour in COLOURS.items():
                for one in found.get((client, form, settings, fault), []):
                    x = LEFT + min(one["outage_seconds"], window + 3) * scale
                    fill = colour if one["recovered"] else "none"
                    parts.append(
                        f'<circle cx="{x:.1f}" cy="{middle:.1f}" r="4.5" fill="{fill}" fill-opacity="0.6" stroke="{colour}"/>'
                    )
            y += ROW
        y += GAP
    heading = "Longest time without an acknowledged write after the master was lost, a mark a repeat"
    legend = "red: killed; blue: frozen; hollow: did not come back while it was watched; dotted: no node took writes"
    head = [_text(10, 20, heading, "600"), _text(10, 38, legend)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        f'role="img" aria-label="{heading}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>\n' + "\n".join([*head, *parts]) + "\n</svg>\n"
    )


def _text(x: float, y: float, words: str, weight: str = "400") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-weight="{weight}" fill="#222">{escape(words)}</text>'
