"""Ask every node what it knows: a handful of harmless commands each, all nodes at once, every wait bounded. Judges nothing."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from redis import exceptions
from redis.connection import Connection

from .errors import OpsError
from .stack import Slot, Stack

CONNECT_SECONDS = 2.0  # a node of the same region answers in milliseconds; an operator may sit on another continent
ANSWER_SECONDS = 4.0
HIDDEN = "(hidden)"
# How a node that is being set up begins its answer to the administrator's AUTH (redis_ha.sentinel.node.setting_up, WORD).
SETTING_UP = "SETUP "
FLUSH = ("SENTINEL", "FLUSHCONFIG")
# Settings whose value is a secret or holds one; asked for by nobody, and masked should a node answer with them anyway.
SECRET_SETTINGS = frozenset(
    {"masterauth", "requirepass", "sentinel-pass", "auth-pass", "tls-key-file-pass", "tls-client-key-file-pass", "user"}
)

Dial = Callable[[str, int], tuple[str, int]]  # a node's own address -> the address to dial from here


@dataclass(frozen=True)
class Answers:
    """What one node answered. `trouble` says why there is no (complete) answer; `replies` are Redis's own, unchanged.

    `setting_up`: its server is not there yet, and `trouble` is why.

    A reply is what RESP2 carries: text, a number, a list of these; None for nil. `refused`: commands that the node refused.
    """

    slot: Slot
    trouble: str | None = None
    setting_up: bool = False
    replies: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def directly(host: str, port: int) -> tuple[str, int]:
    """Dial a node at its own address."""
    return host, port


def questions(slot: Slot, stack: Stack) -> list[tuple[str, ...]]:
    """Return the commands for a node. They read; a Sentinel also has to write what it knows to its file, as it does itself."""
    if slot.kind == "data":
        settings = [name for name in sorted(stack.redis_settings) if name not in SECRET_SETTINGS]
        always = ["min-replicas-to-write", "min-replicas-max-lag", "maxmemory-policy", "replica-priority"]
        wanted = sorted({*settings, *always})
        # CONFIG GET takes several names since Redis 7.0, the oldest one that Debian 12 has.
        # Names alone: ACL LIST and ACL GETUSER carry the hashes of passwords.
        return [("ROLE",), ("INFO", "all"), ("CONFIG", "GET", *wanted), ("ACL", "USERS")]
    name = stack.master_name
    return [
        ("SENTINEL", "MYID"),
        ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name),
        ("SENTINEL", "MASTER", name),
        ("SENTINEL", "REPLICAS", name),
        ("SENTINEL", "SENTINELS", name),
        ("SENTINEL", "CKQUORUM", name),
        ("INFO", "all"),
        # Nothing that a Sentinel answers tells whether it can write, and its log alone has that it could not. This is answered
        # with an error then, and the old file stays (src/sentinel.c, sentinelFlushConfig; 7.0.15 and 8.0.2 on a full disk).
        FLUSH,
    ]


def questions_about_users(users: Sequence[str], stack: Stack) -> list[tuple[str, ...]]:
    """Return the commands that ask a data node which of its users, but the administrator, may read `masterauth`.

    CONFIG GET shows it, and with it one copies all data. ACL DRYRUN (Redis 7.0) runs nothing: it says whether a user may.
    It answers for a user that is off as well.
    """
    return [("ACL", "DRYRUN", user, "CONFIG", "GET", "masterauth") for user in users if user != stack.admin_username]


def key_of(command: tuple[str, ...]) -> str:
    """Return the name under which a command's reply is kept: its words without arguments."""
    words = {"SENTINEL": 2, "CONFIG": 2, "ACL": 3}
    return " ".join(command[: words.get(command[0], 1)])


class RefusedError(OpsError):
    """A node answered, with an error: the command has not been executed."""


def _link(slot: Slot, stack: Stack, dial: Dial, seconds: float = ANSWER_SECONDS) -> Any:
    host, port = dial(slot.private_ip, slot.port)
    return Connection(  # type: ignore[no-untyped-call]
        host=host,
        port=port,
        username=stack.admin_username,
        password=stack.admin_password,
        protocol=2,
        decode_responses=True,
        encoding_errors="replace",
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=seconds,
        driver_info=None,
    )


