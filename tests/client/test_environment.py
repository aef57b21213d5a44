"""connect_from_env: the documents from environment variables, as text and as files, and errors that show no secret."""

import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from redis_ha_client import DocumentError, aio, connect, connect_from_env, describe
from tests.client.test_documents import CONNECTION, CREDENTIALS
from tests.client.test_managed_documents import PRIMARY, USER

BOTH = pytest.mark.parametrize("make", [connect_from_env, aio.connect_from_env])
Make = Callable[..., Any]


def given(monkeypatch: pytest.MonkeyPatch, connection: str | None, credentials: str | None, prefix: str = "REDIS_HA") -> None:
    for name, value in (("CONNECTION", connection), ("CREDENTIALS", credentials)):
        monkeypatch.delenv(f"{prefix}_{name}", raising=False)
        if value is not None:
            monkeypatch.setenv(f"{prefix}_{name}", value)


@BOTH
def test_documents_as_text_and_as_files(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(json.dumps(CREDENTIALS) + "\n")
    given(monkeypatch, f"\n {json.dumps(CONNECTION)}\n", str(file))
    made = make(pool_size=7, decode_responses=True)
    assert describe(made) == describe(connect(CONNECTION, CREDENTIALS, pool_size=7, decode_responses=True))


@BOTH
def test_another_stacks_documents_have_another_prefix(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, json.dumps(CONNECTION), json.dumps(CREDENTIALS))
    given(monkeypatch, json.dumps(PRIMARY), json.dumps(USER), "CACHE")
    assert describe(make("CACHE"))["kind"] == "primary"
    assert describe(make())["kind"] == "sentinel"


SECRET = "hunter2-by-mistake"
WRONG: list[tuple[str | None, str | None, str]] = [
    (None, None, "REDIS_HA_CONNECTION and REDIS_HA_CREDENTIALS not set"),
    (json.dumps(CONNECTION), " ", "environment: REDIS_HA_CREDENTIALS not set: give the stack's output"),
    (json.dumps(CONNECTION), SECRET, "REDIS_HA_CREDENTIALS is no JSON object .* can be read \\(No such file"),
    (
        json.dumps(CONNECTION),
        SECRET + "x" * 5000,
        "REDIS_HA_CREDENTIALS is no JSON object .* can be read \\(File name too long",
    ),
    (json.dumps(CONNECTION), '{"password": "' + SECRET, "credentials is text that is no JSON"),
    (json.dumps(CONNECTION), json.dumps(CREDENTIALS | {"password": [SECRET]}), "credentials.password: must be of type"),
    ("/", json.dumps(CREDENTIALS), "REDIS_HA_CONNECTION is no JSON object .* can be read \\(Is a directory"),
]


@BOTH
@pytest.mark.parametrize(("connection", "credentials", "message"), WRONG)
def test_refused_by_name_without_the_value(
    make: Make, monkeypatch: pytest.MonkeyPatch, connection: str | None, credentials: str | None, message: str
) -> None:
    given(monkeypatch, connection, credentials)
    with pytest.raises(DocumentError, match=message) as caught:
        make()
    assert SECRET not in "".join(traceback.format_exception(caught.value))
