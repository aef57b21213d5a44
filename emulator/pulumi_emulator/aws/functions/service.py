"""Lambda on the endpoint: moto's API with what it lacks, and functions that really run.

Loaded with the first request to Lambda: an account without functions has none of it.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import unquote

import moto.awslambda.urls
from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.core.exceptions import JsonRESTError

from pulumi_emulator.aws import resource_policy
from pulumi_emulator.aws.access import Endpoint
from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.functions import model, telling
from pulumi_emulator.aws.functions.destinations import Destinations
from pulumi_emulator.aws.functions.execution import Executor
from pulumi_emulator.aws.functions.runtime import Runtime, Throttled
from pulumi_emulator.aws.functions.settings import RESERVED, Settings
from pulumi_emulator.aws.functions.waiting import Waiting
from pulumi_emulator.aws.undelivered import UndeliveredError

ACTION: Final = "lambda:InvokeFunction"
# Seconds of the account's time that the key of a function's role holds; the longest that a role can give out.
KEY_SECONDS: Final = 12 * 3600


class Functions:
    """The functions of one account as the other services see them."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.runtime = Runtime(account.folder, self._endpoint, account.inside)
        self.executor = Executor(account, self.runtime)
        destinations = Destinations(account, self.runtime, self.executor)
        self.waiting = Waiting(account, self.executor, find, destinations.told)

    def _endpoint(self, settings: Settings) -> Endpoint:
        """Return the account's address with the key of a function's role."""
        return self.account.endpoint_as(settings.role, settings.name, KEY_SECONDS)

    def hand_over(self, arn: str, payload: str, service: str, source: str) -> str:
        """Take an event of a service for a function; UndeliveredError when there is none, or it lets the service not.

        `service` is its principal, as "sns.amazonaws.com"; `source` the ARN that the event comes from.
        """
        function = find(arn)
        if function is None:
            raise UndeliveredError("NO_RESOURCE", f"Function not found: {arn}")
        known = {"aws:sourcearn": source, "aws:sourceaccount": ACCOUNT_ID}
        if not resource_policy.allows(function.policy.statements, service, ACTION, known):
            raise UndeliveredError("NO_PERMISSIONS", f"{service} is not authorized to perform: {ACTION} on {arn}")
        request_id = str(uuid.uuid4())
        self.waiting.put(str(function.function_arn), payload, request_id)
        return request_id


def find(arn: str) -> Any:
    """Return moto's function of an ARN or a name with its Region's backend; None when there is none."""
    parts = arn.split(":")
    if len(parts) < 7:
        return None
    try:
        return lambda_backends[ACCOUNT_ID][parts[3]].get_function(parts[6], None)
    except JsonRESTError:
        return None


class Lambda(LambdaResponse):
    """Lambda's API."""

    functions: ClassVar[Functions]
    # Of an invocation: the function's context has the same.
    request_id: str | None = None

    def _enrich_response(self, headers: Any, body: Any) -> tuple[dict[str, str], Any]:  # type: ignore[override] # static there
        enriched, body = super()._enrich_response(headers, body)
        return (enriched if self.request_id is None else {**enriched, "x-amzn-requestid": self.request_id}), body

    def create_function(self) -> Any:
        """Make a function that this emulator can run."""
        body = self.json_body
        runtime = str(body.get("Runtime") or "")
        if body.get("PackageType", "Zip") != "Zip" or not runtime.startswith("python"):
            text = f"the emulator runs Python functions of zip archives only; Runtime {runtime!r} was asked for"
            raise InvalidParameterValueException(text)
        _check_variables(body)
        return super().create_function()

    def update_function_configuration(self) -> Any:
        """Change a function."""
        _check_variables(self.json_body)
        return super().update_function_configuration()

    def delete_function(self) -> Any:
        """Delete a function, and end its processes."""
        function = self.backend.get_function(unquote(self.path.rsplit("/", 1)[-1]), None)
        answer = super().delete_function()
        self.functions.runtime.forget(str(function.function_arn))
        return answer

    def update_function_event_invoke_config(self) -> Any:
        """Change only what is given (moto puts all anew)."""
        name = unquote(self.path.rsplit("/", 2)[1])
        known = self.backend.get_function_event_invoke_config(name)
        merged = {key: value for key, value in known.items() if key not in ("FunctionArn", "LastModified")} | self.json_body
        return json.dumps(self.backend.put_function_event_invoke_config(name, merged))

    def invoke(self) -> Any:
        """Run a function, or take an event for it."""
        function = self.backend.get_function(unquote(self.path.rsplit("/", 2)[-2]), self._get_param("Qualifier"))
        kind = str(self.headers.get("X-Amz-Invocation-Type") or "RequestResponse")
        payload = self.body.decode() if isinstance(self.body, bytes) else str(self.body or "")
        payload = payload or "{}"
        try:
            json.loads(payload)
        except ValueError as error:
            raise JsonRESTError("InvalidRequestContentException", f"Could not parse request body into json: {error}") from None
        self.request_id = request_id = str(uuid.uuid4())
        headers = {"content-type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
        if kind == "DryRun":
            return 204, {**headers, "status": 204}, ""
        if kind == "Event":
            self.functions.waiting.put(str(function.function_arn), payload, request_id)
            return 202, {**headers, "status": 202}, ""
        try:
            outcome = self.functions.executor.run(function, payload, request_id)
        except Throttled:
            body = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}
            return 429, {**headers, "status": 429, "x-amzn-errortype": "TooManyRequestsException"}, json.dumps(body)
        if outcome.failed:
            headers["x-amz-function-error"] = "Unhandled"
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["x-amz-log-result"] = base64.b64encode(telling.tail(outcome.log)).decode()
        return 200, headers, outcome.payload


def _check_variables(body: Mapping[str, Any]) -> None:
    given = (body.get("Environment") or {}).get("Variables") or {}
    reserved = sorted(RESERVED & given.keys())
    if reserved:
        text = (
            "Lambda was unable to configure your environment variables because the environment variables you have provided"
            " contains reserved keys that are currently not supported for modification. Reserved keys used in this request:"
        )
        raise InvalidParameterValueException(f"{text} {', '.join(reserved)}")


def install(account: Account) -> None:
    """Put this in the place of moto's; before the first request to Lambda."""
    model.install()
    Lambda.functions = account.functions = Functions(account)
    moto.awslambda.urls.url_paths.update(dict.fromkeys(moto.awslambda.urls.url_paths, Lambda.dispatch))
