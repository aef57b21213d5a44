"""What a request asks for: the service, the operation and its input, read by the service's model as moto reads it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import UnknownServiceError
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS, RequestDict, RequestParserError
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

# botocore's service where it is not called as in the signature (its models' signingName).
SERVICES: Final = {"monitoring": "cloudwatch", "email": "ses", "elasticloadbalancing": "elbv2", "states": "stepfunctions"}
# Two APIs share this name in signatures; the request's version tells them apart (botocore, elb and elbv2).
CLASSIC_BALANCERS: Final = "2012-06-01"
# The prefix of IAM's actions where it is not the name in signatures (the Service Authorization Reference).
PREFIXES: Final = {"monitoring": "cloudwatch", "email": "ses"}


class UnreadableError(Exception):
    """A request whose operation cannot be told."""


@dataclass(frozen=True)
class Asked:
    """A request: `prefix` is the service's in IAM's actions, `given` the operation's input by the model's names."""

    service: str
    prefix: str
    operation: str
    region: str
    given: Mapping[str, Any]


def read(environ: Mapping[str, Any], body: bytes, signed_for: str, region: str) -> Asked:
    """Return what a request asks for; `signed_for` and `region` are those of its signature. UnreadableError when nothing."""
    request = Request({**environ, "wsgi.input": io.BytesIO(body)})
    model = _model(signed_for, request)
    prefix = PREFIXES.get(signed_for, signed_for)
    operation, places = _operation(model, request)
    if operation is None:
        raise UnreadableError(f"no operation of {model.service_name} is asked for at {request.method} {request.path}")
    try:
        protocol = determine_request_protocol(model, request.content_type)
    except NotImplementedError as error:
        raise UnreadableError(str(error)) from None
    sent: RequestDict = {
        "method": request.method,
        "values": request.values,
        "headers": request.headers,
        "body": body,
        "url_path": request.path,
        "url_params": places,
    }
    try:
        given = PROTOCOL_PARSERS[protocol](operation).parse(sent)
    except (RequestParserError, ValueError, TypeError, AttributeError) as error:  # no client of the model sends such
        raise UnreadableError(f"the input of {operation.name} cannot be read: {type(error).__name__}") from None
    return Asked(model.service_name, prefix, operation.name, region, given or {})


def _model(signed_for: str, request: Request) -> ServiceModel:
    classic = signed_for == "elasticloadbalancing" and request.values.get("Version") == CLASSIC_BALANCERS
    name = "elb" if classic else SERVICES.get(signed_for, signed_for)
    try:
        return get_service_model(name)
    except UnknownServiceError:
        raise UnreadableError(f"no service is called {name}") from None


def _operation(model: ServiceModel, request: Request) -> tuple[OperationModel | None, dict[str, Any]]:
    """Return the operation and what the path names, in the order in which moto looks for it (BaseResponse._get_action)."""
    named = request.values.get("Action") or request.headers.get("X-Amz-Target", "").rpartition(".")[2]
    if named:
        return (model.operation_model(named) if named in model.operation_names else None), {}
    try:
        operation, places = get_service_router(model.service_name).match(request)
    except (NotFound, NotImplementedError):
        return None, {}
    return operation, places
