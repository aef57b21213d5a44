"""Running a program's `__main__.py` in this process, fresh each time, and saying in one line what it objected to."""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
import traceback
from collections.abc import Iterator
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path

import pulumi
import pulumi.runtime
from pulumi.runtime.config import CONFIG, is_config_secret, set_all_config

from pulumi_emulator.project import Program

# What a program raises on purpose: its message is for the user, a place in the source would only distract.
EXPECTED_ERRORS = (
    pulumi.ConfigMissingError,
    pulumi.ConfigTypeError,
    pulumi.InputPropertiesError,
    pulumi.InputPropertyError,
    pulumi.RunError,
)


class InlineProgram:
    """The function that the Automation API runs in place of a language host."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # What the last run ended with, None when it ran through.
        self.error: str | None = None

    def __call__(self) -> None:
        """Run the program once; a failure is kept in `error` and raised as Pulumi's RunError."""
        self.error = None
        # The SDK calls the engine, and waits for it, for each of them: four or five times a resource. `pulumi --debug` shows
        # them; no command here does.
        pulumi.log.debug = unheard
        self._add_secret_config()
        with _as_main_program(self.program.main):
            try:
                runpy.run_path(str(self.program.main), run_name="__main__")
            except SystemExit as stop:
                if stop.code not in (None, 0):
                    self.error = stop.code if isinstance(stop.code, str) else f"the program ended with status {stop.code}"
            except Exception as error:  # noqa: BLE001 - whatever a program raises
                self.error = describe(error, self.program.main.parent)
        if self.error is not None:
            raise pulumi.RunError(self.error)

    def _add_secret_config(self) -> None:
        """Give the program the values that stand in for encrypted ones, as secrets and in its memory only."""
        given = self.program.secret_config
        if not given:
            return
        values = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
        known = dict(CONFIG.get())
        set_all_config({**known, **values}, [key for key in known if is_config_secret(key)] + list(values))


def unheard(*_: object, **__: object) -> None:
    """Take a message for those who debug the SDK, and say nothing."""


def describe(error: Exception, folder: Path) -> str:
    """Return a program's error: one line a problem.

    An error of Pulumi's for this purpose, or of a class that the program itself defines, is a word to the user; any other one
    is a defect in the program, and named with the place that it came from.
    """
    if isinstance(error, pulumi.InputPropertyError):
        return f"{error.property_path}: {error.reason}"
    if isinstance(error, pulumi.InputPropertiesError):
        details = "; ".join(f"{item['property_path']}: {item['reason']}" for item in error.errors or [])
        return f"{error.message}: {details}" if error.message and details else details or error.message
    message = str(error).strip()
    own_class = type(error).__module__ == "__main__" or _lies_in(type(error).__module__.partition(".")[0], folder)
    if message and (own_class or isinstance(error, EXPECTED_ERRORS)):
        return message
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(folder)]
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    place = f" ({Path(own[-1].filename).relative_to(folder)} line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {' '.join(message.split())}{place}"


@contextlib.contextmanager
def _as_main_program(script: Path) -> Iterator[None]:
    """Make this process look as `python __main__.py` would have it, and forget the program's own modules afterwards."""
    folder = script.parent
    old_argv, old_path, old_modules = sys.argv, list(sys.path), set(sys.modules)
    old_folder = Path.cwd()
    sys.argv = [str(script)]
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    try:
        with _unwritten(folder):
            yield
    finally:
        os.chdir(old_folder)
        sys.argv, sys.path = old_argv, old_path
        for name in set(sys.modules) - old_modules:
            if _lies_in(name.partition(".")[0], folder):
                del sys.modules[name]


class _Unwritten(SourceFileLoader):
    """Imports a module and keeps nothing of what it compiled."""

    def set_data(self, *_: object, **__: object) -> None:
        """Write nothing."""


@contextlib.contextmanager
def _unwritten(folder: Path) -> Iterator[None]:
    """Write nothing into the program's folder, not even what Python compiled of its modules.

    What is installed is compiled once and kept, though its environment or its own folder may lie below the program's.
    """
    own = {folder}

    def finder(path: str) -> FileFinder:
        place = Path(path)
        if place != folder and (place.parent not in own or path in sys.path):
            raise ImportError(f"{path} is no package of the program's")
        own.add(place)
        loaders = (
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (_Unwritten, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )
        return FileFinder(path, *loaders)

    sys.path_hooks.insert(0, finder)
    _forget_finders(folder)
    try:
        yield
    finally:
        sys.path_hooks.remove(finder)
        _forget_finders(folder)


def _forget_finders(folder: Path) -> None:
    """Let Python look anew who finds modules below a folder."""
    for path in list(sys.path_importer_cache):
        if Path(path).is_relative_to(folder):
            del sys.path_importer_cache[path]


def _lies_in(top_level: str, folder: Path) -> bool:
    """Tell whether a top-level module is one of the program's own: found because its folder is first in the path."""
    module = sys.modules.get(top_level)
    origin = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
    if origin is None:
        return False
    path = Path(origin)
    return folder in (path.parent, path.parent.parent) or path == folder / top_level
