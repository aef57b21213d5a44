"""The runtime of a function's process: loads the handler, then runs it once an invocation, as Lambda's own runtime does.

It stands alone: the process sees the standard library, the function's code and what Lambda's runtime brings along, nothing of
the emulator. `python bootstrap.py FOLDER REQUESTS ANSWERS`: the function's folder, and two descriptors that carry JSON lines.
What it does is that of aws/aws-lambda-python-runtime-interface-client (bootstrap.py), in short.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import json
import logging
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """What a handler gets beside the event (docs.aws.amazon.com/lambda/latest/dg/python-context.html)."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id: str = request["request_id"]
        self.invoked_function_arn: str = request["function_arn"]
        self.client_context = None
        self.identity = None
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        # By a clock that nobody moves.
        self._end = time.monotonic() + request["seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before Lambda ends the invocation."""
        return max(0, int((self._end - time.monotonic()) * 1000))

    @staticmethod
    def log(message: object) -> None:
        """Write a line."""
        sys.stdout.write(str(message))


class Lines(logging.Formatter):
    """Log records as Lambda's runtime writes them."""

    converter = staticmethod(time.gmtime)
    request_id = ""

    def __init__(self) -> None:
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        record.aws_request_id = self.request_id
        if os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON":
            return super().format(record)
        stamp = dt.datetime.fromtimestamp(record.created, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line: dict[str, Any] = {
            "timestamp": stamp,
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            kind, error, trace = record.exc_info
            line["errorType"] = kind.__name__ if kind else ""
            line["errorMessage"] = str(error)
            line["stackTrace"] = traceback.format_tb(trace)
        return json.dumps({**line, "requestId": self.request_id})


class Clock:
    """The account's time in this process, when it is not the computer's."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._travel: Any = None
        self._traveller: Any = None

    def set(self, ahead: float) -> None:
        """Let the process see a time that is so many seconds ahead; what measures a duration is not touched."""
        if self._travel is None and not ahead:
            return
        if self._travel is None:
            sys.path.insert(0, self._folder)
            try:
                import time_machine  # noqa: PLC0415 - most processes never need it
            finally:
                sys.path.remove(self._folder)
            self._travel = time_machine.travel(0, tick=True)
            self._real = time_machine.escape_hatch.time.time
            self._traveller = self._travel.start()
        self._traveller.move_to(self._real() + ahead, tick=True)


def failure(error: BaseException, request_id: str) -> dict[str, Any]:
    """Return what a caller is told of an error, without the lines of this file."""
    trace = [line for line in traceback.format_tb(error.__traceback__) if __file__ not in line]
    return {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id, "stackTrace": trace}


def load(name: str) -> Any:
    """Return the handler; a dictionary with Lambda's words when there is none."""
    module_name, _, function_name = name.rpartition(".")
    about = {"requestId": "", "stackTrace": []}
    if not module_name:
        text = f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)"
        return {"errorMessage": text, "errorType": "Runtime.MalformedHandlerName", **about}
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        return {"errorMessage": text, "errorType": "Runtime.ImportModuleError", **about}
    except SyntaxError as error:
        text = f"Syntax error in module '{module_name}': {error}"
        return {"errorMessage": text, "errorType": "Runtime.UserCodeSyntaxError", **about}
    except Exception as error:  # noqa: BLE001 - whatever the function's own code raises
        return failure(error, "")
    found = getattr(module, function_name, None)
    if found is None:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        return {"errorMessage": text, "errorType": "Runtime.HandlerNotFound", **about}
    return found


def run(handler: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Run the handler; return the answer as text, and whether it is an error's."""
    request_id = request["request_id"]
    try:
        event = json.loads(request["payload"])
        result = handler(event, Context(request))
    except Exception as error:  # noqa: BLE001 - whatever the function's own code raises
        told = failure(error, request_id)
        print(f"[ERROR] {told['errorType']}: {told['errorMessage']}\nTraceback (most recent call last):")
        print("".join(told["stackTrace"]), end="")
        return {"failed": True, "payload": json.dumps(told)}
    try:
        return {"failed": False, "payload": json.dumps(result, ensure_ascii=False)}
    except (TypeError, ValueError) as error:
        text = f"Unable to marshal response: {error}"
        told = {"errorMessage": text, "errorType": "Runtime.MarshalError", "requestId": request_id, "stackTrace": []}
        print(f"[ERROR] Runtime.MarshalError: {text}")
        return {"failed": True, "payload": json.dumps(told)}


def flush() -> None:
    """Let everything that was printed be on its way before the answer is."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the function may have closed or replaced it
            stream.flush()


def main(folder: str, requests_at: int, answers_at: int) -> int:
    """Answer until nobody asks any more."""
    for descriptor in (requests_at, answers_at):
        os.set_inheritable(descriptor, False)
    requests, answers = os.fdopen(requests_at, "rb"), os.fdopen(answers_at, "wb")

    def answer(found: dict[str, Any]) -> None:
        flush()
        answers.write(json.dumps(found).encode() + b"\n")
        answers.flush()

    # A line is a line of the log, whichever of the two it comes by.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # what a process begins with can be
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]  # in the place of this file's folder
    sys.path.append(f"{folder}/runtime")
    clock = Clock(f"{folder}/clock")
    lines = Lines()
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(lines)
    logging.getLogger().addHandler(output)
    clock.set(json.loads(requests.readline())["ahead"])
    handler = load(os.environ["_HANDLER"])
    if isinstance(handler, dict):
        print(f"[ERROR] {handler['errorType']}: {handler['errorMessage']}")
        print("".join(handler["stackTrace"]), end="")
        answer({"failed": True, "payload": json.dumps(handler)})
        return 1
    answer({"failed": False, "payload": ""})
    while line := requests.readline():
        request = json.loads(line)
        clock.set(request["ahead"])
        lines.request_id = request["request_id"]
        answer(run(handler, request))
    return 0


if __name__ == "__main__":
    sys.argv[:], given = [sys.argv[0]], sys.argv[1:]
    sys.exit(main(given[0], int(given[1]), int(given[2])))
