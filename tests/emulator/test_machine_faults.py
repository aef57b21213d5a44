"""What decides about faults inside machines, on plain data; that they work is tested on machines."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pulumi_emulator.cli import main
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import faults
from pulumi_emulator.machines.processes import Process

RUNNING = [
    ("systemd", Process(1, 1)),
    ("redis-server", Process(7, 1)),
    ("prometheus-redi", Process(8, 1)),
    ("sshd", Process(9, 1)),
]


@pytest.mark.parametrize(("name", "pid"), [("redis-server", 7), ("prometheus-redis-exporter", 8)])
def test_a_process_is_chosen_by_its_name_also_by_one_that_the_kernel_cuts(name: str, pid: int) -> None:
    assert faults.chosen("data-0", name, [*RUNNING, ("sshd", Process(10, 1))]) == [Process(pid, 1)]
    assert faults.chosen("data-0", "sshd", [*RUNNING, ("sshd", Process(10, 1))]) == [Process(9, 1), Process(10, 1)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "redis",
            r"machine data-0 has no PROCESS 'redis': give one that runs there \(prometheus-redi, redis-server, sshd, systemd\)",
        ),
        ("/usr/bin/redis-server", "PROCESS '/usr/bin/redis-server' is a path: give the process's name, 'redis-server'"),
    ],
)
def test_a_process_that_is_not_there_is_named_with_those_that_are(name: str, says: str) -> None:
    with pytest.raises(EmulatorError, match=says):
        faults.chosen("data-0", name, RUNNING)


@pytest.mark.parametrize(("seconds", "waits", "silent"), [(2, 2, False), (29.5, 29.5, False), (30, 30, True), (None, 30, True)])
def test_a_mirror_slower_than_apts_patience_is_a_silent_one(seconds: float | None, waits: float, silent: bool) -> None:
    text = faults.mirror_script(seconds)
    compile(text, "method", "exec")
    assert f"seconds, silent, message = {waits}, {silent}, []" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["slow-mirror", "off", "m", "--seconds", "5"], "--seconds 5 means nothing with `off`: leave it out"),
        (["slow-mirror", "on", "m", "--seconds", "0"], "0.0 is not in the range x>0"),
        (["lock-apt", "m", "on"], "'m' is not one of 'on', 'off'"),
        (["stall", "on", "m"], "Missing argument 'PROCESS'"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(words: list[str], says: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [words[0], "--stack", "s", "--program", str(tmp_path), *words[1:]])
    assert result.exit_code in {1, 2}
    assert says in result.output
