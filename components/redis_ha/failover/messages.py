"""What the receivers are told of an event on the bus: its facts in one line, in the form that each takes. Plain data."""

import json
from collections.abc import Sequence
from typing import Any

# Where EventBridge finds the facts in an event that the function relayed. What is not there (a relayed event has no document)
# leaves its place empty (docs.aws.amazon.com, eventbridge/latest/userguide, eb-transform-target-input).
FACTS = {
    "event": "$.detail-type",
    "group": "$.detail.ReplicationGroupId",
    "region": "$.region",
    "time": "$.detail.Date",
    "severity": "$.detail.severity",
    "says": "$.detail.says",
    "id": "$.detail.event_id",
    "primary": "$.detail.document.primary_member",
    "state": "$.detail.document.state",
    "generation": "$.detail.document.generation",
}
LINE = (
    "<severity>: <event> of <group> in <region> at <time>: <says> (primary=<primary> state=<state> generation=<generation> "
    "event=<id>)"
)
DETAILS = {name: f"<{name}>" for name in FACTS}
BODIES: dict[str, Any] = {
    # A template that is one text in quotes: SNS sends it as it stands.
    "email": LINE,
    # docs.slack.dev, "Sending messages using incoming webhooks".
    "slack": {"text": LINE},
    # developer.pagerduty.com, Events API v2, "Send an alert event"; the connection adds routing_key. The same event told twice
    # is one alert there.
    "pagerduty": {
        "event_action": "trigger",
        "dedup_key": "<id>",
        "payload": {
            "summary": LINE,
            "source": "<group>",
            "severity": "<severity>",
            "timestamp": "<time>",
            "class": "<event>",
            "custom_details": DETAILS,
        },
    },
    "webhook": {"text": LINE, **DETAILS},
}


def transformer(kind: str) -> dict[str, Any]:
    """Return the input transformer of a rule's target."""
    return {"input_paths": FACTS, "input_template": json.dumps(BODIES[kind])}


def told_pattern(event_source: str, severities: Sequence[str]) -> str:
    """Return the pattern of the events that are told."""
    return json.dumps({"source": [event_source], "detail": {"severity": list(severities)}})
