"""A preview's plan -> what in it endangers data, why, and the right way: plain data, Markdown for a pull request.

Reads the JSON of `pulumi preview --json`. Values are shown for properties of the table only, never a secret.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .danger import GROUP, LISTENER, RECORD, Danger, Operation
from .dangers import HIDDEN, LOST, NO_ROW, SECONDARY, SECONDARY_LOST, STANDS_BESIDE, row_of
from .emulator import emulator_command
from .errors import OpsError
from .owner import last_words, run_owner
from .plan_shape import read_plan, type_of

VERSION = 1  # of the JSON report
PREVIEW_SECONDS = 1800  # a preview of a big stack with a refresh takes minutes; a hung one must not hang a pipeline
NOTHING_DANGEROUS, DANGEROUS = 0, 3  # exit codes; 2 is "could not look", as everywhere
# pulumi/pulumi sdk/go/common/resource/plugin/rpc.go UnknownStringValue, and what the engine prints for a secret.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
MOST_SHOWN = 10**15  # no property of the table is larger; a whole number of JSON may be too large for a float
SECRET = "[secret]"  # noqa: S105 - what the engine prints in its place
# pulumi/pulumi pkg/resource/deploy/step.go, StepOp: the other ones lose nothing, or accompany one of these.
OPERATIONS: dict[str, Operation] = {
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "delete": "delete",
    "update": "update",
}
PROTECTED = "marked for protection"  # pulumi/pulumi pkg/resource/deploy: the engine's own refusal


@dataclass(frozen=True)
class Reason:
    """One property that changes, and what the table says of it. Values are empty where they are not to be shown."""

    property: str
    old: str
    new: str
    why: str
    instead: str
    source: str


@dataclass(frozen=True)
class Change:
    """One planned change of a resource that holds something."""

    urn: str
    type: str
    name: str
    operation: Operation
    protected: bool
    dangerous: bool
    lost: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a preview plans for the stateful resources, and what kept it from being whole."""

    changes: tuple[Change, ...]
    errors: tuple[str, ...]
    summary: Mapping[str, int] = field(default_factory=dict)

    @property
    def dangerous(self) -> tuple[Change, ...]:
        """The changes that lose or weaken something."""
        return tuple(change for change in self.changes if change.dangerous)


def run_preview(stack: str, program: Path, *, emulated: bool) -> Mapping[str, Any]:
    """Run the preview that belongs to the stack's world and return its digest; changes nothing."""
    real = ["pulumi", "preview", "--json", "--non-interactive", "--stack", stack]
    command = emulator_command("preview", stack, program, "--json") if emulated else real
    done = run_owner(command, stack, program, what="previews", seconds=PREVIEW_SECONDS)
    # A refused plan (a protected resource, for one) ends with an exit code and is a plan all the same.
    if done.returncode and not done.stdout.lstrip().startswith("{"):
        raise OpsError(f"stack {stack}: the preview failed: {last_words(done)}")
    return read_plan(done.stdout, f"the preview of stack {stack}")


def judge(plan: Mapping[str, Any]) -> Report:
    """Pick the stateful resources' planned changes out of a digest and say what each means."""
    found: dict[tuple[str, Operation], Change] = {}
    refused = {said.get("urn") for said in plan.get("diagnostics") or [] if PROTECTED in said.get("message", "")}
    for step in plan.get("steps") or []:
        operation = OPERATIONS.get(step["op"])
        change = _change(step, operation, refused) if operation else None
        # A replacement may be told in three steps, in any order. `replace` itself has the reasons.
        if change is not None and (step["op"] == "replace" or (change.urn, change.operation) not in found):
            found[change.urn, change.operation] = change
    order = sorted(found.values(), key=lambda change: (not change.dangerous, change.operation, change.type, change.name))
    return Report(tuple(order), tuple(dict.fromkeys(_errors(plan))), dict(plan.get("changeSummary") or {}))


