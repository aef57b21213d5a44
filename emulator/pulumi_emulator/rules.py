"""The rule tables of the emulated providers: what a resource type takes, what is wrong with it, what replaces it.

The tables are data (`data/<package>.json`). Their part `sdk` is read from the installed SDK by
tools/provider_rules.py, the rows in `rules` each name the source that they come from. This module only applies them.
Rules that cannot be said in a row (CIDR ranges, references) are decided by the handlers of the types.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

from pulumi_emulator.judges import JUDGES, VALUE
from pulumi_emulator.values import UNKNOWN, Secret, has_unknown, is_archive, is_secret, reveal

PACKAGES: Final = ("aws", "digitalocean", "random", "tls")
# Where Pulumi's bridge notes which properties it filled in itself (pulumi/pulumi-terraform-bridge pkg/tfbridge/schema.go).
DEFAULTS_KEY: Final = "__defaults"


@dataclass(frozen=True)
class Rule:
    """One row: the property (`a`, `a.b`, `a[]`, `a[].b`) of a type, the rule's kind, its value and its source."""

    property: str
    kind: str
    value: Any
    source: str


@dataclass(frozen=True)
class ResourceType:
    """What is known about one resource type."""

    token: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    required: tuple[str, ...]
    secret: frozenset[str]
    rules: tuple[Rule, ...]
    objects: Mapping[str, Any] = field(repr=False)
    enums: Mapping[str, list[str]] = field(repr=False)

    def of_kind(self, kind: str) -> Iterator[Rule]:
        """Yield the rows of one kind."""
        return (rule for rule in self.rules if rule.kind == kind)

    @property
    def computed(self) -> tuple[str, ...]:
        """What only the provider knows: the outputs that are no inputs."""
        return tuple(self.outputs)

    @property
    def zero_is_absent(self) -> bool:
        """Whether 0 and false say the same as nothing (terraform-plugin-sdk: a value that is not given is its type's zero)."""
        return self.token.startswith("aws:")

    @property
    def kept(self) -> frozenset[str]:
        """The inputs that the provider fills in, and keeps as they are when the program stops giving them."""
        return frozenset(rule.property for rule in self.of_kind("kept"))

    @property
    def merged_tags(self) -> frozenset[str]:
        """The output that is an input to the engine: the program's tags together with the provider's default ones."""
        return frozenset(rule.property for rule in self.of_kind("merged_tags"))


@functools.cache
def load(package: str) -> dict[str, ResourceType]:
    """Return the emulated types of a package by their token."""
    table = json.loads(resources.files("pulumi_emulator").joinpath("data", f"{package}.json").read_text("utf-8"))
    sdk = table["sdk"]
    rules: dict[str, list[Rule]] = {token: [] for token in sdk["resources"]}
    for row in table["rules"]:
        rules[row["resource"]].append(Rule(row["property"], row["rule"], row.get("value"), row["source"]))
    return {
        token: ResourceType(
            token=token,
            inputs=known["inputs"],
            outputs=known["outputs"],
            required=tuple(known["required"]),
            secret=frozenset(known["secret"]) | {rule.property for rule in rules[token] if rule.kind == "secret"},
            rules=tuple(rules[token]),
            objects=sdk["objects"],
            enums=sdk["enums"],
        )
        for token, known in sdk["resources"].items()
    }


@dataclass(frozen=True)
class Failure:
    """A property that is wrong, and why, in words that say what is allowed."""

    property: str
    reason: str


def check(kind: ResourceType, inputs: Mapping[str, Any]) -> list[Failure]:
    """Return what is wrong with these inputs, at most one failure a property; unknown values are not judged."""
    found: dict[str, str] = {}
    for name, reason in _failures(kind, inputs):
        found.setdefault(name, reason)
    return [Failure(name, reason) for name, reason in found.items()]


