"""The command line: what is refused before anything is touched, and the two processes of an emulated stack."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from redis_ha_ops import cli, droplets, emulator, inside
from redis_ha_ops.asking import directly
from redis_ha_ops.call import Call
from redis_ha_ops.commands import heal
from redis_ha_ops.drill.asked import Switch, asked
from redis_ha_ops.droplets import droplet_fault
from redis_ha_ops.errors import OpsError
from redis_ha_ops.faults import EmulatedFault
from redis_ha_ops.inside import FaultOutside, Outside, mend_all, run_inside
from redis_ha_ops.kinds import DRILLS
from redis_ha_ops.runbook import places
from redis_ha_ops.stack import stack_of
from tests.support.ops_data import SECRET, outputs_of
from tests.support.redis_processes import RedisProcesses
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers

# A stand-in for `python -m pulumi_emulator`: it runs what `exec` is given as it is (the nodes of these tests are on loopback),
# prints the outputs that lie beside it, and takes down how the power was switched.
STAND_IN = """\
import json, os, pathlib, subprocess, sys
folder = pathlib.Path(__file__).parent
subcommand, arguments = sys.argv[1], sys.argv[2:]
if subcommand == "exec":
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    if arguments[arguments.index("--on") + 1] != "client":  # a machine: this computer's services are left alone
        sys.exit(0)
    sys.exit(subprocess.run(arguments[arguments.index("--") + 1 :], env=environment).returncode)
if subcommand == "output":
    print((folder / "outputs.json").read_text())
if subcommand == "power":
    *_, state, machine = arguments
    with (folder / "power").open("a") as log:
        log.write(f"{state} {machine}\\n")
    if (folder / "stuck").exists():
        sys.exit("error: the switch is stuck")
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: x\n")
    (folder / "pulumi_emulator.py").write_text(STAND_IN)
    (folder / "outputs.json").write_text(json.dumps(outputs_of()))
    return folder


def redis_ha(program: Path, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, with the stand-in before the emulator."""
    return subprocess.run(
        [sys.executable, "-m", "redis_ha_ops", *arguments],
        cwd=cwd or program,
        env={**os.environ, "PYTHONPATH": str(program), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], ["--stack"]),
        (["status", "--stack", "local", "--wait", "-1"], ["--wait"]),
        (["status", "--stack", "local", "--via", "-oProxyCommand=x"], ["--via", "user@host"]),
        (["status", "--stack", "local", "--program", "nowhere"], ["--program"]),
        (["--inside", "nowhere", "status", "--stack", "local"], ["--inside"]),
        (
            ["drill", "kill-master", "--stack", "prod"],
            ["stack prod is a real one", "--i-know-this-breaks-things", "Nothing was touched"],
        ),
        (["drill", "kill-master", "--stack", "local", "--no-emulated"], ["stack local is a real one"]),
        (
            ["drill", "cut-master", "--stack", "prod", "--i-know-this-breaks-things"],
            ["cut-master is for emulated stacks", "Use kill-master", "Nothing was touched"],
        ),
        (["drill", "kill-master", "--stack", "local", "--rate", "0"], ["--rate"]),
        (["drill", "kill-master", "--stack", "local", "--seconds", "1"], ["--seconds"]),
        (["drill", "kill-master", "--stack", "local", "--output", "Pulumi.yaml"], ["--output", "exists already", "--force"]),
        (["drill", "kill-master", "--stack", "local", "--output", "a", "--html", "a"], ["two names"]),
        (["drill", "kill-master", "--stack", "local", "--output", "Pulumi.yaml/a"], ["--output", "cannot be made"]),
    ],
)
def test_what_is_refused_names_the_option_and_touches_nothing(
    arguments: list[str],
    words: list[str],
    program: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, which is the same command: nothing is started before it is refused."""
    monkeypatch.chdir(program)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert all(word in told.err for word in words), told.err
    assert not (program / "power").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["drill", "kill-master", "--rate", "nan"],
        ["drill", "all", "--seconds", "NaN"],
        ["drill", "test-failover", "--rate", "nan"],
        ["switch", "--seconds", "nan"],
        ["status", "--wait", "nan"],
    ],
)
def test_what_is_no_number_is_refused(arguments: list[str]) -> None:
    done = CliRunner().invoke(cli.cli, [*arguments, "--stack", "local"], obj=Call())
    assert done.exit_code == 2
    assert "nan is no number" in done.output.lower()