def _change(step: Mapping[str, Any], operation: Operation, refused: set[Any]) -> Change | None:
    urn: str = step["urn"]
    resource_type, name = type_of(step), "::".join(urn.split("::")[3:])
    if resource_type not in LOST:
        return None
    reasons = tuple(_reasons(step, resource_type, operation))
    # Of a replacement the new state decides: the same `up` may take the protection away. No update is ever refused.
    decides = step.get("oldState" if operation == "delete" else "newState") or {}
    protected = operation != "update" and (urn in refused or bool(decides.get("protect")))
    dangerous = bool(reasons) and not (resource_type in STANDS_BESIDE and _renamed(step, operation))
    lost = SECONDARY_LOST if _secondary(step, resource_type, operation) else LOST[resource_type]
    return Change(urn, resource_type, name, operation, protected, dangerous, lost if reasons else "", reasons)


def _secondary(step: Mapping[str, Any], resource_type: str, operation: Operation) -> bool:
    """Tell whether a secondary of a Global Datastore is deleted: the keys stay in the other regions."""
    old = (step.get("oldState") or {}).get("inputs") or {}
    return (resource_type, operation) == (GROUP, "delete") and bool(old.get("globalReplicationGroupId"))


def _renamed(step: Mapping[str, Any], operation: Operation) -> bool:
    return operation == "replace" and "name" in _changed(step, operation)


def _reasons(step: Mapping[str, Any], resource_type: str, operation: Operation) -> Iterator[Reason]:
    old, new = ((step.get(key) or {}).get("inputs") or {} for key in ("oldState", "newState"))
    if operation == "delete":
        row = SECONDARY if _secondary(step, resource_type, operation) else row_of(resource_type, "", operation)
        yield _reason("", row or _deleted(resource_type), "", "")
        return
    for name in _changed(step, operation):
        row = row_of(resource_type, name, operation)
        before, after = _value(old, name), _value(new, name)
        if operation == "update":
            if row is not None and _applies(row, before, after):
                yield _reason(name, row, _shown(before), _shown(after))
        else:
            known = row is not None and bool(row.property) and row.property not in HIDDEN
            yield _reason(name, row or NO_ROW, _shown(before) if known else "", _shown(after) if known else "")
    if operation == "replace" and not _changed(step, operation):
        yield _reason("", row_of(resource_type, "", operation) or _asked_for(), "", "")


def _changed(step: Mapping[str, Any], operation: Operation) -> list[str]:
    detailed: Mapping[str, Mapping[str, Any]] = step.get("detailedDiff") or {}
    if operation == "update":
        return list(dict.fromkeys([*detailed, *(step.get("diffReasons") or [])]))
    replacing = [name for name, diff in detailed.items() if diff["kind"].endswith("-replace")]
    return list(
        dict.fromkeys([*replacing, *(name for name in step.get("replaceReasons") or [] if not _covered(name, replacing))])
    )


def _covered(name: str, paths: list[str]) -> bool:
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for path in paths)


def _applies(row: Danger, old: object, new: object) -> bool:
    if row.when == "false":
        return new is False or new is None
    if row.when == "true":
        return new is True
    if row.when == "zero":
        return new == 0
    if row.when in {"smaller", "larger"}:
        numbers = [value for value in (old, new) if isinstance(value, int | float) and not isinstance(value, bool)]
        return len(numbers) == 2 and (numbers[1] < numbers[0] if row.when == "smaller" else numbers[1] > numbers[0])
    return True


def _value(inputs: Mapping[str, Any], name: str) -> object:
    return inputs.get(name.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0])


def _shown(value: object) -> str:
    """Return a plain value as text; nothing of a secret, of a structure, or of what only the cloud will know."""
    if isinstance(value, list) and len(value) == 1:  # a record's one value, a set's one weight
        (value,) = value
        value = value.get("weight") if isinstance(value, Mapping) else value
    if value == UNKNOWN:
        return "known after apply"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < MOST_SHOWN else ""
    return value if isinstance(value, str) and SECRET not in value and len(value) <= 80 else ""


