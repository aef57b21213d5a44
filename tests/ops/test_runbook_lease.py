"""The lease of a runbook: who has it, when it is taken over, two at once; in memory, in files and in the emulated AWS."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator.aws.access import environment_of
from redis_ha_ops import cloud as aws_cloud
from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook import lease, running
from redis_ha_ops.runbook.desk import Run
from redis_ha_ops.runbook.lease import (
    GRACE_SECONDS,
    LEASE_SECONDS,
    Keeper,
    Lease,
    LeaseError,
    obstacle,
    read_lease,
    shown,
    take,
)
from redis_ha_ops.runbook.records import MOST_BYTES, FileRecords, Record, Records, SsmRecords
from tests.support.aws_world import REGION, Remote
from tests.support.aws_world import world as aws
from tests.support.fake_cloud import FakeCloud, Killed, switches
from tests.support.waiting import wait_until

__all__ = ["aws"]  # a fixture

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
OVER = NOW + timedelta(seconds=LEASE_SECONDS + GRACE_SECONDS)


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def calls(aws: Remote) -> Iterator[aws_cloud.Ask]:
    """Ask and change as on a real account: with the credentials and the endpoint of this process."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in environment_of(aws.endpoint).items():
            environment.setenv(name, value)
        environment.setenv("NO_PROXY", "127.0.0.1")
        yield aws_cloud.calls_of("shop", Path(), emulated=False)


