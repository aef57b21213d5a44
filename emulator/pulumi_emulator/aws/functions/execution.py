"""One run of a function: its process is asked, its log written, its metrics counted."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.logs.models import logs_backends

from pulumi_emulator.aws.clients import ACCOUNT_ID
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.functions import telling
from pulumi_emulator.aws.functions.runtime import Runtime, Throttled, Warm
from pulumi_emulator.aws.functions.sandbox import Reply
from pulumi_emulator.aws.functions.settings import Settings, settings_of


@dataclass(frozen=True)
class Outcome:
    """What a run answers: a JSON text, whether it is an error's, and the run's log."""

    payload: str
    failed: bool
    log: str


class Executor:
    """Runs the functions of one account."""

    def __init__(self, account: Account, runtime: Runtime) -> None:
        self.account = account
        self.runtime = runtime

    def run(self, function: Any, payload: str, request_id: str) -> Outcome:
        """Run moto's function once; Throttled when its concurrency is used up."""
        settings = settings_of(function)
        reserved = function.reserved_concurrency
        try:
            with self.runtime.slot(settings.arn, None if reserved is None else int(reserved)), self.account.clock.at_work():
                return self._run(settings, function.code_bytes, payload, request_id)
        except Throttled:
            self.count(settings.region, settings.name, {"Throttles": 1})
            raise

    def count(self, region: str, name: str, values: Mapping[str, float]) -> None:
        """Publish metrics of a function."""
        metrics = telling.own_metrics(name, values, self.account.clock.now())
        self.account.publish(region, telling.NAMESPACE, metrics)

    def _run(self, settings: Settings, code: bytes, payload: str, request_id: str) -> Outcome:
        ahead = self.account.clock.ahead().total_seconds()
        warm = self.runtime.take(settings, code, ahead, self.account.clock.now())
        before = time.monotonic()
        reply = self._ask(warm, payload, request_id, ahead)
        milliseconds = (time.monotonic() - before) * 1000
        loading = b"" if warm.asked else warm.started.output
        output = loading if reply is warm.started else loading + reply.output
        warm.asked += 1
        if reply.answer is None:
            answer = (
                telling.timeout_answer(request_id, settings.timeout)
                if reply.timed_out
                else telling.exit_answer(request_id, reply.exit_status)
            )
            outcome, failed = json.dumps(answer), True
        else:
            outcome, failed = str(reply.answer["payload"]), bool(reply.answer["failed"])
        printed = output.decode(errors="replace").splitlines()
        if reply.timed_out:
            printed.append(f"{request_id} Task timed out after {settings.timeout:.2f} seconds")
        log = self._write(warm, request_id, printed, milliseconds, timed_out=reply.timed_out)
        self._publish(settings, printed, milliseconds, failed=failed)
        # Kept only when it can be asked again: not after a time-out, its own end, or a handler that could not be loaded.
        if reply.answer is None or reply is warm.started:
            self.runtime.drop(warm)
        else:
            self.runtime.give_back(warm)
        return Outcome(outcome, failed, log)

    @staticmethod
    def _ask(warm: Warm, payload: str, request_id: str, ahead: float) -> Reply:
        started = warm.started.answer
        if started is None or started["failed"]:
            return warm.started
        request = {
            "request_id": request_id,
            "payload": payload,
            "function_arn": warm.settings.arn,
            "seconds": warm.settings.timeout,
            "ahead": ahead,
        }
        return warm.sandbox.ask(request, warm.settings.timeout)

    def _write(self, warm: Warm, request_id: str, printed: list[str], milliseconds: float, *, timed_out: bool) -> str:
        """Write the log of a run; return it."""
        settings, now = warm.settings, self.account.clock.now()
        first = [telling.start_line(request_id)]
        last = telling.end_lines(request_id, milliseconds, settings.memory, timed_out=timed_out)
        if settings.log_format == "JSON":
            first, last = (telling.json_lines(lines, request_id, now) for lines in (first, last))
        lines = [*first, *printed, *last]
        backend = logs_backends[ACCOUNT_ID][settings.region]
        backend.ensure_log_group(settings.group)
        group = backend.groups[settings.group]
        if warm.stream not in group.streams:
            group.create_log_stream(warm.stream)
        # Not through moto's backend: it refuses what is two hours ahead of the computer's time.
        stamp = int(now.timestamp() * 1000)
        group.put_log_events(warm.stream, [{"timestamp": stamp, "message": line} for line in lines])
        return "\n".join(lines) + "\n"

    def _publish(self, settings: Settings, printed: list[str], milliseconds: float, *, failed: bool) -> None:
        self.count(settings.region, settings.name, {"Invocations": 1, "Errors": int(failed), "Duration": milliseconds})
        for line in printed:
            for namespace, data in telling.embedded_metrics(line):
                self.account.publish(settings.region, namespace, data)
