"""The output of `pulumi preview --json` -> a plan that is understood, or an error that names the step and the key.

What is not understood could be a dangerous change. What form a plan has is said by plan.schema.json alone.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .dangers import LOST
from .errors import OpsError

SHAPE = Draft202012Validator(json.loads((Path(__file__).parent / "plan.schema.json").read_text(encoding="utf-8")))
KINDS = {"object": "object", "array": "list", "string": "text", "boolean": "switch", "integer": "whole number", "null": "null"}
NOT_UNDERSTOOD = "nothing can be said of this plan; is redis-ha up to date?"
# In changeSummary: which steps tell of an operation, each in a list of its own. The engine counts a replacement as one
# `replace` and shows that step, the steps that it is made of on request (pulumi/pulumi pkg/engine/update.go,
# previewActions.OnResourceStepPost; pkg/backend/display/display.go, shouldShow). A preview of a refresh counts updates whose
# steps stay `refresh` (pkg/backend/display/json.go, ShowPreviewDigest). A plan that failed has steps that were not counted.
_REPLACING = (("replace",), ("create-replacement",), ("delete-replaced",))
TOLD_BY: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "delete": (("delete",),),
    "update": (("update", "refresh"),),
    **dict.fromkeys(("replace", "create-replacement", "delete-replaced"), _REPLACING),
}


def read_plan(text: str | bytes, where: str) -> Mapping[str, Any]:
    """Return the digest that `pulumi preview --json` printed. `where` names it to the user.

    OpsError for anything else, and for what this release does not understand.
    """
    try:
        plan = json.loads(text)
        json.dumps(plan, ensure_ascii=False).encode()  # half a surrogate pair is JSON, and no text that can be printed
    except (ValueError, RecursionError):  # not UTF-8 is a ValueError too
        raise OpsError(f"{where} is no JSON: give the output of `pulumi preview --json` (without --show-secrets)") from None
    if not isinstance(plan, Mapping) or not isinstance(plan.get("steps", [] if "diagnostics" in plan else None), list):
        raise OpsError(f"{where} has no `steps`: give the output of `pulumi preview --json`, not of another command")
    for wrong in SHAPE.iter_errors(plan):
        raise OpsError(f"{where}: {_place(wrong)} {_words(wrong)}: {NOT_UNDERSTOOD}")
    if "steps" not in plan and not any(said.get("severity") == "error" for said in plan["diagnostics"] or []):
        raise OpsError(f"{where} has neither steps nor errors: nothing can be said of this plan")
    for number, step in enumerate(plan.get("steps") or [], 1):
        if step["op"] == "update" and type_of(step) in LOST and not (step.get("diffReasons") or step.get("detailedDiff")):
            raise OpsError(f"{where}: step {number} does not say what it updates (diffReasons): {NOT_UNDERSTOOD}")
    _compare(plan, where)
    return plan


def type_of(step: Mapping[str, Any]) -> str:
    """Return the type of a step's resource, without those that it is part of."""
    return str(step["urn"].split("::")[2].rpartition("$")[2])


def _compare(plan: Mapping[str, Any], where: str) -> None:
    """Refuse a plan that counts more than its steps tell of."""
    steps = Counter(step["op"] for step in plan.get("steps") or [])
    for operation, count in (plan.get("changeSummary") or {}).items():
        told = max((sum(steps[op] for op in ops) for ops in TOLD_BY.get(operation, ())), default=count)
        if count > told:
            raise OpsError(
                f"{where}: changeSummary.{operation} is {_short(str(int(count)))}, the steps tell of {told}: {NOT_UNDERSTOOD}"
            )


def _place(wrong: ValidationError) -> str:
    path = list(wrong.absolute_path)
    counted = {"steps": "step", "diagnostics": "diagnostic"}.get(str(path[0]) if path else "")
    first = f"{counted} {int(path[1]) + 1}" if counted and len(path) > 1 else ""
    rest = ".".join(str(part) for part in (path[2:] if first else path))
    return ": ".join(part for part in (first, _short(rest)) if part) or "the plan"


def _words(wrong: ValidationError) -> str:
    """Say what is wrong without the value: it may hold a secret. The library's own message repeats it."""
    rule: Any = wrong.validator_value
    value: Any = wrong.instance
    if wrong.validator == "type":
        return "is no " + " or ".join(KINDS[kind] for kind in ([rule] if isinstance(rule, str) else rule))
    if wrong.validator == "required":
        return f"has no {' and no '.join(name for name in rule if name not in value)}"
    if wrong.validator == "enum":
        return f"has the unknown value {_short(json.dumps(value))}"
    return {"pattern": "names no resource", "minimum": "is less than 0"}[str(wrong.validator)]


def _short(text: str) -> str:
    return " ".join(text.split())[:80]
