"""The metrics of SQS's queues, as far as moto knows their numbers.

docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from moto.sqs.models import Queue, sqs_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.cloudwatch.series import MINUTE, Key, Sample, key, one

NAMESPACE: Final = "AWS/SQS"


def measured(now: int) -> list[tuple[str, Key, Sample]]:
    """Return the samples of the minute that ends. A queue that nobody uses for six hours has none on AWS; here it has."""
    return [
        (region, key(NAMESPACE, name, {"QueueName": queue.name}), one(now - MINUTE, value, "Count"))
        for region in list(sqs_backends[ACCOUNT_ID])
        for queue in list(sqs_backends[ACCOUNT_ID][region].queues.values())
        for name, value in _numbers(queue)
    ]


def _numbers(queue: Queue) -> Iterator[tuple[str, int]]:
    yield "ApproximateNumberOfMessagesVisible", queue.approximate_number_of_messages
    yield "ApproximateNumberOfMessagesNotVisible", queue.approximate_number_of_messages_not_visible
    yield "ApproximateNumberOfMessagesDelayed", queue.approximate_number_of_messages_delayed