def test_a_real_stack_is_refused_before_its_outputs_are_read(program: Path, tmp_path: Path) -> None:
    (tmp_path / "pulumi").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    (tmp_path / "pulumi").chmod(stat.S_IRWXU)
    done = redis_ha(program, "drill", "kill-master", "--stack", "prod", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "asked").exists()


def test_a_stack_without_a_cluster_is_one_line(program: Path) -> None:
    (program / "outputs.json").write_text("{}")
    done = redis_ha(program, "status", "--stack", "local")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "sentinel_connection" in done.stderr


@pytest.fixture
def up(program: Path, topology: RedisProcesses) -> Path:
    outputs = {
        "sentinel_connection": topology.connection,
        "sentinel_credentials": topology.credentials,
        "sentinel_desired": topology.desired,
    }
    (program / "outputs.json").write_text(json.dumps(outputs))
    return program


def test_status_enters_the_stacks_network_once_and_gives_its_exit_code(up: Path, topology: RedisProcesses) -> None:
    done = redis_ha(up, "status", "--stack", "local", "--json", "--wait", "60")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["healthy"]
    assert told["emulated"]
    assert {node["address"] for node in told["data"]} == {f"{node.host}:{node.port}" for node in topology.data}
    # Nobody sees a secret, nor does another stack's name mean the emulated one.
    shown = done.stdout + done.stderr + redis_ha(up, "status", "--stack", "local", "--raw").stdout
    assert not [user for user, password in topology.passwords.items() if password in shown]
    assert "redis_version" in shown


def test_status_of_another_stack_is_the_emulated_one_only_if_told(up: Path, tmp_path: Path) -> None:
    (tmp_path / "pulumi").write_text("#!/bin/sh\necho 'error: no stack named staging' >&2\nexit 255\n")
    (tmp_path / "pulumi").chmod(stat.S_IRWXU)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert "no stack named staging" in redis_ha(up, "status", "--stack", "staging", PATH=path).stderr
    assert redis_ha(up, "status", "--stack", "staging", "--emulated", "--wait", "60", PATH=path).returncode == 0


