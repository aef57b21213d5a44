"""Clients of emulated cache nodes: one Python process where the endpoint names resolve, which runs what a test hands it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Protocol, Self

_AGENT = """
import json, sys, threading, time, traceback
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# An answer may take long on a busy machine. A cluster's client also dials nodes without power: it waits for each of them.
def client(host, **given):
    waits = {"socket_timeout": 10, "socket_connect_timeout": 10, "retry": Retry(NoBackoff(), 0)}
    given = waits | {"decode_responses": True} | given
    return redis.Redis(host, given.pop("port", 6379), **given)

def cluster(host, **given):
    given = {"socket_timeout": 10, "socket_connect_timeout": 2, "decode_responses": True} | given
    return redis.RedisCluster(host=host, port=given.pop("port", 6379), **given)

def written(number):
    return "{%d}written:%d" % (number % 64, number)

class Writer:
    # Writes new keys all the time and remembers what was acknowledged. They lie in 64 slots only, which are soon moved.
    def __init__(self, make):
        self.make, self.acknowledged, self.errors, self.ending = make, [], [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        connection, number = None, 0
        while not self.ending.is_set():
            number += 1
            try:
                connection = connection or self.make()
                connection.set(written(number), number)
                self.acknowledged.append(number)
            except Exception as error:
                self.errors.append(repr(error))
                connection = None
                time.sleep(0.02)
            time.sleep(0.001)

    def end(self):
        self.ending.set()
        self.thread.join(20)
        return self.acknowledged

kept = {}
names = {"client": client, "cluster": cluster, "Writer": Writer, "written": written, "redis": redis, "time": time, "kept": kept}
for line in sys.stdin:
    asked = json.loads(line)
    scope = dict(names, **asked["values"])
    try:
        exec(asked["code"], scope)
        answer = {"result": scope.get("result")}
    except BaseException as error:
        answer = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    print(json.dumps(answer), flush=True)
"""


# A writer that goes on while something is broken, and which of its acknowledged writes are missing then, counted from 0. Both
# take what `arguments` says of a group, with cluster mode on or off.
START_WRITER = """
def make():
    hasty = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5} | given
    return cluster(configuration, **hasty) if "configuration" in globals() else client(primary, **hasty)
kept["w"] = Writer(make)
"""
MISSING = """
numbers = kept.pop("w").end()
c = cluster(configuration, **given) if "configuration" in globals() else client(primary, **given)
result = [at for at, number in enumerate(numbers) if c.get(written(number)) is None]
"""


class RunsCommands(Protocol):
    def command(self, argv: Sequence[str]) -> list[str]: ...


class ClientError(Exception):
    """What a snippet raised: "TypeName: text"."""


class Clients:
    """Runs snippets of Python that leave their answer in `result`. They have `client`, `cluster`, `Writer`, `kept`, `redis`."""

    def __init__(self, host: RunsCommands) -> None:
        argv = host.command([sys.executable, "-c", _AGENT])
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, code: str, **values: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"code": code, "values": values}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the clients' process ended"
        answer = json.loads(line)
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer["result"]

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
