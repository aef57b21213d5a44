"""Writes the part of the emulator's rule tables that the installed Pulumi SDKs decide.

Run it after a change of pulumi-digitalocean, pulumi-random or pulumi-tls: `python tools/provider_rules.py`.
It reads, by introspection, which properties a resource type has, of which type, which ones are required and
which the SDK marks as secret. Everything else in the tables (`rules`) is kept as it is.
"""

import enum
import importlib
import importlib.metadata
import inspect
import json
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

import pulumi
from pulumi._types import input_type_py_to_pulumi_names

DATA = Path(__file__).resolve().parent.parent / "emulator" / "pulumi_emulator" / "data"

# The resource types that the emulator has a handler for.
RESOURCES: dict[str, list[str]] = {
    "digitalocean": ["Droplet", "Firewall", "Project", "ProjectResources", "SshKey", "Tag", "Vpc"],
    "random": ["RandomId", "RandomInteger", "RandomPassword", "RandomPet", "RandomString", "RandomUuid"],
    "tls": ["CertRequest", "LocallySignedCert", "PrivateKey", "SelfSignedCert"],
}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


class Introspection:
    """Reads one SDK; collects the object types and enums that its resources mention."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.module = importlib.import_module(f"pulumi_{package}")
        self.objects: dict[str, Any] = {}
        self.enums: dict[str, list[str]] = {}

    def table(self) -> dict[str, Any]:
        """Return the part of the rule table that this SDK decides."""
        resources = dict(sorted(self.resource(name) for name in RESOURCES[self.package]))
        version = importlib.metadata.version(f"pulumi_{self.package}")
        return {
            "source": f"pulumi_{self.package} {version}, the installed Python SDK, read by tools/provider_rules.py",
            "resources": resources,
            "objects": dict(sorted(self.objects.items())),
            "enums": dict(sorted(self.enums.items())),
        }

    def resource(self, name: str) -> tuple[str, dict[str, Any]]:
        """Return the token of a resource class and what is known about it."""
        resource = getattr(self.module, name)
        module = sys.modules[resource.__module__]
        source = inspect.getsource(resource._internal_init)  # noqa: SLF001 - the only place where the SDK names token and secrets
        token_match = re.search(rf"'({self.package}:[^']+)'", source)
        if token_match is None:
            raise SystemExit(f"{name}: no type token in {module.__file__}")
        secret_match = re.search(r"additional_secret_outputs=\[([^\]]*)\]", source)
        inputs, required = self.properties(getattr(module, f"{name}Args"))
        outputs, _ = self.properties(getattr(module, f"_{name}State"))
        return token_match.group(1), {
            "inputs": inputs,
            "required": required,
            "outputs": {key: kind for key, kind in outputs.items() if key not in inputs},
            "secret": sorted(re.findall(r'"(\w+)"', secret_match.group(1))) if secret_match else [],
        }

    def properties(self, cls: type) -> tuple[dict[str, Any], list[str]]:
        """Return the properties of an input class by their name on the wire, and the required ones among them."""
        names = input_type_py_to_pulumi_names(cls)
        scope: dict[str, Any] = {}
        for module in (pulumi, sys.modules[cls.__module__]):
            scope |= vars(module)
        for part in ("_enums", "_inputs"):
            try:
                scope |= vars(importlib.import_module(f"pulumi_{self.package}.{part}"))
            except ModuleNotFoundError:
                continue
        hints = typing.get_type_hints(cls.__dict__["__init__"], scope, {"Output": pulumi.Output, "T": Any})
        signature = inspect.signature(cls)
        found = {names[key]: self.kind(hint) for key, hint in hints.items() if key in names}
        required = [names[key] for key, item in signature.parameters.items() if item.default is inspect.Parameter.empty]
        return dict(sorted(found.items())), sorted(required)

    def kind(self, hint: Any) -> Any:
        """Return the table's word for a type hint: "string", {"array": ...}, {"map": ...}, {"object": ...}, {"enum": ...}."""
        if hint in SCALARS:
            return SCALARS[hint]
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            self.enums[hint.__name__] = [str(member.value) for member in hint]
            return {"enum": hint.__name__}
        if isinstance(hint, type) and hint.__name__.endswith("Args"):
            name = hint.__name__.removesuffix("Args")
            if name not in self.objects:
                self.objects[name] = {}
                properties, required = self.properties(hint)
                self.objects[name] = {"properties": properties, "required": required}
            return {"object": name}
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return self.union(arguments)
        origin_name = getattr(origin, "__name__", "")
        if origin_name == "Sequence":
            return {"array": self.kind(arguments[0])}
        if origin_name == "Mapping":
            return {"map": self.kind(arguments[1])}
        raise SystemExit(f"{self.package}: no word for the type {hint!r}")

    def union(self, arguments: tuple[Any, ...]) -> Any:
        """Return the word for a union: the plain member of an Input, the enum of "string or enum"."""
        plain = []
        for argument in arguments:
            name = getattr(typing.get_origin(argument) or argument, "__name__", "")
            if argument is type(None) or name in ("Awaitable", "Output"):
                continue
            if isinstance(argument, type) and typing.is_typeddict(argument):
                continue
            plain.append(self.kind(argument))
        enums = [kind for kind in plain if isinstance(kind, dict) and "enum" in kind]
        distinct = [kind for index, kind in enumerate(plain) if kind not in plain[:index]]
        if enums:
            return enums[0]
        if len(distinct) != 1:
            raise SystemExit(f"{self.package}: several types in {arguments!r}")
        return distinct[0]


def table_of(package: str) -> dict[str, Any]:
    """Return what the installed SDK says about the emulated types of a package."""
    return Introspection(package).table()


def main() -> None:
    """Rewrite the `sdk` part of every rule table."""
    for package in RESOURCES:
        path = DATA / f"{package}.json"
        rules: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["rules"] if path.exists() else []
        new: dict[str, Any] = {"package": package, "sdk": table_of(package), "rules": rules}
        path.write_text(render(new), "utf-8")
        print(f"{path.name}: {len(new['sdk']['resources'])} types, {len(new['rules'])} rules")


def render(table: dict[str, Any]) -> str:
    """Return the table as text: one rule a line, so that a change reads well in a diff."""
    rows = ",\n".join("  " + json.dumps(rule, ensure_ascii=False) for rule in table["rules"])
    head = json.dumps({key: value for key, value in table.items() if key != "rules"}, indent=1)
    return f'{head[:-2]},\n "rules": [\n{rows}\n ]\n}}\n'


if __name__ == "__main__":
    main()
