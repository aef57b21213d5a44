"""What a target gets of an event: the event, a part of it, a constant, or what a template makes of it. Plain data.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

Event = Mapping[str, Any]
STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]")
PLACE: Final = re.compile(r"<([A-Za-z0-9_.-]+)>")
# A string of JSON with what is in it, so that a placeholder is known to be within quotes.
STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


class _Missing:
    """There is nothing at a path."""


MISSING: Final = _Missing()


class InvalidJSONError(ValueError):
    """A template made something that is no JSON."""


def at(path: str, event: Any) -> Any:
    """Return what is at a path ("$.detail.nodes[0]"); MISSING when nothing is."""
    found = event
    rest = path.removeprefix("$")
    position = 0
    while position < len(rest):
        step = STEP.match(rest, position)
        if step is None:
            return MISSING
        name, index, quoted = step.groups()
        try:
            found = found[int(index)] if index is not None else found[name or quoted]
        except (KeyError, IndexError, TypeError):
            return MISSING
        position = step.end()
    return found


def text_for(target: Mapping[str, Any], event: Event, rule_arn: str, ingested: str) -> str:
    """Return what a target gets of an event; InvalidJSONError when its template makes no JSON of it."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        found = at(str(target["InputPath"]), event)
        return json.dumps(None if found is MISSING else found)
    transformer = target.get("InputTransformer")
    if transformer is None:
        return json.dumps(event)
    values = {name: at(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": ingested,
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": dict(event),
    }
    return filled(str(transformer["InputTemplate"]), values)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Return a template with its placeholders filled in; what is missing in the event leaves nothing.

    Within quotes a value is inserted as the text of a JSON string, elsewhere as JSON.
    """

    def within(match: re.Match[str]) -> str:
        value = values.get(match[1], match[0])
        if value is MISSING:
            return ""
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(text)[1:-1]

    def outside(match: re.Match[str]) -> str:
        value = values.get(match[1], match[0])
        return '""' if value is MISSING else json.dumps(value)

    made, position = [], 0
    for quoted in STRING.finditer(template):
        made.append(PLACE.sub(outside, template[position : quoted.start()]))
        made.append(PLACE.sub(within, quoted[0]))
        position = quoted.end()
    made.append(PLACE.sub(outside, template[position:]))
    text = "".join(made)
    if template.lstrip().startswith(("{", "[")):
        try:
            json.loads(text)
        except ValueError as error:
            raise InvalidJSONError(str(error)) from None
    return text