def test_a_drill_through_both_processes_is_ended_by_ctrl_c_and_gives_the_power_back(up: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    arguments = ["drill", "kill-master", "--stack", "local", "--program", str(up), "--output", str(path), "--rate", "20"]
    # The stand-in switches nothing: the drill waits for an outage that does not come, until it is interrupted.
    process = subprocess.Popen(
        [sys.executable, "-m", "redis_ha_ops", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(up)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until((up / "power").exists, "the power is cut")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 1, error
    switched = (up / "power").read_text().split()
    assert switched[0::2] == ["off", "on"]
    assert switched[1] == switched[3]
    report = json.loads(path.read_text())
    assert report["run"]["interrupted"]
    assert path.with_suffix(".html").read_text().startswith("<!DOCTYPE html>")
    assert str(path) in out.replace("\n", "")
    assert "Traceback" not in error


def test_a_killed_second_process_leaves_no_machine_dark(up: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    switched = up / "power"
    script = tmp_path / "inside.py"
    script.write_text(
        "import os, signal, sys\nfrom redis_ha_ops.inside import Outside\n"
        "line = Outside(sys.argv[1])\nline.ask(want='cut', kind='kill-master', machine='local-data-0')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    code = _run_inside(up, [str(script)], ["local-data-0"])
    assert code == 1
    assert switched.read_text() == "off local-data-0\non local-data-0\n"
    assert "local-data-0: power on again" in capfd.readouterr().err


def test_heal_mends_every_kind_on_every_data_node(program: Path) -> None:
    done = redis_ha(program, "drill", "heal", "--stack", "local")
    assert done.returncode == 0, done.stdout + done.stderr
    machines = ["local-data-0", "local-data-1", "local-data-2"]
    assert (program / "power").read_text() == "".join(f"on {machine}\n" for machine in machines)
    for machine in machines:
        mended = [kind.mended for kind in DRILLS.values() if kind.mended]
        assert all(f"{machine}: {words}" in done.stdout for words in mended), done.stdout
    assert "everything is mended" in done.stdout


def test_heal_tells_what_it_could_not_mend(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (program / "stuck").touch()
    monkeypatch.setattr(heal, "BOOT_SECONDS", 0.0)
    monkeypatch.setenv("PYTHONPATH", str(program))
    fault = EmulatedFault(DRILLS["kill-master"], "local", program)
    assert not heal.mended(fault, "local-data-0")
    whole = EmulatedFault(DRILLS["freeze-master"], "local", program)
    assert heal.mended(whole, "local-data-0")


def test_heal_does_not_call_a_stack_mended_whose_machines_it_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OpsError("root's ssh needs a network in admin_sources")

    monkeypatch.setattr(Call, "outputs", lambda *_, **__: outputs_of("prod"))
    monkeypatch.setattr(droplets, "droplet_fault", refuse)
    monkeypatch.setattr(heal, "forgive", lambda *_: None)
    done = CliRunner().invoke(cli.cli, ["drill", "heal", "--stack", "prod"], obj=Call())
    assert done.exit_code == 1, done.output
    assert "left out: stall-master: root's ssh needs" in done.output
    assert "not everything is mended" in done.output


def test_a_stuck_switch_is_told_with_the_command(up: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (up / "stuck").touch()
    switch = EmulatedFault(DRILLS["kill-master"], "local", up)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(up))
        with pytest.raises(OpsError, match="the switch is stuck"):
            switch.cut("local-data-0")
        assert switch.broken == ["local-data-0"]  # half of it may have happened
        mend_all(switch)
    told = capsys.readouterr().err
    assert f"power --stack local --program {up} on local-data-0" in told


def test_only_the_stacks_own_machines_are_switched_and_only_by_the_line(up: Path, tmp_path: Path) -> None:
    script = tmp_path / "inside.py"
    script.write_text(
        "import sys\nfrom redis_ha_ops.inside import Outside\nfrom redis_ha_ops.errors import OpsError\n"
        "line = Outside(sys.argv[1])\n"
        "for want, kind, machine in (('cut', 'kill-master', 'another'), ('destroy', 'kill-master', 'local-data-0'), "
        "('cut', 'cut-master', 'local-data-0')):\n"
        "    try:\n        line.ask(want=want, kind=kind, machine=machine)\n"
        "    except OpsError as error:\n        assert 'refused' in str(error)\n"
        "    else:\n        sys.exit(9)\n"
    )
    assert _run_inside(up, [str(script)], ["local-data-0"]) == 0
    assert not (up / "power").exists()


def test_the_second_process_is_told_when_the_first_has_gone(tmp_path: Path) -> None:
    import socket

    path = str(tmp_path / "line")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        line = Outside(path)
        thread.join()
    with pytest.raises(OpsError, match="has gone"):
        FaultOutside(line, EmulatedFault(DRILLS["kill-master"], "local", tmp_path)).restore("local-data-0")
    line.close()


def _run_inside(program: Path, script: list[str], machines: list[str]) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(program))
        patch.setattr(inside, "again", lambda path, arguments: [sys.executable, *arguments, path])
        fault = EmulatedFault(DRILLS["kill-master"], "local", program)
        outputs = {"password": SECRET}
        return run_inside(
            script, stack="local", program=program, on="client", outputs=outputs, faults=[fault], machines=machines
        )


def test_the_emulators_command_line_takes_no_module_from_the_current_folder(program: Path) -> None:
    assert emulator.emulator_command("power", "local", program, "on", "m")[1] == "-P"


def test_a_droplets_power_is_switched_by_doctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    switched = tmp_path / "switched"
    doctl = tmp_path / "doctl"
    doctl.write_text(f'#!/bin/sh\necho "$@" >> {switched}\n')
    doctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    outputs = outputs_of("prod")
    for number, row in enumerate(outputs["sentinel_desired"]["slots"]):
        row["droplet_id"] = str(386734086 + number)
    switch = droplet_fault(DRILLS["kill-master"], stack_of("prod", outputs, emulated=False))
    switch.cut("prod-data-1")
    assert switch.broken == ["prod-data-1"]
    switch.restore("prod-data-1")
    assert switch.broken == []
    actions = [f"compute droplet-action power-{state} 386734087 --wait" for state in ("off", "on")]
    assert switched.read_text().splitlines() == actions


def test_without_doctl_or_a_droplets_id_nothing_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    real = stack_of("prod", outputs_of("prod"), emulated=False)
    with pytest.raises(OpsError, match=r"doctl auth init.*Nothing was touched"):
        droplet_fault(DRILLS["kill-master"], real)
    (tmp_path / "doctl").write_text("#!/bin/sh\n")
    (tmp_path / "doctl").chmod(0o755)
    with pytest.raises(OpsError, match="no droplet id of prod-data-0, prod-data-1, prod-data-2"):
        droplet_fault(DRILLS["kill-master"], real)


def test_a_droplets_process_is_reached_by_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As sshd does it: a shell on the droplet reads the words, joined by blanks."""
    said = tmp_path / "said"
    host = f'#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\necho "$1:" >> {said}\nshift\nexec sh -c "$*"\n'
    for name, text in {"ssh": host, **dict.fromkeys(("systemctl", "systemd-run"), f'#!/bin/sh\necho "$*" >> {said}\n')}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    outputs = outputs_of("prod")
    for number, row in enumerate(outputs["sentinel_desired"]["slots"]):
        row["public_ip"] = f"203.0.113.{number + 1}"
    stack = stack_of("prod", outputs, emulated=False)

    def done() -> list[str]:
        lines = said.read_text().splitlines()
        said.write_text("")
        return lines

    fault = droplet_fault(DRILLS["stall-master"], stack)
    asked = [line for n in (1, 2, 3) for line in (f"root@203.0.113.{n}:", "is-active --quiet redis-ha-data.service")]
    assert done() == asked
    fault.cut("prod-data-1")
    assert fault.broken == ["prod-data-1"]
    broke = done()
    assert broke[0] == "root@203.0.113.2:"
    assert broke[-1] == "kill --signal=STOP redis-ha-data.service"
    fault.restore("prod-data-1")
    assert fault.broken == []
    assert done()[:2] == ["root@203.0.113.2:", "kill --signal=CONT redis-ha-data.service"]
    subprocess.run(["sh", "-c", fault.restore_command("prod-data-1")], check=True)  # as a person types it
    assert done()[:2] == ["root@203.0.113.2:", "kill --signal=CONT redis-ha-data.service"]
    killed = droplet_fault(DRILLS["kill-process"], stack)
    killed.cut("prod-data-0")
    killed.restore("prod-data-0")  # systemd's work
    assert done() == [*asked, "root@203.0.113.1:", "kill --signal=KILL redis-ha-data.service"]


def test_a_droplet_is_shut_down_by_ssh_and_switched_on_by_doctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ssh", "doctl"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    outputs = outputs_of("prod")
    for number, row in enumerate(outputs["sentinel_desired"]["slots"]):
        row["droplet_id"] = str(number)
    breaks, mends = droplet_fault(DRILLS["shutdown-master"], stack_of("prod", outputs, emulated=False)).commands("prod-data-1")
    assert (breaks[0], breaks[-1]) == ("ssh", "systemctl --no-block poweroff")
    assert mends == ["doctl", "compute", "droplet-action", "power-on", "1", "--wait"]


def test_a_switch_as_a_drill_needs_no_way_to_a_droplet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    stack = stack_of("prod", outputs_of("prod"), emulated=False)
    desk = places.local_desk("prod", tmp_path, lambda _: None)
    fault = asked(droplet_fault(DRILLS["switch"], stack), stack, directly, desk)
    assert isinstance(fault, Switch)


def test_a_droplet_that_lets_nobody_in_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    real = stack_of("prod", outputs_of("prod"), emulated=False)
    with pytest.raises(OpsError, match=r"by ssh, which is not on PATH.*Nothing was touched"):
        droplet_fault(DRILLS["kill-process"], real)
    (tmp_path / "ssh").write_text("#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n")
    (tmp_path / "ssh").chmod(0o755)
    says = r"logging in to prod-data-0 failed: Permission denied \(publickey\)\.; kill-process needs .*Nothing was touched"
    with pytest.raises(OpsError, match=says):
        droplet_fault(DRILLS["kill-process"], real)


@pytest.mark.parametrize(
    ("kind", "breaks", "mends"),
    [
        ("kill-master", "power off local-data-0", "power on local-data-0"),
        ("cut-master", "link down local-data-0", "link up local-data-0"),
        ("kill-process", "exec --on local-data-0 -- systemctl kill --signal=KILL redis-ha-data.service", None),
        ("freeze-master", "pause on local-data-0", "pause off local-data-0"),
        ("shutdown-master", "exec --on local-data-0 -- systemctl --no-block poweroff", "power on local-data-0"),
        ("reboot-master", "exec --on local-data-0 -- systemctl --no-block reboot", None),
    ],
)
def test_what_the_emulator_is_told(kind: str, breaks: str, mends: str | None, tmp_path: Path) -> None:
    def words(command: list[str] | None) -> str | None:
        return None if command is None else " ".join(command).split("pulumi_emulator ")[1].replace(place, "")

    place = f"--stack local --program {tmp_path} "
    broken, mended = EmulatedFault(DRILLS[kind], "local", tmp_path).commands("local-data-0")
    assert (words(broken), words(mended)) == (breaks, mends)
