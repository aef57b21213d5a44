"""`--via`: the ssh command line, and one real sshd on the loopback through which nodes are reached."""

import getpass
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from redis_ha.sentinel.render import SSHD_FILE, shared_files
from redis_ha_ops.asking import ask
from redis_ha_ops.errors import OpsError
from redis_ha_ops.stack import Stack
from redis_ha_ops.tunnel import check_via, command_of, forwarded
from tests.support.droplet_image import in_image
from tests.support.loopback import next_subnet
from tests.support.redis_processes import DATA_PORT, GUARD
from tests.support.waiting import wait_until

SSHD_PORT = 2222

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("via", ["root@203.0.113.5", "bastion", "me@bastion.example.org", "root@[2001:db8::1]", "a.b-c@h_1"])
def test_a_host_is_taken(via: str) -> None:
    assert check_via(via) == via


@pytest.mark.parametrize(
    "via", ["", "-oProxyCommand=sh", "me@-oProxyCommand=sh", "a b", "user@", "root@host;ls", "root@host\nx"]
)
def test_what_is_no_host_is_refused(via: str) -> None:
    with pytest.raises(OpsError, match="--via"):
        check_via(via)


def test_the_command_line(stack: Stack) -> None:
    command = command_of("root@host", [(4001, stack.slots[0]), (4002, stack.slots[3])], ("LogLevel=ERROR",))
    assert command[:3] == ["ssh", "-N", "-T"]
    assert command[-2:] == ["--", "root@host"]
    forwards = [command[at + 1] for at, word in enumerate(command) if word == "-L"]
    assert forwards == ["127.0.0.1:4001:10.0.0.2:6379", "127.0.0.1:4002:10.0.0.5:26379"]
    options = {command[at + 1] for at, word in enumerate(command) if word == "-o"}
    assert {"ExitOnForwardFailure=yes", "StrictHostKeyChecking=accept-new", "BatchMode=yes", "LogLevel=ERROR"} <= options


@dataclass
class Sshd:
    folder: Path
    host: str

    @property
    def options(self) -> tuple[str, ...]:
        return (
            f"Port={SSHD_PORT}",
            f"IdentityFile={self.folder / 'user'}",
            "IdentitiesOnly=yes",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
        )

    @property
    def via(self) -> str:
        return f"{getpass.getuser()}@{self.host}"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    host = f"{next_subnet()}.1"
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    (tmp_path / "authorized").write_text((tmp_path / "user.pub").read_text())
    rules = shared_files("data")[SSHD_FILE]
    (tmp_path / "config").write_text(
        f"{rules}Port {SSHD_PORT}\nListenAddress {host}\nHostKey /mnt/host\nPidFile none\n"
        "AuthorizedKeysFile /mnt/authorized\nUsePAM no\nStrictModes no\n"
    )
    with (tmp_path / "log").open("wb") as log:
        # A droplet's own sshd, with a node's rules: nothing has to be installed here, and no service starts on this machine.
        command = in_image("debian-13-x64", tmp_path, "/usr/sbin/sshd", "-D", "-e", "-f", "/mnt/config")
        process = subprocess.Popen([*GUARD, *command], stderr=log)
    try:
        wait_until(lambda: _listens(host, SSHD_PORT), "sshd listens")
        yield Sshd(tmp_path, host)
    finally:
        process.terminate()
        process.wait()


def _listens(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def _ssh_children() -> list[int]:
    return [child.pid for child in psutil.Process().children() if child.name() == "ssh"]


@pytest.mark.machines
def test_a_node_is_asked_through_sshd_and_nothing_stays(sshd: Sshd, tmp_path: Path, stack: Stack) -> None:
    with _small_redis(tmp_path) as (host, port):
        slot = replace(stack.slots[0], private_ip=host, port=port)
        with forwarded(sshd.via, [slot], sshd.options) as dial:
            local = dial(host, port)
            assert local[0] == "127.0.0.1"
            assert local != (host, port)
            assert dial("192.0.2.1", 1) == ("192.0.2.1", 1)
            # It answers, and it is really the forward that carries the answer.
            assert ask(slot, _without_login(stack), dial).replies["ROLE"][0] == "master"
            assert len(_ssh_children()) == 1
    assert _ssh_children() == []
    host_key = (sshd.folder / "host.pub").read_text().split()[1]
    assert host_key in (sshd.folder / "known_hosts").read_text()  # learned at the first use


@pytest.mark.machines
def test_a_node_forwards_to_redis_and_sentinels_alone(sshd: Sshd, stack: Stack) -> None:
    slot = replace(stack.slots[0], private_ip=sshd.host, port=SSHD_PORT)
    with (
        forwarded(sshd.via, [slot], sshd.options) as dial,
        socket.create_connection(dial(sshd.host, SSHD_PORT), timeout=20) as elsewhere,
    ):
        assert elsewhere.recv(100) == b""  # sshd would say its version first


@pytest.mark.machines
def test_a_changed_host_key_is_refused(sshd: Sshd, tmp_path: Path, stack: Stack) -> None:
    other = (tmp_path / "user.pub").read_text().split()
    (sshd.folder / "known_hosts").write_text(f"[{sshd.host}]:{SSHD_PORT} {other[0]} {other[1]}\n")
    with pytest.raises(OpsError, match="Host key verification failed"), forwarded(sshd.via, stack.slots[:1], sshd.options):
        pytest.fail("forwards were set up")
    assert _ssh_children() == []


@pytest.mark.machines
def test_a_wrong_key_is_one_line(sshd: Sshd, stack: Stack) -> None:
    (sshd.folder / "authorized").write_text("")
    with pytest.raises(OpsError, match="Permission denied"), forwarded(sshd.via, stack.slots[:1], sshd.options):
        pytest.fail("forwards were set up")


@pytest.mark.machines
def test_the_process_ends_when_the_block_raises(sshd: Sshd, stack: Stack) -> None:
    def interrupted() -> None:
        with forwarded(sshd.via, stack.slots[:1], sshd.options):
            assert _ssh_children()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert _ssh_children() == []


def test_no_ssh(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OpsError, match="openssh-client"), forwarded("root@host", stack.slots[:1]):
        pytest.fail("forwards were set up")


def _without_login(stack: Stack) -> Stack:
    return replace(stack, admin_username="default", admin_password="open")


class _small_redis:  # noqa: N801 - used as a function
    """One redis-server on an address of the loopback range."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> tuple[str, int]:
        host = f"{next_subnet()}.1"
        program = shutil.which("redis-server")
        assert program, "redis-server is not installed"
        arguments = ["--bind", host, "--port", str(DATA_PORT), "--save", "", "--requirepass", "open", "--dir", str(self.folder)]
        self.process = subprocess.Popen([*GUARD, program, *arguments], stdout=subprocess.DEVNULL)
        wait_until(lambda: _listens(host, DATA_PORT), "redis-server listens")
        return host, DATA_PORT

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