def _failures(kind: ResourceType, inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    given = {name: value for name, value in inputs.items() if name != DEFAULTS_KEY}
    for name in given:
        if name not in kind.inputs:
            yield name, _unknown_property(name, kind.inputs)
    for name in kind.required:
        if reveal(given.get(name)) is None:
            yield name, f"missing required property {name!r}"
    for name, value in given.items():
        if name in kind.inputs:
            yield from _type_failures(kind, name, kind.inputs[name], value)
    yield from _rule_failures(kind, given)


def _rule_failures(kind: ResourceType, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for rule in kind.rules:
        judge = JUDGES.get(rule.kind)
        if judge is None:
            continue
        for path, value in _values_at(given, rule.property):
            reason = judge(rule, reveal(value), reveal(given), kind)
            if reason:
                hidden = rule.property.split(".")[0].removesuffix("[]") in kind.secret
                yield path, _with_value(reason, Secret(value) if hidden else value)


def _unknown_property(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"
    return f"unknown property {name!r}{hint}"


def _with_value(reason: str, value: Any) -> str:
    """Say which value is wrong, unless it is a secret."""
    if VALUE not in reason:
        return reason
    shown = "[secret]" if is_secret(value) else repr(reveal(value))
    return reason.replace(VALUE, shown if len(shown) <= 120 else f"{shown[:117]}...")


_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def _type_failures(kind: ResourceType, path: str, expected: Any, marked: Any) -> Iterator[tuple[str, str]]:
    value = marked.value if is_secret(marked) and hasattr(marked, "value") else marked
    if value is None or value is UNKNOWN:
        return
    if isinstance(expected, str):
        if expected != "any" and not _is_scalar(expected, value):
            article = "an" if expected == "integer" else "a"
            yield path, _with_value(f"{VALUE} is not {article} {expected}", marked)
    elif "enum" in expected:
        if not isinstance(value, str):
            yield path, _with_value(f"{VALUE} is not a string", marked)
    elif "any_of" in expected:
        yield from _alternatives(kind, path, expected["any_of"], marked)
    elif "array" in expected:
        yield from _list_failures(kind, path, expected["array"], value)
    else:
        yield from _mapping_failures(kind, path, expected, value)


def _alternatives(kind: ResourceType, path: str, alternatives: list[Any], marked: Any) -> Iterator[tuple[str, str]]:
    failures = [list(_type_failures(kind, path, one, marked)) for one in alternatives]
    # The last alternative is the most particular one (an object), so its failures say most.
    yield from [] if [] in failures else failures[-1]


def _mapping_failures(kind: ResourceType, path: str, expected: Any, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, "must be an object"
    elif "map" in expected:
        for name, item in value.items():
            yield from _type_failures(kind, f"{path}.{name}", expected["map"], item)
    else:
        yield from _object_failures(kind, path, kind.objects[expected["object"]], value)


def _list_failures(kind: ResourceType, path: str, expected: Any, value: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield path, "must be a list"
        return
    for index, item in enumerate(value):
        yield from _type_failures(kind, f"{path}[{index}]", expected, item)


def _object_failures(
    kind: ResourceType, path: str, known: Mapping[str, Any], value: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        if name == DEFAULTS_KEY:
            continue
        if name in known["properties"]:
            yield from _type_failures(kind, f"{path}.{name}", known["properties"][name], item)
        else:
            yield f"{path}.{name}", _unknown_property(name, known["properties"])
    for name in known["required"]:
        if reveal(value.get(name)) is None:
            yield f"{path}.{name}", f"missing required property {name!r}"


def _is_scalar(expected: str, value: Any) -> bool:
    if isinstance(value, bool):
        return expected == "boolean"
    if expected == "archive":
        return is_archive(value)
    # The bridge takes a number for a string and the text of a number for a number (configuration values are text).
    if expected == "string" and isinstance(value, int | float):
        return True
    if expected in ("integer", "number") and isinstance(value, str):
        return re.fullmatch(r"-?\d+" if expected == "integer" else r"-?\d+(\.\d+)?", value) is not None
    return isinstance(value, _PYTHON_TYPES[expected])


def _values_at(properties: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yield each known value at `a`, `a.b`, `a[]`, `a[].b` together with the path that leads to it."""
    head, _, rest = path.partition(".")
    listed = head.endswith("[]")
    name = head.removesuffix("[]")
    found = properties.get(name)
    if listed:
        items = reveal(found)
        if not isinstance(items, list):
            return
        marked = found if isinstance(found, list) else items
        pairs = [(f"{name}[{index}]", item) for index, item in enumerate(marked)]
    else:
        pairs = [(name, found)]
    for here, value in pairs:
        if reveal(value) is None or has_unknown(value):
            continue
        if not rest:
            yield here, value
        elif isinstance(reveal(value), dict):
            yield from ((f"{here}.{deeper}", item) for deeper, item in _values_at(reveal(value), rest))


# Kinds that are applied elsewhere: `check_exclusive`, `with_defaults`, `changes`, the handlers' framework.
OTHER_KINDS: Final = frozenset(
    {
        "autoname",
        "conflicts_with",
        "default",
        "domain",
        "exactly_one_of",
        "kept",
        "lower",
        "merged_tags",
        "provider_region",
        "replaces",
        "secret",
        "set",
        "trimmed",
        "write_only",
    }
)


def check_exclusive(kind: ResourceType, inputs: Mapping[str, Any]) -> list[Failure]:
    """Return the failures of rules that speak about properties which may be absent; what a default filled in is not given."""
    filled = set(inputs.get(DEFAULTS_KEY) or [])
    given = {name: value for name, value in inputs.items() if name not in filled}
    found = []
    for rule in kind.of_kind("exactly_one_of"):
        present = [name for name in rule.value if reveal(inputs.get(name)) is not None]
        # What is not known yet may turn out to be absent.
        known = [name for name in present if not has_unknown(inputs[name])]
        if not present or len(known) > 1:
            found.append(Failure(rule.property, f"exactly one of {', '.join(rule.value)} must be set"))
    for rule in kind.of_kind("conflicts_with"):
        others = [other for other in rule.value if any(True for _ in _values_at(given, other))]
        if others and any(True for _ in _values_at(given, rule.property)):
            found.append(Failure(rule.property, f"conflicts with {', '.join(others)}: give one or the other"))
    return found


def conflicting(kind: ResourceType, name: str) -> set[str]:
    """Return the properties that a property cannot be given together with."""
    return {other for rule in kind.of_kind("conflicts_with") if rule.property == name for other in rule.value}


def with_defaults(kind: ResourceType, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs with the provider's defaults filled in; their names are kept under `__defaults`."""
    filled = dict(inputs)
    names = []
    for rule in kind.of_kind("default"):
        if any(reveal(inputs.get(other)) is not None for other in conflicting(kind, rule.property)):
            continue
        if reveal(filled.get(rule.property)) is None:
            filled[rule.property] = rule.value
            names.append(rule.property)
    filled[DEFAULTS_KEY] = sorted({*names, *inputs.get(DEFAULTS_KEY, [])})
    return filled


def as_given(kind: ResourceType, name: str, given: Any, found: Any) -> Any:
    """Return an input as it is found: in the program's spelling when that means the same, without what it never gave.

    Members of objects that the program did not give are the provider's own, and no drift.
    """
    pruned = _pruned(kind, kind.inputs.get(name), reveal(given), found)
    return reveal(given) if _normal(kind, name, reveal(given)) == _normal(kind, name, pruned) else pruned


def _pruned(kind: ResourceType, expected: Any, old: Any, found: Any) -> Any:
    if not isinstance(expected, dict):
        return found
    if "object" in expected and isinstance(old, dict) and isinstance(found, dict):
        types = kind.objects[expected["object"]]["properties"]
        return {name: _pruned(kind, types.get(name), old[name], value) for name, value in found.items() if name in old}
    if "array" in expected and isinstance(old, list) and isinstance(found, list) and len(old) == len(found):
        return [_pruned(kind, expected["array"], one, other) for one, other in zip(old, found, strict=True)]
    return found


def automatic_name(rule: Rule, name: str, digits: str) -> str:
    """Return the name of a resource that the program gives none: the resource's own with random digits after it.

    The rule's value is how many digits; or an object with `digits`, `max` (characters), `lower`, `prefix` and `framework`.
    """
    how = rule.value if isinstance(rule.value, dict) else {"digits": rule.value}
    made = f"{how.get('prefix', '')}{name}-"
    room = how.get("max", 255) - how["digits"]
    made = made[:room] + digits[: how["digits"]]
    return made.lower() if how.get("lower") else made


@dataclass(frozen=True)
class Change:
    """A property that differs between two sets of inputs: what is seen, and whether it replaces the resource."""

    property: str
    kind: str
    replaces: bool


def changes(kind: ResourceType, olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[Change]:
    """Return what differs between old and new inputs; a value that is not known yet counts as different."""
    found = []
    for name in sorted({*olds, *news} - {DEFAULTS_KEY}):
        if any(rule.property == name for rule in kind.of_kind("write_only")):
            continue
        old, new = reveal(olds.get(name)), reveal(news.get(name))
        if not has_unknown(new) and _normal(kind, name, old) == _normal(kind, name, new):
            continue
        if new is None and name in kind.kept:
            continue
        if kind.zero_is_absent and name not in kind.kept and _absent_or_zero(old) and _absent_or_zero(new):
            continue
        seen = "add" if old is None else "delete" if new is None else "update"
        found.append(Change(name, seen, _replaces(kind, name, old, new)))
    return found


def deleted_first(kind: ResourceType, news: Mapping[str, Any]) -> bool:
    """Return whether a replacement deletes the old resource before it makes the new one.

    So it is where the program gives the name that the provider would make up (`nameRequiresDeleteBeforeReplace` in
    pulumi/pulumi-terraform-bridge pkg/tfbridge/schema.go), also when the name changes. The part of the bridge for resources of
    Terraform's Plugin Framework does not look (pkg/pf/tfbridge/provider_diff.go).
    """
    filled = reveal(news.get(DEFAULTS_KEY)) or []
    given = [rule for rule in kind.of_kind("autoname") if rule.property in news and rule.property not in filled]
    return any(not (isinstance(rule.value, dict) and rule.value.get("framework")) for rule in given)


def _absent_or_zero(value: Any) -> bool:
    return value in (None, 0, False, "", [], {})


def _replaces(kind: ResourceType, name: str, old: Any, new: Any) -> bool:
    for rule in kind.of_kind("replaces"):
        if rule.property != name:
            continue
        if rule.value is None or (rule.value["from"] == old and rule.value["to"] == bool(new)):
            return True
    return False


def _normal(kind: ResourceType, path: str, value: Any) -> Any:
    """Return the value in the form in which two spellings of the same thing are equal."""
    if value in (None, "", [], {}):
        return None
    kinds = {rule.kind for rule in kind.rules if rule.property == path}
    if isinstance(value, list):
        items = [_normal(kind, f"{path}[]", item) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if "set" in kinds else items
    if "json" in kinds:
        return _canonical(value)
    if is_archive(value) and value.get("hash"):
        # The engine's: the state has it without the files' texts.
        return str(value["hash"])
    if isinstance(value, dict):
        normal = {name: _normal(kind, f"{path}.{name}", item) for name, item in value.items() if name != DEFAULTS_KEY}
        return {name: item for name, item in normal.items() if item is not None}
    return _normal_scalar(kinds, _type_at(kind, path), value)


def _type_at(kind: ResourceType, path: str) -> Any:
    """Return what the table wants at a place in the inputs ("rules[].ids[]"); None where it says nothing."""
    expected, types = None, kind.inputs
    for word in path.split("."):
        expected = types.get(word.replace("[]", ""))
        for _ in range(word.count("[]")):
            expected = expected.get("array") if isinstance(expected, dict) else None
        name = expected.get("object") if isinstance(expected, dict) else None
        types = kind.objects[name]["properties"] if name else {}
    return expected


def _canonical(value: Any) -> str:
    try:
        return json.dumps(json.loads(value), sort_keys=True) if isinstance(value, str) else json.dumps(value, sort_keys=True)
    except ValueError:
        return str(value)


def _normal_scalar(kinds: set[str], expected: Any, value: Any) -> Any:
    if kinds & {"lower", "enum_ignoring_case"}:
        return str(value).lower()
    if "domain" in kinds:
        return str(value).lower().removesuffix(".")
    if "trimmed" in kinds:
        return str(value).strip()
    if expected in ("integer", "number") and isinstance(value, str):
        return float(value)
    if expected == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value