class Line:
    """A connection to one node as admin that is kept, for commands that follow each other at once.

    An error is an OpsError: RefusedError when the node answered with one; else whether it was executed is not known. A node
    hangs up on its clients when a Sentinel places it: then a command is given again by a new connection.
    """

    def __init__(self, slot: Slot, stack: Stack, dial: Dial, seconds: float = ANSWER_SECONDS) -> None:
        self.slot = slot
        self._link = _link(slot, stack, dial, seconds)

    def ask(self, *command: str) -> Any:
        """Give the node a command that may be executed twice, and return its answer."""
        return self._again(command)[0]

    def ask_once(self, *command: str) -> Any:
        """Give the node a command that must not be executed twice, and return its answer."""
        return self._say(command)[0]

    def together(self, *commands: tuple[str, ...]) -> None:
        """Give the node commands that it executes without another one in between; they may be executed twice."""
        self._again(("MULTI",), *commands, ("EXEC",))

    def close(self) -> None:
        """Hang up."""
        self._link.disconnect()

    def _again(self, *commands: tuple[str, ...]) -> list[Any]:
        kept = self._link.is_connected
        try:
            return self._say(*commands)
        except RefusedError:
            raise
        except OpsError:
            if not kept:
                raise
        return self._say(*commands)

    def _say(self, *commands: tuple[str, ...]) -> list[Any]:
        said = " ".join(commands[0] if len(commands) == 1 else commands[1])
        try:
            self._link.connect()  # does nothing while it is connected
            for command in commands:
                self._link.send_command(*command)
            return [self._link.read_response() for _ in commands]
        except exceptions.ResponseError as error:
            self._link.disconnect()  # answers to the rest may still come
            raise RefusedError(f"{self.slot.name}: {said}: {_why(error)}") from None
        except (exceptions.RedisError, OSError) as error:
            self._link.disconnect()
            raise OpsError(f"{self.slot.name}: {said}: {_why(error)}") from None


def tell(slot: Slot, stack: Stack, dial: Dial, *command: str) -> None:
    """Give one node a command as admin; OpsError says why it was not taken."""
    with contextlib.closing(Line(slot, stack, dial)) as line:
        line.ask(*command)


def ask(slot: Slot, stack: Stack, dial: Dial = directly) -> Answers:
    """Ask one node as admin. Never raises for a node that does not answer, refuses, or answers nonsense."""
    link = _link(slot, stack, dial)
    replies: dict[str, Any] = {}
    refused: dict[str, str] = {}
    try:
        link.connect()
        _converse(link, questions(slot, stack), replies, refused)
        _converse(link, questions_about_users(replies.get("ACL USERS") or (), stack), replies, refused)
    except (exceptions.RedisError, OSError) as error:
        why = _why(error)
        told = why.removeprefix(SETTING_UP)
        return Answers(slot, trouble=told, setting_up=told != why, replies=replies, refused=refused)
    finally:
        link.disconnect()
    return Answers(slot, replies=replies, refused=refused)


def _converse(link: Any, commands: Sequence[tuple[str, ...]], replies: dict[str, Any], refused: dict[str, str]) -> None:
    """Send all commands, then read the answers: a node with many users far away is asked in one round trip."""
    for command in commands:
        link.send_command(*command)
    for command in commands:
        try:
            replies[key_of(command)] = without_secrets(key_of(command), link.read_response())
        except exceptions.ResponseError as error:
            refused[key_of(command)] = str(error)


def ask_all(stack: Stack, dial: Dial = directly) -> list[Answers]:
    """Ask all nodes of the stack at the same time, in the order of the slots."""
    with ThreadPoolExecutor(max_workers=max(len(stack.slots), 1)) as pool:
        return list(pool.map(lambda slot: ask(slot, stack, dial), stack.slots))


def without_secrets(key: str, reply: Any) -> Any:
    """Mask the values of secret settings in a reply that is a list of names and values."""
    if key not in ("CONFIG GET", "SENTINEL MASTER") or not isinstance(reply, list):
        return reply
    return [HIDDEN if at % 2 and reply[at - 1] in SECRET_SETTINGS else value for at, value in enumerate(reply)]


def _why(error: Exception) -> str:
    if isinstance(error, exceptions.AuthenticationError | exceptions.AuthorizationError):
        return f"refuses the admin user: {error}"
    if isinstance(error, exceptions.TimeoutError):
        return f"no answer within {CONNECT_SECONDS:g}..{ANSWER_SECONDS:g} s"
    text = str(error) or type(error).__name__
    # redis-py: "Error 111 connecting to 10.20.0.2:6379. Connection refused." The address stands beside it anyway.
    return text.split(". ", 1)[-1].rstrip(".").lower() if text.startswith("Error ") else text
