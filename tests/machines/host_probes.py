"""Asking an emulated data centre from the inside: who reaches whom, and when is a machine ready."""

import json
import subprocess

from pulumi_emulator.machines import Host
from tests.support.waiting import wait_until

CONNECT = """
import socket, sys
address, port, patience, source = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
try:
    with socket.create_connection((address, port), timeout=patience, source_address=(source, 0) if source else None) as peer:
        peer.settimeout(patience)
        print("open" if peer.recv(4) == b"SSH-" else "odd")
except TimeoutError:
    print("silence")
except ConnectionRefusedError:
    print("refused")
except OSError as error:
    print(error.strerror)
"""
# Holds a connection to an ssh server: says "held", waits for a line, asks for the server's next message, says what came.
HOLD = """
import socket, sys
peer = socket.create_connection((sys.argv[1], 22), timeout=5)
peer.recv(100)
print("held", flush=True)
sys.stdin.readline()
peer.settimeout(float(sys.argv[2]))
try:
    peer.sendall(b"SSH-2.0-probe\\r\\n")
    print("answer" if peer.recv(100) else "closed")
except TimeoutError:
    print("silence")
except OSError as error:
    print(error.strerror)
"""


def say(host: Host, where: str, *argv: str) -> str:
    """Run a command somewhere and return what it printed; the test fails when the command does."""
    done = subprocess.run(host.command_in(where, argv), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{argv[0]} in {where}: {done.stderr or done.stdout}"
    return done.stdout.strip()


def connect(host: Host, where: str, address: str, *, port: int = 22, patience: float = 1.5, source: str = "") -> str:
    """Return "open", "silence", "refused" or the system's words for an attempt to reach the ssh server at an address."""
    return say(host, where, "python3", "-c", CONNECT, address, str(port), str(patience), source)


def hold(host: Host, where: str, address: str, patience: float = 3) -> subprocess.Popen[str]:
    """Open a connection and keep it; `ask` tells what has become of it."""
    argv = host.command_in(where, ["python3", "-c", HOLD, address, str(patience)])
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def ask(holder: subprocess.Popen[str]) -> str:
    """Return what comes over a connection that `hold` opened."""
    said, _ = holder.communicate("go\n", timeout=30)
    return said.strip()


def wait_for_answer(host: Host, where: str, address: str) -> None:
    """Wait until the ssh server at an address answers."""
    wait_until(lambda: connect(host, where, address) == "open", f"{address} answers", every=0.2)


def wait_for_cloud_init(host: Host, machine: str) -> list[str]:
    """Wait until a machine's first boot is done; return cloud-init's errors."""
    subprocess.run(host.command_in(machine, ["cloud-init", "status", "--wait"]), capture_output=True, check=False, timeout=180)
    errors: list[str] = json.loads(say(host, machine, "cat", "/run/cloud-init/result.json"))["v1"]["errors"]
    return errors
