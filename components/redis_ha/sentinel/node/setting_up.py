"""While a node is being set up: tells the administrator how far that is, at the address where its server will listen.

Nobody else is answered, as if nothing listened there: for clients, Sentinels and agents the node is not there yet. An error
reply could mislead them. Sentinel takes LOADING for a sign of life (src/sentinel.c, sentinelPingReplyCallback), also of a lost
master whose address a new droplet got.
"""

import hmac
import json
import os
import re
import socketserver
import subprocess
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path

from .config import User, parse, state_directory
from .install import SEED_DIRECTORY, SEED_VARIABLE, fill, self_address

WORD = "SETUP"  # how the reply to AUTH begins: an error, since nobody is logged in
UNIT = "redis-ha-setup.service"
PATIENCE_S = 1.0
LINES = 50
LONGEST_LINE = 200
# apt-get marks errors and warnings so; dpkg and systemctl write the word.
ERROR = re.compile(r"[EW]: |.*\b(error|failed)\b", re.IGNORECASE)
ERRORS = 2
LONGEST_WORD = 512  # in bytes; a password has 128 at most


def telling(lines: list[str]) -> str:
    """Return the set-up's last two errors, else its last line. What comes after an error is often only advice."""
    said = [line.strip()[:LONGEST_LINE] for line in lines if line.strip()]
    errors = list(dict.fromkeys(reversed([line for line in said if ERROR.match(line)])))[:ERRORS]
    if errors:
        return f"last error: {'; '.join(reversed(errors))}"
    return said[-1] if said else "it has said nothing yet"


def said_last() -> list[str]:
    """Read what the set-up and its commands wrote, from the journal."""
    command = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={LINES}", f"_SYSTEMD_UNIT={UNIT}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.splitlines()


def read_login(stream: BufferedIOBase) -> list[str]:
    """Read AUTH's user and password; raises ValueError for anything else."""
    if stream.readline(LONGEST_WORD).strip() != b"*3":
        raise ValueError("not three words")
    words = [_read_word(stream) for _ in range(3)]
    if words[0].upper() != "AUTH":
        raise ValueError("not AUTH")
    return words[1:]


def _read_word(stream: BufferedIOBase) -> str:
    size = int(stream.readline(LONGEST_WORD).removeprefix(b"$"))
    if not 0 <= size <= LONGEST_WORD:
        raise ValueError("a long word")
    return stream.read(size + 2).decode().removesuffix("\r\n")


def is_user(login: list[str], user: User) -> bool:
    """Compare a login with a user's; how long that takes tells nothing of the password."""
    return hmac.compare_digest("\n".join(login).encode(), f"{user.username}\n{user.password}".encode())


class Server(socketserver.ThreadingTCPServer):
    """Answers the administrator's AUTH and closes every other connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], admin: User) -> None:
        """Listen."""
        self.admin = admin
        super().__init__(address, Handler)


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    timeout = PATIENCE_S
    server: Server

    def handle(self) -> None:
        """Answer once, or not at all."""
        with suppress(OSError, ValueError):
            if is_user(read_login(self.rfile), self.server.admin):
                self.wfile.write(f"-{WORD} {telling(said_last())}\r\n".encode())


def main() -> int:
    """Answer until the set-up ends this process, right before it starts the server."""
    seed = Path(os.environ.get(SEED_VARIABLE, SEED_DIRECTORY)) / "node.json"
    config = parse(json.loads(fill(seed.read_text(), self_address())), state_directory())
    port = config.redis_port if config.kind == "data" else config.sentinel_port
    with Server((config.self_address, port), config.users["admin"]) as server:
        server.serve_forever()
    return 0
