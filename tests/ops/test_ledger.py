"""The arithmetic of a drill on ledgers made by hand: a tool that has never seen an outage or a loss proves nothing."""

import pytest

from redis_ha_ops.drill import ledger
from redis_ha_ops.drill.ledger import Loss, Operation, Outage, Outcome

RATE = 10.0
CUT = 2.0


def operation(number: int, outcome: Outcome = "acknowledged", took: float = 0.01, *, due: float | None = None) -> Operation:
    moment = number / RATE if due is None else due
    return Operation(number, moment, moment, moment + took, outcome, None if outcome == "acknowledged" else "TimeoutError")


def with_outage(first: int, last: int, count: int = 100, took: float = 0.5) -> list[Operation]:
    """Writes every 100 ms, of which those from `first` to `last` fail after `took`."""
    return [operation(at, "failed", took) if first <= at <= last else operation(at) for at in range(count)]


def test_an_outage_is_seen_with_all_its_lengths() -> None:
    seen = ledger.outage(with_outage(21, 40), CUT, RATE)
    assert seen.began == pytest.approx(2.1)
    assert seen.ended == pytest.approx(4.11)  # write 41, due at 4.1
    assert seen.outage_seconds == pytest.approx(2.01)
    assert seen.steady_seconds == pytest.approx(2.01)
    assert seen.longest_gap_seconds == pytest.approx(2.1)  # from the end of write 20 to that of write 41
    assert seen.longest_gap_began == pytest.approx(2.01)
    assert seen.resolution_seconds == pytest.approx(0.1)


def test_no_outage() -> None:
    seen = ledger.outage([operation(at) for at in range(50)], CUT, RATE)
    assert (seen.began, seen.ended, seen.outage_seconds) == (None, None, None)
    assert seen.longest_gap_seconds == pytest.approx(0.1)


def test_what_fails_before_the_cut_is_not_the_cuts() -> None:
    operations = with_outage(30, 40)
    operations[5] = operation(5, "failed", 0.1)
    assert ledger.outage(operations, CUT, RATE).began == pytest.approx(3.0)


def test_a_write_in_flight_at_the_cut_counts() -> None:
    operations = with_outage(21, 30)
    operations[19] = operation(19, "unknown", 0.5)  # due at 1.9, cut at 2.0, given up at 2.4
    assert ledger.outage(operations, CUT, RATE).began == pytest.approx(1.9)


def test_a_write_acknowledged_beside_the_first_failure_does_not_end_the_outage() -> None:
    # Write 21 waits until 2.6 and fails; write 22 still got through at 2.21, everything after that fails until 4.0.
    operations = [operation(22) if at == 22 else one for at, one in enumerate(with_outage(21, 40))]
    seen = ledger.outage(operations, CUT, RATE)
    assert seen.ended == pytest.approx(4.11)


def test_an_outage_that_comes_back_is_not_steady_before_its_end() -> None:
    operations = with_outage(21, 30)
    operations[50] = operation(50, "failed", 0.5)
    seen = ledger.outage(operations, CUT, RATE)
    assert seen.ended == pytest.approx(3.11)
    assert seen.steady == pytest.approx(5.11)


def test_late_writes_are_an_outage_too() -> None:
    # A client with patience: nothing fails, one write takes three seconds.
    operations = [operation(at, took=3.0 if at == 21 else 0.01) for at in (*range(22), *range(52, 80))]
    seen = ledger.outage(operations, CUT, RATE)
    assert seen.outage_seconds == pytest.approx(3.0)


def test_never_recovered() -> None:
    seen = ledger.outage(with_outage(21, 99), CUT, RATE)
    assert (seen.ended, seen.outage_seconds, seen.steady) == (None, None, None)
    assert seen.longest_gap_seconds == pytest.approx(10.4 - 2.01)  # to the end of the last write: it has not ended


@pytest.mark.parametrize(
    ("operations", "now", "expected"),
    [
        (with_outage(21, 40), 6.6, True),
        (with_outage(21, 40), 5.5, False),  # the last failure ended at 4.5, one second ago: not calm yet
        (with_outage(21, 60)[:62], 6.2, False),
        ([operation(at) for at in range(90)], 8.0, False),  # no write was disturbed: the fault has not hit yet
        (with_outage(21, 40)[:41], 9.0, False),  # nothing at all was finished lately
        (
            [operation(20, took=0.3), operation(21), operation(22)],
            2.4,
            False,
        ),  # a late one, and no time to be calm since the cut
    ],
)
def test_recovered_means_calm_after_a_storm(operations: list[Operation], now: float, expected: bool) -> None:
    done = [one for one in operations if one.finished <= now]
    assert ledger.recovered(done, CUT, now, calm_seconds=2.0) is expected


def test_a_loss_is_seen_with_its_span_and_numbers() -> None:
    operations = [
        operation(0),
        operation(1),
        operation(2),
        operation(3, "unknown"),
        operation(4, "unknown"),
        operation(5, "failed"),
    ]
    present = {0: True, 1: False, 3: True, 4: False, 5: False}  # 2 was not even read
    assert ledger.loss(operations, present) == Loss(
        checked=6, lost=2, unknown_kept=1, impossible=0, lost_numbers=(1, 2), lost_began=0.1, lost_ended=0.2
    )


