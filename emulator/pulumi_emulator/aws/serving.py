"""moto behind a server of this process, with our own services in it."""

from __future__ import annotations

import functools
import importlib
import io
import json
import re
import threading
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.exceptions import BadRequest
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request

from pulumi_emulator.aws import (
    access,
    autoscaling,
    control,
    fis,
    load_balancing,
    managed_policies,
    queues,
    route53,
    security_groups,
    sns,
    sts,
)
from pulumi_emulator.aws.cloudwatch import service as cloudwatch
from pulumi_emulator.aws.cloudwatch.monitor import Monitor
from pulumi_emulator.aws.elasticache import failover, measuring, service
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.nodes import node_command
from pulumi_emulator.aws.paths import CLOCK, HEALTH, ZONES
from pulumi_emulator.aws.plane import Plane, make_plane
from pulumi_emulator.errors import EmulatorError

# What moto says of a call that it has no method for.
ACTION: Final = re.compile(r"The (\w+) action has not been implemented")
# What is installed with the first request to a service, by its name in a signature: programs that use none load nothing of it.
LATE: Final = {"lambda": "functions.service", "events": "event_bus.service"}
# The emulator's own paths, and those of moto's page and its reset, which are no part of AWS.
NOT_AWS: Final = ("/_emulator/", "/moto-api")
FORM: Final = "application/x-www-form-urlencoded"
# Services that speak XML although their requests are no forms (botocore's models, protocol rest-xml).
REST_XML: Final = frozenset({"cloudfront", "route53", "s3", "s3control"})
# How JSON services call what the others call otherwise (Systems Manager API Reference, "Common errors").
IN_JSON: Final = {"ExpiredToken": "ExpiredTokenException"}


class QuietHandler(MotoRequestHandler):
    """Logs no requests: their paths and bodies may hold secrets."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name is werkzeug's
        """Log nothing."""


def make_account(folder: Path, home: Path, log: Callable[[str], None]) -> Account:
    """Return the account of a stack, whose nodes the data plane runs."""
    account: Account

    def plane() -> Plane:
        return make_plane(folder, home, lambda *event: failover.told(account, *event), log)

    account = Account(plane, log, folder)
    account.inside = lambda argv: node_command(folder, argv)
    return account


def make_endpoint(account: Account, address: str, key: access.Key) -> BaseWSGIServer:
    """Return a server, listening on a free port, that answers for this account whoever has the key."""
    service.install(account)
    fis.install(account)
    autoscaling.install(account)
    load_balancing.install()
    managed_policies.install()
    route53.install()
    security_groups.install()
    sns.install(account)
    sts.install(account)
    tags = functools.partial(measuring.tags_of, account)
    monitor = Monitor(account, [measuring.Measuring(account), queues.measured], tags)
    account.publish = monitor.publish
    cloudwatch.install(monitor)
    dispatcher = DomainDispatcherApplication(create_backend_app)
    application = Application(account, dispatcher, key)
    server = make_server(address, 0, application, threaded=True, request_handler=QuietHandler)
    account.endpoint = access.Endpoint(f"http://{address}:{server.server_port}", key)
    return server


def serve_inside(account: Account, server: BaseWSGIServer) -> None:
    """Answer at the same address inside the data plane's namespace too: commands in there have a loopback of their own."""

    def serve(plane: Plane) -> None:
        with plane.listen(server.server_port) as listening:
            inner = make_server(
                server.host,
                server.server_port,
                server.app,
                threaded=True,
                request_handler=QuietHandler,
                fd=listening.fileno(),
            )
        threading.Thread(target=inner.serve_forever, name="inside", daemon=True).start()

    account.on_plane = serve