def _reason(name: str, row: Danger, old: str, new: str) -> Reason:
    return Reason(name, old, new, row.why, row.instead, row.source)


def _deleted(resource_type: str) -> Danger:
    return Danger(
        resource_type,
        "",
        "delete",
        "the program no longer has it",
        "put it back, or give the new resource an alias of the old name; to end it on purpose: in a change of its own",
        "pulumi resource option aliases",
    )


def _asked_for() -> Danger:
    return Danger(
        "",
        "",
        "replace",
        "somebody asked for it (replacement_trigger, --replace, taint), or its provider is another one",
        "take the request back, or keep the provider",
        "pulumi resource options replacementTrigger, provider",
    )


def _errors(plan: Mapping[str, Any]) -> Iterator[str]:
    for said in plan.get("diagnostics") or []:
        if said.get("severity") != "error":
            continue
        text = " ".join(said.get("message", "").split()).removeprefix("error: ")
        if not text or text == "preview failed":
            continue
        if PROTECTED in text:
            name = said.get("urn", "").rpartition("::")[2]
            text = f"{name} is protected: the engine refuses to replace or delete it"
        yield text


def exit_code(report: Report) -> int:
    """Return 3 when something dangerous is planned, else 0."""
    return DANGEROUS if report.dangerous else NOTHING_DANGEROUS


def as_json(report: Report, stack: str | None) -> dict[str, Any]:
    """Return the report for machines."""
    return {
        "version": VERSION,
        "stack": stack,
        "dangerous": len(report.dangerous),
        "changes": [asdict(change) for change in report.changes],
        "errors": list(report.errors),
        "summary": dict(report.summary),
    }


VERBS = {"replace": "REPLACED", "delete": "DELETED", "update": "updated in place"}


def as_markdown(report: Report, stack: str | None) -> str:
    """Return the report for a pull request."""
    where = f" of stack `{stack}`" if stack else ""
    count = len(report.dangerous)
    head = f"**{count} dangerous {'change' if count == 1 else 'changes'}**" if count else "Nothing dangerous"
    planned = ", ".join(f"{number} {name}" for name, number in sorted(report.summary.items()) if name != "same")
    lines = [f"## redis-ha: preview{where}", "", f"{head} among the resources that hold data or access.", ""]
    for change in report.dangerous:
        lines += _section(change)
    for operation, words in (("update", "Updated in place"), ("replace", "Made anew under another name, beside the old one")):
        calm = [change for change in report.changes if not change.dangerous and change.operation == operation]
        if calm:
            lines += [f"{words}: " + ", ".join(f"`{change.name}` ({_short(change.type)})" for change in calm), ""]
    if report.errors:
        lines += ["The engine said:", "", *(f"- {_escaped(error)}" for error in report.errors), ""]
    if planned:
        lines += [f"All planned changes: {planned}.", ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(change: Change) -> list[str]:
    guard = " Protected: `up` refuses this." if change.protected else ""
    loses = "Weakened" if change.operation == "update" else "Lost"
    lines = [f"### `{change.name}` ({_short(change.type)}) would be {VERBS[change.operation]}", ""]
    if change.operation == "update" and change.type in {RECORD, LISTENER}:
        lines += ["At stake: where live traffic goes.", ""]
    elif change.operation == "update":
        lines += [f"{loses}: what protects {change.lost.split(';')[0]}.", ""]
    else:
        lines += [f"{loses}: {change.lost}.{guard}", ""]
    if change.reasons:
        lines += ["| property | from | to | why | instead | source |", "| --- | --- | --- | --- | --- | --- |"]
        for reason in change.reasons:
            cells = (reason.property, reason.old, reason.new, reason.why, reason.instead, reason.source)
            lines.append("| " + " | ".join(_escaped(cell) or "·" for cell in cells) + " |")
        lines.append("")
    return lines


def _short(resource_type: str) -> str:
    package, _, rest = resource_type.partition(":")
    return f"{package} {rest.rpartition(':')[2]}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