def test_unknown_is_neither_lost_nor_written() -> None:
    found = ledger.loss([operation(0, "unknown"), operation(1, "unknown")], {0: True, 1: False})
    assert (found.lost, found.unknown_kept, found.lost_numbers) == (0, 1, ())


def test_a_failed_write_that_is_there_is_told() -> None:
    assert ledger.loss([operation(0, "failed")], {0: True}).impossible == 1


def test_counts_and_errors() -> None:
    operations = [operation(0), operation(1, "failed"), operation(2, "unknown"), operation(3, "failed")]
    assert ledger.count(operations) == {"issued": 4, "acknowledged": 1, "failed": 2, "unknown": 1}
    assert ledger.errors(operations) == {"TimeoutError": 3}


def test_latency_counts_from_the_moment_a_write_was_due() -> None:
    # It got its turn 0.9 s late, as behind a slow server; the server itself took 0.1 s.
    waited = Operation(0, due=1.0, started=1.9, finished=2.0, outcome="acknowledged")
    found = ledger.latencies([waited])
    assert found is not None
    assert found["max"] == pytest.approx(1000)


def test_percentiles() -> None:
    found = ledger.latencies([operation(at, took=(at + 1) / 1000) for at in range(1000)])
    assert found is not None
    assert (found["count"], round(found["p50"]), round(found["p99"]), round(found["max"])) == (1000, 501, 991, 1000)
    assert ledger.latencies([operation(0, "failed")]) is None


def test_phases_part_at_the_outage() -> None:
    operations = with_outage(21, 40)
    found = ledger.phases(operations, ledger.outage(operations, CUT, RATE), CUT)
    counts = {phase: None if figures is None else figures["count"] for phase, figures in found.items()}
    assert counts == {"before": 21, "during": 1, "after": 58}  # every acknowledged write once


def test_buckets_hold_every_write_once() -> None:
    operations = [operation(0), operation(1, took=1.0), operation(2, "failed"), operation(3, "unknown")]
    rows = ledger.buckets(operations, 0.5)
    assert [{kind for kind, count in row.items() if count} for row in rows] == [
        {"acknowledged"},
        {"late"},
        {"failed"},
        {"unknown"},
        set(),
        set(),
    ]
    assert sum(sum(row.values()) for row in rows) == 4


SEEN = Outage(2.0, 4.0, 2.0, 4.0, 2.0, 2.0, 2.0, 0.01)
NOT_DISTURBED = Outage(None, None, None, None, None, 0.1, 2.0, 0.01)
NEVER_ENDED = Outage(2.0, None, None, None, None, 2.0, 2.0, 0.01)
NOT_STEADY = Outage(2.0, 4.0, 2.0, None, None, 2.0, 2.0, 0.01)
NONE_LOST = Loss(10, 0, 1, 0, (), None, None)
ONE_LOST = Loss(10, 1, 0, 0, (3,), 3.0, 3.0)
IMPOSSIBLE = Loss(10, 0, 0, 1, (), None, None)


@pytest.mark.parametrize(
    ("seen", "losses", "rejoined", "two_writable", "interrupted", "word"),
    [
        (None, [NONE_LOST], True, False, False, "nothing was broken"),
        (NOT_DISTURBED, [NONE_LOST], True, False, False, "no write was disturbed"),
        (NEVER_ENDED, [NONE_LOST], True, False, False, "did not recover"),
        (NOT_STEADY, [NONE_LOST], True, False, False, "did not recover"),
        (SEEN, [NONE_LOST, ONE_LOST], True, False, False, "1 acknowledged writes are lost"),
        (SEEN, [NONE_LOST, None], True, False, False, "not known"),
        (SEEN, [IMPOSSIBLE], True, False, False, "certainly not executed"),
        (SEEN, [NONE_LOST], False, False, False, "not come back"),
        (SEEN, [NONE_LOST], True, True, False, "two nodes"),
        (SEEN, [NONE_LOST], True, False, True, "partial"),
    ],
)
def test_what_fails_a_drill(
    seen: Outage | None, losses: list[Loss | None], rejoined: bool, two_writable: bool, interrupted: bool, word: str
) -> None:
    passed, reasons = ledger.verdict(seen, losses, rejoined=rejoined, two_writable=two_writable, interrupted=interrupted)
    assert not passed
    assert len(reasons) == 1
    assert word in reasons[0]


def test_what_passes_a_drill() -> None:
    assert ledger.verdict(SEEN, [NONE_LOST, NONE_LOST], rejoined=True, two_writable=False, interrupted=False)[0]


def test_a_drill_that_need_not_disturb_a_write() -> None:
    how = {"rejoined": True, "two_writable": False, "interrupted": False}
    assert ledger.verdict(NOT_DISTURBED, [NONE_LOST], disturbed=False, **how)[0]
    assert not ledger.verdict(NEVER_ENDED, [NONE_LOST], disturbed=False, **how)[0]


def test_losses_that_are_allowed() -> None:
    how = {"rejoined": True, "two_writable": False, "interrupted": False}
    assert ledger.verdict(SEEN, [ONE_LOST], allowed=1, **how)[0]
    assert not ledger.verdict(SEEN, [ONE_LOST, ONE_LOST], allowed=1, **how)[0]
