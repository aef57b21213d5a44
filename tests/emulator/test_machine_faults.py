"""What decides about faults inside machines, on plain data; that they work is tested on machines."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pulumi_emulator.cli import main
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.machines import boot, faults
from pulumi_emulator.machines.processes import Process
from pulumi_emulator.stacks import disk_gigabytes

RUNNING = [
    ("systemd", Process(1, 1)),
    ("nginx-worker", Process(7, 1)),
    ("prometheus-redi", Process(8, 1)),
    ("sshd", Process(9, 1)),
]


@pytest.mark.parametrize(("name", "pid"), [("nginx-worker", 7), ("prometheus-redis-exporter", 8)])
def test_a_process_is_chosen_by_its_name_also_by_one_that_the_kernel_cuts(name: str, pid: int) -> None:
    assert faults.chosen("data-0", name, [*RUNNING, ("sshd", Process(10, 1))]) == [Process(pid, 1)]
    assert faults.chosen("data-0", "sshd", [*RUNNING, ("sshd", Process(10, 1))]) == [Process(9, 1), Process(10, 1)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "nginx",
            r"machine data-0 has no PROCESS 'nginx': give one that runs there \(nginx-worker, prometheus-redi, sshd, systemd\)",
        ),
        ("/usr/bin/nginx-worker", "PROCESS '/usr/bin/nginx-worker' is a path: give the process's name, 'nginx-worker'"),
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


def test_only_a_disk_of_its_own_is_filled(tmp_path: Path) -> None:
    faults.refuse_shared_disk("data-0", own=True)
    with pytest.raises(EmulatorError, match=r"MACHINE 'data-0' shares this computer's disk.*PULUMI_EMULATOR_DISK_GB=8"):
        faults.refuse_shared_disk("data-0", own=False)
    assert boot.mounts_of_its_own(tmp_path) == []
    boot.own_file_system(tmp_path).touch()
    assert boot.mounts_of_its_own(tmp_path)[:2] == ["unshare", "--mount"]


@pytest.mark.parametrize(("given", "size"), [("", None), ("1", 1), ("25", 25)])
def test_a_disks_size(given: str, size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_EMULATOR_DISK_GB", given)
    assert disk_gigabytes() == size


@pytest.mark.parametrize("given", ["0", "-1", "1.5", "8G", "²"])
def test_sizes_that_are_none(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_EMULATOR_DISK_GB", given)
    with pytest.raises(EmulatorError, match=f"PULUMI_EMULATOR_DISK_GB={given}: give a whole number of GB"):
        disk_gigabytes()


def test_loop_devices_are_found_by_their_file_also_when_it_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot, "LOOP_DEVICES", tmp_path)
    for number, text in enumerate(["/stack/disks/1/disk.ext4", "/stack/disks/2/disk.ext4 (deleted)", "/stacks/disk.ext4"]):
        file = tmp_path / f"loop{number}/loop/backing_file"
        file.parent.mkdir(parents=True)
        file.write_text(text + "\n")
    assert sorted(boot.loop_devices(Path("/stack"))) == ["/dev/loop0", "/dev/loop1"]
    assert boot.loop_devices(Path("/stack/disks/1/disk.ext4")) == ["/dev/loop0"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fill-disk", "m", "on"], "'m' is not one of 'on', 'off'"),
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
