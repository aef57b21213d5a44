"""A program in a process of its own, whose host names lead where a file says: `named_program.py NAMES PROGRAM ..`."""

import json
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

getaddrinfo = socket.getaddrinfo


def main() -> None:
    """Run the program."""
    names = Path(sys.argv[1])

    def lead(host: Any, *args: Any, **kwargs: Any) -> Any:
        return getaddrinfo(json.loads(names.read_text()).get(host, host), *args, **kwargs)

    socket.getaddrinfo = lead
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
