"""The process that answers AWS's API for one stack: `python -m pulumi_emulator.aws.endpoint FOLDER HOME`, detached.

moto serves every service but those that are ours. It listens on the loopback interface alone, answers whoever has the stack's
key, and has no credentials: its environment is scrubbed before it starts. What is in it lives as long as it does.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from botocore.loaders import JSONFileLoader, Loader

from pulumi_emulator.aws.access import new_key
from pulumi_emulator.files import write_private
from pulumi_emulator.garbage import collect_rarely
from pulumi_emulator.machines.processes import identify

ADDRESS: Final = "127.0.0.1"
# moto's own settings: no page of a browser may read answers (CORS), and its images and Lambda folder stay out of the way.
# A proxy that is not there: what some service of moto would ask of the world does not reach it.
NO_PROXY: Final = "127.0.0.1,localhost"
DEAD_PROXY: Final = "http://127.0.0.1:9"  # the discard port (RFC 863), where nothing listens
SETTINGS: Final = {
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_CONFIG_FILE": os.devnull,
    **dict.fromkeys(("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), DEAD_PROXY),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), NO_PROXY),
}


class ParsedOnce(JSONFileLoader):
    """Shares what was parsed among sessions: moto looks for EC2's regions in three, each of which would parse its whole API."""

    _parsed: ClassVar[dict[str, Any]] = {}

    def load_file(self, file_path: str) -> Any:
        """Return the parsed file; None when it is not there."""
        if file_path not in self._parsed:
            self._parsed[file_path] = super().load_file(file_path)
        return self._parsed[file_path]


def main(arguments: list[str]) -> int:
    """Serve until ended from outside."""
    folder, home = Path(arguments[0]), Path(arguments[1])
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.umask(0o077)
    with folder.joinpath("endpoint.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log("another process serves this stack")
            return 1
        os.environ.update(SETTINGS)
        collect_rarely()
        Loader.FILE_LOADER_CLASS = ParsedOnce
        from pulumi_emulator.aws.serving import make_account, make_endpoint, serve_inside  # noqa: PLC0415 - moto reads SETTINGS on import

        gc.freeze()
        account = make_account(folder, home, log)
        key = new_key()
        server = make_endpoint(account, ADDRESS, key)
        serve_inside(account, server)
        own = identify(os.getpid())
        process = {"pid": os.getpid(), "started": own.started if own else 0}
        record = {"port": server.server_port, "key_id": key.key_id, "secret": key.secret, **process}
        write_private(folder / "endpoint.json", json.dumps(record))
        log(f"serving on {ADDRESS}:{server.server_port}")
        with removing(folder / "endpoint.json"), contextlib.closing(account):
            server.serve_forever()
    return 0


@contextlib.contextmanager
def removing(path: Path) -> Iterator[None]:
    """Remove a file at the end."""
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def log(text: Any) -> None:
    """Write a line into the endpoint's log."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