class Application:
    """What answers a request: the emulator's own few paths, else moto's dispatcher."""

    def __init__(self, account: Account, dispatcher: DomainDispatcherApplication, key: access.Key) -> None:
        self.account = account
        self.dispatcher = dispatcher
        self.key = key
        self._late = dict(LATE)
        self._loading = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if access.of_another_host(environ, int(environ["SERVER_PORT"])):
            return _answer(start_response, 403, {"error": "not asked by its own address"})
        if environ.get("PATH_INFO", "").startswith(NOT_AWS):
            return self._own(environ, start_response)
        body = Request(environ).get_data(cache=False)
        refused = access.refusal(environ, body, self._key_of, datetime.now(UTC), self.account.clock.now())
        if refused is None:
            refused = self._forbidden(environ, body)
        if refused is not None:
            return _fault(environ, start_response, refused.status, refused.code, refused.text)
        environ["wsgi.input"] = io.BytesIO(body)
        return self._ask_moto(environ, start_response)

    def _key_of(self, key_id: str) -> access.Key | None:
        """Return the key of an id: the stack's own, or one that was given out for a role."""
        if key_id == self.key.key_id:
            return self.key
        session = self.account.roles.find(key_id)
        return session.key if session else None

    def _forbidden(self, environ: dict[str, Any], body: bytes) -> access.Refused | None:
        """Return why a role's policies do not allow a call; the stack's own key may do anything."""
        session = self.account.roles.find(access.key_id(environ))
        if session is None:
            return None
        from pulumi_emulator.aws.iam import gate  # noqa: PLC0415 - only what a role asks is judged

        try:
            return gate.refusal(self.account, session, environ, body)
        except Exception as error:  # noqa: BLE001 - what cannot be judged is not answered
            self._log(environ, error)
            return access.Refused("InternalFailure", f"the role's permissions were not judged: {type(error).__name__}", 500)

    def _ask_moto(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a call of AWS's API."""
        self._load(_target(environ)[0])
        try:
            answer: Iterable[bytes] = self.dispatcher(environ, start_response)
        except NotImplementedError as error:
            return _not_implemented(environ, start_response, str(error))
        except Exception as error:  # noqa: BLE001 - what goes wrong in moto; its text may hold what was sent
            self._log(environ, error)
            return _fault(environ, start_response, 500, "InternalFailure", f"moto failed: {type(error).__name__}")
        return answer

    def _log(self, environ: dict[str, Any], error: Exception) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        self.account.log(f"{_target(environ)} failed: {type(error).__name__} in {where.name}, {where.filename}:{where.lineno}")

    def _load(self, service: str) -> None:
        """Install what a service needs with the first request to it."""
        if service in self._late:
            with self._loading:
                module = self._late.get(service)
                if module is not None:
                    importlib.import_module(f"pulumi_emulator.aws.{module}").install(self.account)
                    del self._late[service]

    def _own(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer whoever has the key, and anybody whether it is ready."""
        if environ["PATH_INFO"] == HEALTH:
            return _answer(start_response, 200, {"status": "ready"})
        if not access.may_control(environ, self.key):
            return _answer(start_response, 403, {"error": "without the stack's key"})
        return self._control(environ, start_response)

    def _control(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer what no AWS API has: a look at all groups and at what was sent, the power of zones, the time."""
        request = Request(environ)
        try:
            if request.method == "GET" and request.path in control.LOOKS:
                return _answer(start_response, 200, control.LOOKS[request.path](self.account))
            # A browser sends this type to another origin only after asking, and nobody answers it yes.
            if (request.method, request.path, request.mimetype) == ("POST", ZONES, "application/json"):
                given = request.get_json()
                control.zone_power(self.account, str(given["zone"]), on=bool(given["on"]))
                return _answer(start_response, 200, {})
            if (request.method, request.path, request.mimetype) == ("POST", CLOCK, "application/json"):
                return _answer(start_response, 200, control.advance(self.account, float(request.get_json()["seconds"])))
        except (EmulatorError, KeyError, ValueError, BadRequest) as error:
            return _answer(start_response, 400, {"error": str(error)})
        return _answer(start_response, 404, {"error": "not served"})


def _target(environ: dict[str, Any]) -> tuple[str, str]:
    """Return the service and the operation of a request, as far as they can be seen without its body."""
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split(",")[0].split("/")
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    return scope[3] if len(scope) > 3 else "unknown", target or environ.get("PATH_INFO", "/")


def _not_implemented(environ: dict[str, Any], start_response: Callable[..., Any], words: str) -> Iterable[bytes]:
    service, operation = _target(environ)
    named = ACTION.search(words)
    operation = named[1] if named else operation
    text = f"the emulator has no operation {operation} of {service}"
    return _fault(environ, start_response, 400, "NotImplemented", text)


def _fault(environ: dict[str, Any], start_response: Callable[..., Any], status: int, code: str, text: str) -> Iterable[bytes]:
    """Answer an error in the form that the caller's protocol has: JSON, or XML where requests are forms, and for REST_XML."""
    service, _ = _target(environ)
    asks_by_form = FORM in environ.get("CONTENT_TYPE", "") or "Action=" in environ.get("QUERY_STRING", "")
    if not asks_by_form and service not in REST_XML:
        code = IN_JSON.get(code, code)
        named = [("x-amzn-errortype", code), ("x-amzn-query-error", f"{code};Sender")]
        return _answer(start_response, status, {"__type": code, "message": text}, named)
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
    outer, inner = ("Response", f"<Errors>{error}</Errors>") if service == "ec2" else ("ErrorResponse", error)
    body = f"<{outer}>{inner}<RequestId>emulated</RequestId></{outer}>".encode()
    start_response(f"{status} emulator", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
    return [body]


def _answer(
    start_response: Callable[..., Any], status: int, body: dict[str, Any], headers: list[tuple[str, str]] | None = None
) -> Iterable[bytes]:
    text = json.dumps(body).encode()
    own = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
    start_response(f"{status} emulator", own + (headers or []))
    return [text]
