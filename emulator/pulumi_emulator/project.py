"""A program's folder: what Pulumi.yaml and Pulumi.<stack>.yaml say, and the copies that the engine works with.

The program's folder is only read. Credentials of emulated providers are replaced by a placeholder (there is no account to
talk to); other values that are encrypted cannot be read here and must be given in plain text for the emulated stack.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError

from pulumi_emulator.environment import PLACEHOLDER
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.files import write_private
from pulumi_emulator.rules import PACKAGES
from pulumi_emulator.stacks import StackFolder, check_name

# Parts of Pulumi.yaml that matter to an emulated stack's engine; the rest (backend, plugins, packages) is the real one's.
KEPT_KEYS: Final = ("name", "description", "author", "website", "license", "options")
# The values of a file, aliases written out. Every step from here to the program walks through them.
MOST_VALUES: Final = 100_000


@dataclass(frozen=True)
class Program:
    """A Pulumi program on disk and its configuration for one stack."""

    folder: Path
    main: Path
    project: str
    settings: Mapping[str, Any]
    stack: str
    config: dict[str, Any] = field(repr=False)
    # Values that stand in for encrypted ones: handed to the program in memory, never written.
    secret_config: dict[str, Any] = field(repr=False, default_factory=dict)


class _Loader(yaml.SafeLoader):
    """Says where a value stands that cannot be used, and never the value: it may be a secret."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return what a node stands for."""
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError):  # PyYAML's own, of a value that is not what its form or tag says
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"a value that is no {kind}; quote it if it is text", node.start_mark) from None
        if isinstance(value, float) and not math.isfinite(value):
            told = f"{value} is a number that JSON does not have; give another one, or quote it if it is text"
            raise ConstructorError(None, None, told, node.start_mark)
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            told = "half of a character (`\\ud800` to `\\udfff`), which is no text; write the whole one"
            raise ConstructorError(None, None, told, node.start_mark)
        return value


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node holds when every alias is written out; known: those of the nodes that were counted."""
    if id(node) not in known:
        known[id(node)] = 0  # under way
        held = node.value if isinstance(node, yaml.CollectionNode) else []
        inner = [one for entry in held for one in (entry if isinstance(entry, tuple) else (entry,))]
        known[id(node)] = 1 + sum(_values(one, known) for one in inner)
    if not known[id(node)]:
        raise ConstructorError(None, None, "an alias leads back to what it stands in; write it out", node.start_mark)
    return known[id(node)]


def _loaded(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _values(node, {}) > MOST_VALUES:
            told = f"with its aliases (`*name`) written out it holds more than {MOST_VALUES} values; use fewer"
            raise ConstructorError(None, None, told)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = _loaded(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}{f' line {mark.line + 1}' if mark else ''}"
        wrong = "cannot be used" if isinstance(error, ConstructorError) else "is not YAML"
        raise EmulatorError(f"{where} {wrong}: {getattr(error, 'problem', error)}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise EmulatorError(f"{path} line {line} is not UTF-8; save the file in that encoding") from None
    except OSError as error:
        raise EmulatorError(f"{path} cannot be read: {error.strerror}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise EmulatorError(f"{path}: a mapping is expected at the top")
    return content


def project_name(folder: Path) -> str | None:
    """Return the project's name of a program's folder, None when there is no Pulumi.yaml."""
    path = folder / "Pulumi.yaml"
    if not path.is_file():
        return None
    name = _read_yaml(path).get("name")
    return str(name) if name else None


def read_program(folder: Path, stack: str) -> Program:
    """Read a program's folder for a stack; EmulatorError says what is missing or cannot be used."""
    folder = folder.absolute()
    check_name("stack", stack)
    project_file = folder / "Pulumi.yaml"
    if not project_file.is_file():
        raise EmulatorError(f"{project_file} does not exist: give the program's folder with --program")
    settings = _read_yaml(project_file)
    if not settings.get("name"):
        raise EmulatorError(f"{project_file}: `name` is missing")
    runtime = settings.get("runtime")
    runtime_name = runtime.get("name") if isinstance(runtime, dict) else runtime
    if runtime_name != "python":
        raise EmulatorError(f"{project_file}: runtime {runtime_name!r} is not supported, the emulator runs Python programs")
    main = (folder / str(settings.get("main") or ".")).resolve()
    script = main if main.suffix == ".py" else main / "__main__.py"
    if not script.is_file():
        raise EmulatorError(f"{script} does not exist: a Python program needs it")
    stack_file = folder / f"Pulumi.{stack}.yaml"
    config = _stack_config(folder, stack_file, stack)
    overlay_file = folder / f"Pulumi.{stack}.emulated.yaml"
    overlay = _config_of(overlay_file, str(settings["name"])) if overlay_file.is_file() else {}
    plain, secret = _resolved(_config_of_mapping(config, str(settings["name"]), stack_file), overlay, stack_file, overlay_file)
    return Program(folder, script, str(settings["name"]), settings, stack, plain, secret)


