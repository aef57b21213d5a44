"""`--via user@host`: OpenSSH forwards from this machine's loopback to every node, through one machine that reaches them."""

import contextlib
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence

from .asking import Dial, directly
from .errors import OpsError
from .stack import Slot, Stack

READY_SECONDS = 30  # connect, log in and set up the forwards
END_SECONDS = 5  # after that a stuck ssh is killed
TRIES = 3  # a free port may be taken by somebody else before ssh binds it
LOOPBACK = "127.0.0.1"

# No password prompt that would hang a script; an unknown host is learned, a changed key refused; a connection shared by the
# user's own ssh settings (ControlMaster) would keep the forwards beyond this command's life.
OPTIONS = (
    "BatchMode=yes",
    "ExitOnForwardFailure=yes",
    "StrictHostKeyChecking=accept-new",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
)
# An emulated machine makes new host keys with every stack: remembering them would make the next stack look like an attack.
EMULATED_OPTIONS = ("UserKnownHostsFile=/dev/null", "LogLevel=ERROR")

_VIA = re.compile(r"([A-Za-z0-9._-]+@)?[A-Za-z0-9\[][A-Za-z0-9.:\]_-]*")


def check_via(via: str) -> str:
    """Refuse what ssh would take for an option or what names no host."""
    if not _VIA.fullmatch(via):
        raise OpsError(
            f"--via {via!r}: give user@host of a machine that reaches the nodes (root@ and a Sentinel's public address)"
        )
    return via


def command_of(via: str, forwards: Sequence[tuple[int, Slot]], options: Sequence[str] = ()) -> list[str]:
    """Return ssh's command line: nothing is run there, the forwards listen on the loopback only."""
    given = [part for option in (*OPTIONS, *options) for part in ("-o", option)]
    lines = [part for port, slot in forwards for part in ("-L", f"{LOOPBACK}:{port}:{slot.private_ip}:{slot.port}")]
    return ["ssh", "-N", "-T", *given, *lines, "--", check_via(via)]


@contextlib.contextmanager
def forwarded(via: str, slots: Sequence[Slot], options: Sequence[str] = ()) -> Iterator[Dial]:
    """Hold one ssh process that forwards to all slots; yields how to dial them. The process ends with the block."""
    check_via(via)
    for last in (False,) * (TRIES - 1) + (True,):
        with contextlib.ExitStack() as held:
            forwards = [(held.enter_context(_free_port()).getsockname()[1], slot) for slot in slots]
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    command_of(via, forwards, options), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
                )
            except FileNotFoundError:
                raise OpsError("--via needs OpenSSH's client: `ssh` is not on PATH (Debian: openssh-client)") from None
            try:
                if _ready(process, forwards[-1][0]):
                    yield _dial_by({(slot.private_ip, slot.port): (LOOPBACK, port) for port, slot in forwards})
                    return
            finally:
                _end(process)
            said.seek(0)
            told = [line.strip() for line in said.read().decode(errors="replace").splitlines() if line.strip()]
        if last or not any("Address already in use" in line for line in told):
            raise OpsError(
                f"--via {via}: ssh did not set up the forwards: {told[-1] if told else f'nothing within {READY_SECONDS} s'}"
            )


def _dial_by(table: Mapping[tuple[str, int], tuple[str, int]]) -> Dial:
    return lambda host, port: table.get((host, port), (host, port))


def _free_port() -> socket.socket:
    listener = socket.socket()
    listener.bind((LOOPBACK, 0))
    return listener


def _ready(process: subprocess.Popen[bytes], last_port: int) -> bool:
    """Wait until the last forward listens: ssh sets them up in order and ends itself when one fails."""
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, last_port), timeout=1):
            return process.poll() is None
        time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def dialling(via: str | None, stack: Stack) -> Iterator[Dial]:
    """Yield how the nodes of a stack are dialled from here: directly, or through the machine `via`."""
    if via is None:
        yield directly
        return
    with forwarded(via, stack.slots, EMULATED_OPTIONS if stack.emulated else ()) as dial:
        yield dial
