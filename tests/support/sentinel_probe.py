"""Writes to every data node directly, at a steady pace, and says which ones took it: one JSON line a write.

    python sentinel_probe.py SECONDS_BETWEEN ADDRESS... < password

Runs in the client's namespace; ends when its input is closed.
"""

import json
import sys
import threading
import time

from redis_ha_node.resp import Connection, ReplyError  # type: ignore[import-not-found]  # the agents as shipped

TIMEOUT_S = 0.3


def probe(address: str, password: str, every: float, ended: threading.Event) -> None:
    connection = None
    number = 0
    while not ended.wait(every):
        number += 1
        sent = time.monotonic()
        outcome = "ok"
        try:
            if connection is None:
                connection = Connection((address, 6379), username="application", password=password, timeout=TIMEOUT_S)
            connection.call("SET", f"probe:{address}:{number}", number)
        except ReplyError as error:
            outcome = str(error).split(" ", 1)[0]
        except OSError:
            outcome = "unreachable"
            if connection is not None:
                connection.close()
            connection = None
        line = {"node": address, "number": number, "sent": sent, "answered": time.monotonic(), "outcome": outcome}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main() -> None:
    password = sys.stdin.readline().strip()
    every, addresses = float(sys.argv[1]), sys.argv[2:]
    ended = threading.Event()
    threads = [threading.Thread(target=probe, args=(address, password, every, ended), daemon=True) for address in addresses]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join(2)


if __name__ == "__main__":
    main()
