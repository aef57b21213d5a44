"""moto's functions with what it does not keep, change or refuse."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from moto.awslambda.models import EventInvokeConfig, LambdaBackend, LambdaFunction
from moto.core.exceptions import JsonRESTError

# What moto neither keeps nor changes of a function, with AWS's defaults.
KEPT: Final[Mapping[str, Any]] = {
    "DeadLetterConfig": None,
    "LoggingConfig": None,
    "TracingConfig": {"Mode": "PassThrough"},
    "KMSKeyArn": None,
    "EphemeralStorage": {"Size": 512},
}

_make = LambdaFunction.__init__
_configuration = LambdaFunction.get_configuration
_update = LambdaFunction.update_configuration
_code = LambdaFunction.get_code
_add_permission = LambdaBackend.add_permission


def make(function: LambdaFunction, *args: Any, **given: Any) -> None:
    """Make a function that keeps what moto does not."""
    _make(function, *args, **given)
    spec = given.get("spec") or args[1]
    function.kept = {name: spec.get(name) or default for name, default in KEPT.items()}  # type: ignore[attr-defined]
    _spread(function)


def _spread(function: Any) -> None:
    function.dead_letter_config = function.kept["DeadLetterConfig"]
    function.logging_config = function.kept["LoggingConfig"]


def configuration(function: Any, *args: Any, **given: Any) -> dict[str, Any]:
    """Return a function's configuration with what moto leaves out."""
    found = _configuration(function, *args, **given)
    default = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.function_name}"}
    kept = {**function.kept, "LoggingConfig": {**default, **(function.logging_config or {})}}
    return {**found, **{name: value for name, value in kept.items() if value}}


def update(function: Any, updates: dict[str, Any]) -> dict[str, Any]:
    """Change a function, also what moto does not change."""
    _update(function, updates)
    function.kept |= {name: updates[name] for name in KEPT if name in updates}
    _spread(function)
    return configuration(function)


def code(function: Any) -> dict[str, Any]:
    """Return what GetFunction answers; a reserved concurrency of 0 is one too."""
    found = _code(function)
    if function.reserved_concurrency is not None:
        found["Concurrency"] = {"ReservedConcurrentExecutions": int(function.reserved_concurrency)}
    return found


def add_permission(backend: LambdaBackend, function_name: str, qualifier: str, raw: str) -> dict[str, Any]:
    """Add a statement; its id only once (botocore AddPermission: ResourceConflictException)."""
    sid = json.loads(raw).get("StatementId")
    function = backend.get_function(function_name, qualifier)
    if any(statement.get("Sid") == sid for statement in function.policy.statements):
        text = f"The statement id ({sid}) provided already exists."
        text += " Please provide a new statement id, or remove the existing one."
        raise JsonRESTError("ResourceConflictException", text)
    return _add_permission(backend, function_name, qualifier, raw)


def put_event_invoke_config(backend: LambdaBackend, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Replace what a function's asynchronous invocations are like; moto keeps the first for ever."""
    function = backend.get_function(function_name)
    made = EventInvokeConfig(f"{function.function_arn}:$LATEST", time.time(), config)  # type: ignore[arg-type]
    function.event_invoke_config = [made]
    return made.response()


def install() -> None:
    """Let functions be so."""
    LambdaFunction.__init__ = make  # type: ignore[assignment,method-assign]
    LambdaFunction.get_configuration = configuration  # type: ignore[assignment,method-assign]
    LambdaFunction.update_configuration = update  # type: ignore[assignment,method-assign]
    LambdaFunction.get_code = code  # type: ignore[assignment,method-assign]
    LambdaBackend.add_permission = add_permission  # type: ignore[assignment,method-assign]
    LambdaBackend.put_function_event_invoke_config = put_event_invoke_config  # type: ignore[assignment,method-assign]
