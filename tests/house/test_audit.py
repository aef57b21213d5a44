"""`make audit`: which packages are asked about, and what comes of the answers of an OSV service."""

import json
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tools import audit

FAULT = {"id": "PYSEC-2099-1", "modified": "2099-01-01T00:00:00Z", "summary": "a fault", "affected": []}


class Service(BaseHTTPRequestHandler):
    """An OSV service (https://google.github.io/osv.dev/api) that knows one fault, in version 1.0 of `faulty`."""

    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        self.asked.extend(queries)
        known = {"package": {"name": "faulty", "ecosystem": "PyPI"}, "version": "1.0"}
        self._answer({"results": [{"vulns": [FAULT]} if query == known else {} for query in queries]})

    def do_GET(self) -> None:
        self._answer(FAULT)

    def _answer(self, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    asked: list[dict[str, Any]] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Serving", (Service,), {"asked": asked})) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/", asked
        server.shutdown()


def wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel with nothing but its metadata."""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        info = f"{name}-{version}.dist-info"
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages in the place of an index."""
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    return tmp_path


@pytest.mark.parametrize(("version", "code"), [("1.0", 1), ("1.1", 0)])
def test_a_known_fault_of_a_pinned_version_fails(
    version: str, code: int, service: tuple[str, list[dict[str, Any]]], index: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url, asked = service
    for name in ("faulty", "sound"):
        wheel(index, name, version)
    lock = index / "lock.txt"
    lock.write_text(f"faulty=={version} ; python_version < '4' \\\n    --hash=sha256:00\n    # via x\nsound=={version}\n")
    assert audit.audit([lock], ["--service-url", url]) == code
    assert [(query["package"]["name"], query["version"]) for query in asked] == [("faulty", version), ("sound", version)]
    assert ("PYSEC-2099-1" in "".join(capfd.readouterr())) == bool(code)


@pytest.mark.parametrize("there", [False, True])
def test_what_could_not_be_asked_is_not_taken_as_sound(there: bool, index: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if there:
        wheel(index, "faulty", "1.0")
    lock = index / "lock.txt"
    lock.write_text("faulty==1.0\n")
    assert audit.audit([lock], ["--service-url", "http://127.0.0.1:9/"]) == audit.NOT_ASKED
    why = "the OSV service is out of reach" if there else "the index does not have them all"
    assert f"error: the pinned packages were not audited: {why}" in capfd.readouterr().err


def test_every_pinned_package_is_asked_about() -> None:
    for lock in audit.LOCKS:
        found = audit.pins(lock.read_text())
        assert all(re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.]+( ; .*)?$", pin) for pin in found)
        assert len(found) == len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))


def test_pulumi_still_keeps_protobuf_below_7() -> None:
    """requirements.in says so; when this fails, `make lock` takes a newer one."""
    assert any(re.match(r"protobuf\b.*<7\b", text) for text in metadata.requires("pulumi") or [])
