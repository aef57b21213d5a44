"""Programs in the emulator's own process: what they say reaches the engine, except what is for those who debug the SDK."""

import py_compile
import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_file_location
from pathlib import Path

import pulumi
import pytest

from pulumi_emulator.inline import InlineProgram
from pulumi_emulator.project import Program

SAYS = """
import pulumi
pulumi.log.debug("registering")
pulumi.log.info("made")
pulumi.log.warn("mind")
"""


def test_no_call_to_the_engine_is_made_for_what_no_command_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main = tmp_path / "__main__.py"
    main.write_text(SAYS)
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)  # put back afterwards
    monkeypatch.setattr(pulumi.log, "get_engine", lambda: "the engine")
    monkeypatch.setattr(pulumi.log, "_log", lambda _engine, _severity, message, *_: said.append(message))
    InlineProgram(Program(tmp_path, main, "shop", {}, "dev", {}))()
    assert said == ["made", "mind"]


def test_what_is_compiled_of_the_program_is_not_kept_and_of_what_is_installed_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree of a program stays as it is; without the other half every preview compiled the providers' SDKs anew."""
    program = tmp_path / "program"
    environment = program / "venv" / "site-packages"  # which lies below the program as often as not
    beside = program / "lib"  # a package of its own, on the path
    mapped = program / "src" / "by_finder"  # an editable one, which a finder of setuptools' maps to its folder
    files = {
        program / "settings.py": "",
        program / "blocks" / "__init__.py": "from .inside import network",
        program / "blocks" / "inside" / "__init__.py": "",
        program / "blocks" / "inside" / "network.py": "",
        environment / "sdk" / "__init__.py": "from . import parts",
        environment / "sdk" / "parts.py": "",
        beside / "shared.py": "",
        mapped / "__init__.py": "from . import inner",
        mapped / "inner.py": "",
        program / "__main__.py": "import blocks, by_finder, compiled, sdk, settings, shared",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")

    source = tmp_path / "source.py"
    source.touch()
    py_compile.compile(str(source), cfile=str(program / "compiled.pyc"))  # a module without its source

    class Mapping:
        """Finds one package, as setuptools' editable installs do."""

        @staticmethod
        def find_spec(name: str, *_: object) -> ModuleSpec | None:
            places = [str(mapped)]
            init = mapped / "__init__.py"
            return spec_from_file_location(name, init, submodule_search_locations=places) if name == "by_finder" else None

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "path", [*sys.path, str(environment), str(beside)])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Mapping])
    monkeypatch.setattr(pulumi.log, "debug", pulumi.log.debug)
    hooks = list(sys.path_hooks)
    assert PathFinder.find_spec("nothing", [str(program)]) is None  # now Python has a finder for this folder
    InlineProgram(Program(program, program / "__main__.py", "shop", {}, "dev", {}))()
    kept = {str(path.parent.parent.relative_to(program) / path.name.split(".")[0]) for path in program.rglob("__pycache__/*")}
    sdk = {f"venv/site-packages/sdk/{module}" for module in ("__init__", "parts")}
    assert kept == {*sdk, "lib/shared", "src/by_finder/__init__", "src/by_finder/inner"}
    assert sys.path_hooks == hooks