def _stack_config(folder: Path, stack_file: Path, stack: str) -> Any:
    if not stack_file.is_file():
        others = sorted(path.name.split(".")[1] for path in folder.glob("Pulumi.*.yaml") if path.name.count(".") == 2)
        if not others:
            return {}  # a program without any stack file needs no configuration
        raise EmulatorError(f"{stack_file} does not exist: there is no stack {stack!r}; stacks here: {', '.join(others)}")
    return _read_yaml(stack_file).get("config") or {}


def _config_of(path: Path, project: str) -> dict[str, Any]:
    return _config_of_mapping(_read_yaml(path).get("config") or {}, project, path)


def _config_of_mapping(config: Any, project: str, path: Path) -> dict[str, Any]:
    if not isinstance(config, dict):
        raise EmulatorError(f"{path}: `config` must be a mapping of keys to values")
    return {key if ":" in str(key) else f"{project}:{key}": value for key, value in config.items()}


def _resolved(
    config: dict[str, Any], overlay: dict[str, Any], stack_file: Path, overlay_file: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values for the engine's file and those for the program's memory only."""
    plain: dict[str, Any] = {}
    secret: dict[str, Any] = {}
    for key in [*config, *(key for key in overlay if key not in config)]:
        if key.split(":")[0] in PACKAGES:
            # There is no account to talk to; a program that reads its provider's settings finds something.
            credential = key.endswith("oken") or list(_encrypted_at(config.get(key), key))
            plain[key] = PLACEHOLDER if credential else config.get(key)
            continue
        encrypted = list(_encrypted_at(config.get(key), key))
        value = overlay.get(key, config.get(key))
        if encrypted and key not in overlay:
            raise EmulatorError(
                f"{stack_file.name}: {encrypted[0]} is encrypted (`secure:`) and cannot be read here; "
                f"give {key} a value for the emulated stack in {overlay_file.name} (same form, plain text, not committed)"
            )
        if list(_encrypted_at(overlay.get(key), key)):
            raise EmulatorError(f"{overlay_file.name}: {key} is encrypted (`secure:`); give it in plain text")
        (secret if encrypted else plain)[key] = value
    return plain, secret


def _encrypted_at(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            yield path
            return
        for name, item in value.items():
            yield from _encrypted_at(item, f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _encrypted_at(item, f"{path}[{index}]")


def write_workspace(program: Program, folder: StackFolder) -> None:
    """Write the engine's copies of the project's and the stack's file; the stack's salt is kept."""
    settings = {key: program.settings[key] for key in KEPT_KEYS if key in program.settings}
    declared = dict(program.settings.get("config") or {})
    # A declared key whose value is handed over in memory would be reported as missing, or of the wrong type.
    dropped = {*program.secret_config, *(key.removeprefix(f"{program.project}:") for key in program.secret_config)}
    settings["config"] = {
        key: value for key, value in declared.items() if key not in dropped and key.split(":")[0] not in PACKAGES
    }
    write_private(folder.workspace / "Pulumi.yaml", yaml.safe_dump({**settings, "runtime": "python"}, sort_keys=False))
    stack_file = folder.workspace / f"Pulumi.{program.stack}.yaml"
    kept = _read_yaml(stack_file) if stack_file.exists() else {}
    content: dict[str, Any] = {key: kept[key] for key in ("secretsprovider", "encryptedkey", "encryptionsalt") if key in kept}
    write_private(stack_file, yaml.safe_dump({**content, "config": program.config}, sort_keys=False))


def write_bare_workspace(folder: StackFolder) -> None:
    """Write a project's file that says no more than its name, for commands that run no program."""
    write_private(folder.workspace / "Pulumi.yaml", yaml.safe_dump({"name": folder.project, "runtime": "python"}))
