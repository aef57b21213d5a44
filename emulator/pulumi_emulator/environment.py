"""The environment of an emulated command: what it may see of the caller's, so that no cloud can be reached by mistake."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from pulumi_emulator.stacks import StackFolder

# Everything else is dropped: credentials and endpoints of clouds, other settings and tokens of Pulumi's, proxies.
ALLOWED: Final = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TERM",
        "COLORTERM",
        "COLUMNS",
        "LINES",
        "NO_COLOR",
        "FORCE_COLOR",
        "TMPDIR",
        "VIRTUAL_ENV",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
        "PULUMI_EMULATOR_DISK_GB",
        "PULUMI_EMULATOR_HOME",
        "PULUMI_ERROR_OUTPUT_STRING",
        # The engine's own: the state is written at the end of a command only, not after each resource (pulumi/pulumi#10668).
        "PULUMI_SKIP_CHECKPOINTS",
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONUTF8",
        "PYTHONHASHSEED",
        "PYTHONWARNINGS",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONPYCACHEPREFIX",
    }
)
ALLOWED_PREFIXES: Final = ("LC_", "COVERAGE_")
# Stands in for every credential of an emulated provider.
PLACEHOLDER: Final = "emulated"
# A library that looks for credentials in its usual places finds none.
BLINDFOLD: Final = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
    # Programs that insist on a token find one, which no real account has.
    "DIGITALOCEAN_TOKEN": PLACEHOLDER,
}


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what an emulated command keeps of an environment."""
    kept = {name: value for name, value in environment.items() if name in ALLOWED or name.startswith(ALLOWED_PREFIXES)}
    return {"PATH": os.defpath, **kept, **BLINDFOLD}


# Marks the engine processes of a command that holds the stack's lock: what is left of them is found by it.
COMMAND_MARKER: Final = "PULUMI_EMULATOR_HELD_STACK"


def engine_environment(folder: StackFolder, debug_providers: str, *, holds_lock: bool) -> dict[str, str]:
    """Return the complete environment of an engine process of this stack."""
    marker = {COMMAND_MARKER: str(folder.path)} if holds_lock else {}
    return {
        **marker,
        **scrubbed(os.environ),
        "PULUMI_HOME": str(folder.pulumi_home),
        # Without it a checksum and a second file are written with every state (gocloud.dev/blob/fileblob, MetadataDontWrite).
        "PULUMI_BACKEND_URL": f"file://{folder.backend}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": folder.passphrase(),
        "PULUMI_DEBUG_PROVIDERS": debug_providers,
        "PULUMI_AUTOMATION_API": "true",
        # A command lives for seconds. Go's default collects its garbage from 4 MB on, a tenth of the engine's CPU time.
        "GOGC": "400",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
    }


def scrub_this_process() -> None:
    """Take everything that is not allowed out of this process's own environment: the program runs in it."""
    kept = scrubbed(os.environ)
    os.environ.clear()
    os.environ.update(kept)
