"""Connections: what a request is authorized with, and that no secret of it is shown again. Plain data, and moto's mended.

botocore ConnectionAuthResponseParameters: the value of an API key, a password, a client's secret and secret parameters are not
in an answer.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from moto.core.utils import unix_time
from moto.events.models import Connection, EventsBackend
from moto.secretsmanager.models import secretsmanager_backends
from moto.utilities.utils import CamelToUnderscoresWalker

HIDDEN: Final = frozenset({"ApiKeyValue", "Password", "ClientSecret"})
_describe = Connection.describe
_update = EventsBackend.update_connection


def without_secrets(parameters: Any) -> Any:
    """Return authorization parameters as the API shows them."""
    if isinstance(parameters, list):
        return [without_secrets(item) for item in parameters]
    if not isinstance(parameters, Mapping):
        return parameters
    hidden = HIDDEN | ({"Value"} if parameters.get("IsValueSecret") else frozenset())
    return {name: without_secrets(value) for name, value in parameters.items() if name not in hidden}


def headers_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that authorize a request."""
    key, basic = parameters.get("ApiKeyAuthParameters"), parameters.get("BasicAuthParameters")
    if key:
        return {str(key["ApiKeyName"]): str(key["ApiKeyValue"])}
    if basic:
        both = f"{basic['Username']}:{basic['Password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(both).decode()}"}
    return {}


def describe(connection: Connection) -> dict[str, Any]:
    """Return a connection as the API shows it."""
    return {**_describe(connection), "AuthParameters": without_secrets(connection.auth_parameters)}


def update(backend: EventsBackend, name: str, **given: Any) -> dict[str, Any]:
    """Change a connection, with the secret that the account has of it."""
    answer = _update(backend, name, **given)
    connection = backend.connections[name]
    if given.get("auth_parameters"):
        value: dict[str, Any] = {}
        for key, part in connection.auth_parameters.items():
            value |= {key: part} if key == "InvocationHttpParameters" else part
        secrets = secretsmanager_backends[backend.account_id][backend.region_name]
        secret = secrets.secrets[connection.secret_arn]
        current = secret.versions[str(secret.default_version_id)]
        current["secret_string"] = json.dumps(CamelToUnderscoresWalker.parse(value))
    return {**answer, "LastModifiedTime": unix_time()}


def install() -> None:
    """Let connections be so."""
    Connection.describe = describe  # type: ignore[assignment,method-assign]
    EventsBackend.update_connection = update  # type: ignore[method-assign,assignment]
