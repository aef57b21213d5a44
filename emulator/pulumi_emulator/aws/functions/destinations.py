"""Where the events of asynchronous invocations end: a function's destinations and its dead-letter queue.

What is sent is sent as the function's role (docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pulumi_emulator.aws import clients
from pulumi_emulator.aws.access import Endpoint
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.functions import telling
from pulumi_emulator.aws.functions.execution import Executor
from pulumi_emulator.aws.functions.runtime import Runtime
from pulumi_emulator.aws.functions.settings import settings_of
from pulumi_emulator.aws.functions.waiting import AGE_EXCEEDED, SUCCESS, Event


class Destinations:
    """Sends records."""

    def __init__(self, account: Account, runtime: Runtime, executor: Executor) -> None:
        self.account = account
        self.runtime = runtime
        self.executor = executor

    def told(self, function: Any, event: Event, answer: str | None, condition: str) -> None:
        """Send what a function's settings want sent of an event that is over."""
        settings = settings_of(function)
        config = function.event_invoke_config[0].config if function.event_invoke_config else {}
        kind = "OnSuccess" if condition == SUCCESS else "OnFailure"
        target = ((config.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
        now = self.account.clock.now()
        endpoint = None
        if target:
            record = telling.failure_record(
                settings.arn, event.request_id, event.payload, answer, condition, event.attempts, now
            )
            endpoint = self.runtime.endpoint(settings)
            if not self._sent(endpoint, target, json.dumps(record), settings.arn, kind):
                self.executor.count(settings.region, settings.name, {"DestinationDeliveryFailures": 1})
        dead = (getattr(function, "dead_letter_config", None) or {}).get("TargetArn")
        if dead and condition != SUCCESS:
            attributes = telling.dead_letter_attributes(event.request_id, None if condition == AGE_EXCEEDED else answer)
            endpoint = endpoint or self.runtime.endpoint(settings)
            if not self._sent(endpoint, dead, event.payload, settings.arn, kind, attributes):
                self.executor.count(settings.region, settings.name, {"DeadLetterErrors": 1})

    def _sent(
        self, endpoint: Endpoint, target: str, body: str, source: str, kind: str, attributes: dict[str, Any] | None = None
    ) -> bool:
        """Send to an ARN; tell whether it was taken."""
        try:
            _send(endpoint, target, body, source, kind, attributes or {})
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            self.account.log(f"a record of {source} did not reach {target}: {code}")
            return False
        return True


def _send(endpoint: Endpoint, target: str, body: str, source: str, kind: str, attributes: dict[str, Any]) -> None:
    _, _, service, region, owner, name, *_ = target.split(":")
    client = clients.client(endpoint, service, region)
    try:
        if service == "sqs":
            url = f"{endpoint.url}/{owner}/{name}"
            client.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
        elif service == "sns":
            client.publish(TopicArn=target, Message=body, MessageAttributes=attributes)
        elif service == "lambda":
            client.invoke(FunctionName=target, InvocationType="Event", Payload=body)
        else:
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {'Success' if kind == 'OnSuccess' else 'Failure'}",
                "Detail": body,
                "Resources": [f"{source}:$LATEST", target],
                "EventBusName": target,
            }
            client.put_events(Entries=[entry])
    finally:
        client.close()