@pytest.fixture(params=["memory", "files", "ssm"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Records:
    if request.param == "memory":
        return FakeCloud().records()
    if request.param == "files":
        return FileRecords(tmp_path / "records")
    name = request.getfixturevalue("aws").name("path")
    return SsmRecords(request.getfixturevalue("calls"), f"/redis-ha/{name}", REGION)


def taken(records: Records, now: Callable[[], datetime], who: str = "ann", desk: str = "") -> Lease:
    return take(records, who, "shift", f"run-{who}", desk or f"desk-{who}", now)


def holder(records: Records) -> str:
    found = records.read(lease.NAME)
    held = read_lease(found.text) if found else None
    assert held is not None
    return held.holder


def test_records(records: Records) -> None:
    assert records.read("x") is None
    assert records.create("x", "one")
    assert not records.create("x", "two")
    assert records.read("x") == Record("one", 1)
    assert records.replace("x", "two", 1)
    assert records.read("x") == Record("two", 2)
    records.write("x", "three")
    assert not records.replace("x", "late", 2)
    found = records.read("x")
    assert found is not None
    assert found.text == "three"
    records.remove("x")
    records.remove("x")
    assert records.read("x") is None
    assert not records.replace("x", "late", 3)
    assert records.read("x") is None


def test_a_second_is_refused_with_who_and_how_long(records: Records, clock: Clock) -> None:
    taken(records, clock)
    clock.moment += timedelta(seconds=20)
    with pytest.raises(
        LeaseError, match=r"held by ann for shift until 2026-11-30T12:02:00Z; it can be taken over 130 s from now"
    ):
        taken(records, clock, "bob")
    assert holder(records) == "ann"


@pytest.mark.parametrize(("moment", "given"), [(OVER - timedelta(seconds=1), False), (OVER, True)])
def test_a_lease_that_is_over_is_taken_over_after_the_grace(
    records: Records, clock: Clock, moment: datetime, given: bool
) -> None:
    taken(records, clock)
    clock.moment = moment
    if given:
        assert taken(records, clock, "bob").holder == holder(records) == "bob"
    else:
        with pytest.raises(LeaseError):
            taken(records, clock, "bob")


def test_a_killed_run_s_own_lease_is_taken_over_at_once(records: Records, clock: Clock) -> None:
    first = taken(records, clock)
    assert taken(records, clock, desk="desk-ann").key != first.key


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "holder": "x", "expires": "soon"}'])
def test_what_is_no_lease_is_left_alone(records: Records, clock: Clock, text: str) -> None:
    records.write(lease.NAME, text or "-")
    with pytest.raises(LeaseError, match="holds no lease"):
        taken(records, clock)


def test_another_tool_s_lease_is_respected(records: Records, clock: Clock) -> None:
    records.write(lease.NAME, '{"version": 1, "holder": "codedeploy", "expires": "2026-11-30T12:10:00Z"}')
    with pytest.raises(LeaseError, match="held by codedeploy until"):
        taken(records, clock, desk="desk-ann")


def test_of_many_who_take_over_at_once_one_has_it(records: Records, clock: Clock) -> None:
    taken(records, clock)
    clock.moment = OVER
    barrier = threading.Barrier(8)

    def attempt(number: int) -> str | None:
        barrier.wait()
        try:
            return taken(records, clock, f"w{number}").holder
        except LeaseError:
            return None

    with ThreadPoolExecutor(8) as pool:
        found = [who for who in pool.map(attempt, range(8)) if who]
    assert len(found) == 1
    assert holder(records) == found[0]


def test_who_was_later_puts_back_what_the_first_wrote(clock: Clock) -> None:
    cloud = FakeCloud()
    records = cloud.records()
    taken(records, clock)
    clock.moment = OVER
    seen = records.read(lease.NAME)
    assert seen is not None
    assert taken(records, clock, "bob").holder == "bob"
    assert not records.replace(lease.NAME, "carl's", seen.version)
    assert holder(records) == "bob"
    records.remove(lease.NAME)
    assert not records.replace(lease.NAME, "dora's", seen.version)
    assert records.read(lease.NAME) is None


def test_who_were_later_put_back_what_the_first_wrote(clock: Clock) -> None:
    """The third replaces the text of the second, before the second has put back that of the first."""
    cloud = FakeCloud()
    records = cloud.records()
    taken(records, clock)
    clock.moment = OVER
    seen = records.read(lease.NAME)
    assert seen is not None
    assert taken(records, clock, "bob").holder == "bob"

    def third(service: str, operation: str, given: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        if operation == "get_parameter":
            assert not cloud.records().replace(lease.NAME, "dora's", seen.version)
            second.calls = cloud
        return cloud(service, operation, given, region)

    second = SsmRecords(third, records.path, REGION)
    assert not second.replace(lease.NAME, "carl's", seen.version)
    assert holder(records) == "bob"


def test_a_lease_that_was_given_back_and_made_anew_is_put_back(clock: Clock) -> None:
    records = FakeCloud().records()
    taken(records, clock)
    clock.moment = OVER
    seen = records.read(lease.NAME)
    assert seen is not None
    records.remove(lease.NAME)
    assert taken(records, clock, "bob").holder == "bob"
    assert not records.replace(lease.NAME, "carl's", seen.version + 3)
    assert holder(records) == "bob"


def keeper(records: Records, clock: Clock, renew_seconds: float = 3600.0) -> Keeper:
    return Keeper(records, taken(records, clock), clock, renew_seconds)


def test_it_is_renewed_and_given_back(records: Records, clock: Clock) -> None:
    kept = keeper(records, clock)
    clock.moment += timedelta(seconds=60)
    kept.renew()
    clock.moment += timedelta(seconds=100)
    kept.check()
    found = records.read(lease.NAME)
    assert found is not None
    assert shown(found, clock()) == "shift by ann, until 2026-11-30T12:03:00Z"
    assert shown(found, clock() + timedelta(hours=1)) == "shift by ann, was over at 2026-11-30T12:03:00Z"
    kept.give_back()
    assert records.read(lease.NAME) is None
    assert shown(None, clock()) is None


def test_it_is_renewed_while_a_run_goes_on(records: Records, clock: Clock) -> None:
    kept = keeper(records, clock, 0.01)
    kept.start()
    clock.moment += timedelta(seconds=60)
    wait_until(lambda: kept.lease.expires == clock() + timedelta(seconds=LEASE_SECONDS), "a renewal")
    kept.give_back()
    assert records.read(lease.NAME) is None


def test_a_run_without_its_lease_stops(records: Records, clock: Clock) -> None:
    kept = keeper(records, clock)
    clock.moment += timedelta(seconds=LEASE_SECONDS)
    with pytest.raises(LeaseError, match="is over: it could not be renewed"):
        kept.check()
    kept = keeper(FakeCloud().records(), clock)
    clock.moment += timedelta(seconds=LEASE_SECONDS + GRACE_SECONDS)
    taken(kept.records, clock, "bob")
    kept.renew()
    with pytest.raises(LeaseError, match="held by bob"):
        kept.check()
    kept.give_back()
    assert holder(kept.records) == "bob"
    kept.records.remove(lease.NAME)
    kept.lost = None
    kept.renew()
    assert kept.lost is not None
    assert "is gone" in kept.lost
    assert kept.records.read(lease.NAME) is None


def test_no_step_is_begun_without_the_lease(tmp_path: Path) -> None:
    cloud = FakeCloud()
    book = switches(cloud, "a", "b")
    first = book.steps[0].act

    def slow(run: Run) -> None:
        first(run)
        cloud.sleep(LEASE_SECONDS)

    ended = running.start(replace(book, steps=[replace(book.steps[0], act=slow), book.steps[1]]), cloud.desk(tmp_path))
    assert (ended.outcome, cloud.turned) == ("failed", ["a on"])
    assert "lease is lost" in str(ended.why)
    assert running.resume(book, cloud.desk(tmp_path)).outcome == "done"


def test_another_operator_waits_for_the_end_of_a_killed_run_s_lease(tmp_path: Path) -> None:
    cloud = FakeCloud()
    book = switches(cloud, "a", "b")
    cloud.kill_at, cloud.after = 6, True
    with pytest.raises(Killed):
        running.start(book, cloud.desk(tmp_path / "ann"))
    cloud.revive()
    bob = cloud.desk(tmp_path / "bob", operator="bob@two")
    with pytest.raises(LeaseError, match=r"held by ann@one for turn"):
        running.resume(book, bob)
    cloud.sleep(LEASE_SECONDS + GRACE_SECONDS)
    assert running.resume(book, bob).outcome == "done"
    assert cloud.turned == ["a on", "b on"]


def test_one_folder_one_run(tmp_path: Path) -> None:
    cloud = FakeCloud()
    book = switches(cloud, "a")
    said: list[str] = []

    def second(_: Run) -> None:
        try:
            running.start(book, cloud.desk(tmp_path))
        except OpsError as error:
            said.append(str(error))

    running.start(replace(book, steps=[replace(book.steps[0], act=second)]), cloud.desk(tmp_path))
    assert len(said) == 1
    assert "another run is alive" in said[0]


def test_a_run_that_is_too_large_for_a_parameter_is_refused() -> None:
    with pytest.raises(OpsError, match=f"5000 bytes, and a parameter holds {MOST_BYTES}"):
        FakeCloud().records().write("run", "x" * 5000)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    records = FileRecords(tmp_path)
    records.write("run", "x")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(OpsError, match=r"run\.json is damaged"):
        records.read("run")


def test_a_lease_without_a_desk_is_nobody_s_own() -> None:
    made = Lease("x", NOW, "", "", "", "")
    assert obstacle(made, "", NOW) is not None
