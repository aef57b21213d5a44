"""One drill from beginning to end: baseline, cut, recovery, return. Whatever happens in between, the fault is mended."""

import contextlib
import platform
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from redis.exceptions import RedisError

import redis_ha_client
from redis_ha_client.documents import read_sentinel_connection
from redis_ha_ops.asking import Dial
from redis_ha_ops.errors import OpsError
from redis_ha_ops.kinds import Kind
from redis_ha_ops.stack import Stack
from redis_ha_ops.status import Look, look

from . import expectation, ledger
from .load import PROBE, Clock, Load, clean_up, read_back
from .witness import Event, Witness

BASELINE_SECONDS = 5.0
CALM_SECONDS = 2.0  # writes that are acknowledged for so long are called recovered
SETTLE_SECONDS = 2.0  # between the last write and the reading back: replicas acknowledge once a second
TICK_SECONDS = 0.1
# An old master returns within a boot, its placing, and the 10 s in which Sentinels look at a returned node (sentinel.c, INFO).
REJOIN_SECONDS = 180.0
LOOK_AGAIN_SECONDS = 0.5
MOST_EVENTS = 5000  # a report stays readable, whatever a Sentinel publishes


class Fault(Protocol):
    """How a machine is broken and mended. Both may take seconds; an error is an OpsError."""

    @property
    def kind(self) -> Kind:
        """Which drill it makes, and its words."""

    @property
    def description(self) -> str:
        """What it does, for the report."""

    def cut(self, machine: str) -> None:
        """Break it."""

    def restore(self, machine: str) -> None:
        """Mend it; mending what is whole does nothing."""

    def restore_command(self, machine: str) -> str:
        """Return what a person types to mend it."""


@dataclass(frozen=True)
class Plan:
    """What the user asked for. `seconds` counts from the cut's end; without recovery it goes on, up to the recovery limit."""

    rate: float = 100.0
    seconds: float = 30.0
    baseline_seconds: float = BASELINE_SECONDS
    rejoin_seconds: float = REJOIN_SECONDS

    def recovery_limit(self, stack: Stack) -> float:
        """Longest wait for recovery: two elections by the stack's own clocks, and never less than was asked for."""
        return max(self.seconds, read_sentinel_connection(stack.connection).clocks.two_elections_seconds())


class InterruptedDrillError(Exception):
    """SIGINT or SIGTERM came; raised once, in the main thread."""


@dataclass
class Record:
    """Everything that a drill saw; the report is made of it alone."""

    plan: Plan
    stack: Stack
    run_id: str
    clock: Clock
    before: Look
    victim: str
    kind: Kind
    fault: str
    after: Look | None = None
    events: list[Event] = field(default_factory=list)
    operations: dict[str, list[ledger.Operation]] = field(default_factory=dict)
    losses: dict[str, ledger.Loss | None] = field(default_factory=dict)
    cut_began: float | None = None
    cut_ended: float | None = None
    restored: float | None = None
    rejoined: float | None = None
    ended: float = 0.0
    two_writable: bool = False
    interrupted: bool = False
    remedy: str | None = None  # the command that mends what the drill could not
    trouble: str | None = None
    platform: str = platform.platform()

    def note(self, event: Event) -> None:
        """Take an event down."""
        if len(self.events) < MOST_EVENTS:
            self.events.append(event)

    def happened(self, what: str, detail: str = "") -> float:
        """Take down what the drill itself did, now; returns when."""
        at = self.clock.now()
        self.note(Event(at, "drill", what, detail))
        return at


def refuse_unless_healthy(seen: Look, stack: Stack) -> str:
    """Return the master's name of a healthy stack; else say which finding stands against a drill."""
    wrong = [one for one in seen.findings if one.severity != "note"]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise OpsError(
            f"stack {stack.name} is not healthy, so a drill would measure something else: "
            f"{wrong[0].subject}: {wrong[0].text}{more}. Nothing was touched. `redis-ha status --stack {stack.name}` shows all"
        )
    master = seen.topology.master()
    if master is None:
        raise OpsError(f"stack {stack.name} has no master to cut off. Nothing was touched")
    return master.slot.name


def break_master(stack: Stack, dial: Dial, fault: Fault, plan: Plan, tell: Callable[[str, Record | None], None]) -> Record:
    """Run the drill and return its record. `tell` is called with what happens now, many times a second."""
    before = look(stack, dial)
    victim = refuse_unless_healthy(before, stack)
    clock = Clock()
    run_id = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock.began_wall)) + "-" + secrets.token_hex(2)
    record = Record(plan, stack, run_id, clock, before, victim, fault.kind, fault.description)
    load = Load(stack, clock, f"redis-ha:drill:{run_id}", plan.rate)
    witness = Witness(stack, dial, clock, record.note)
    breaker = _Breaker(record, fault)
    with interruptible() as ignoring:
        try:
            tell("connecting", record)
            witness.start()
            load.start()
            _baseline(record, load, tell)
            record.happened("expected", expectation.told(fault.kind.expected))
            breaker.cut(lambda: tell(fault.kind.breaking.format(victim), record))
            _recovery(record, load, tell)
            breaker.restore(lambda: tell(fault.kind.mending.format(victim), record))
            _return(record, dial, load, tell)
        except InterruptedDrillError:
            record.interrupted = True
            record.happened("interrupted")
        except (RedisError, OSError) as error:
            record.trouble = str(error)
        finally:
            ignoring()
            tell("mending and counting", record)
            breaker.make_good()
            load.stop(patiently=not record.interrupted)
            _count(record, load)
            witness.stop()
            if not record.interrupted:
                record.after = look(stack, dial)
            _settle_losses(record, load)
            load.close()
            record.ended = clock.now()
    return record


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Turn the first SIGINT or SIGTERM into InterruptedDrillError; yields a function after which they are ignored."""
    heard = False

    def hear(_: int, __: FrameType | None) -> None:
        nonlocal heard
        if not heard:
            heard = True
            raise InterruptedDrillError

    def ignore() -> None:
        nonlocal heard
        heard = True

    if threading.current_thread() is not threading.main_thread():
        yield ignore
        return
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ignore
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Breaker:
    """Works the fault in a thread, so that an interruption waits for it to end and never leaves it half done."""

    def __init__(self, record: Record, fault: Fault) -> None:
        self.record = record
        self.fault = fault
        self.worker: threading.Thread | None = None
        self.trouble: OpsError | None = None

    def cut(self, tell: Callable[[], None]) -> None:
        """Break the victim; an error of the fault stops the drill."""
        self.record.cut_began = self.record.happened("cut-begins", self.record.victim)
        self._work(self.fault.cut, tell)
        self.record.cut_ended = self.record.happened("cut-done", self.record.victim)

    def restore(self, tell: Callable[[], None]) -> None:
        """Mend the victim."""
        self.record.happened("restore-begins", self.record.victim)
        self._work(self.fault.restore, tell)
        self.record.restored = self.record.happened("restored", self.record.victim)

    def make_good(self) -> None:
        """After anything: wait for what still runs, then mend what is broken, or say how."""
        if self.worker is not None:
            self.worker.join()
        if self.record.cut_began is None or self.record.restored is not None:
            return
        try:
            self.fault.restore(self.record.victim)
            self.record.restored = self.record.happened("restored", self.record.victim)
        except OpsError as error:
            self.record.trouble = str(error)
            self.record.remedy = self.fault.restore_command(self.record.victim)

    def _work(self, act: Callable[[str], None], tell: Callable[[], None]) -> None:
        self.trouble = None

        def work() -> None:
            try:
                act(self.record.victim)
            except OpsError as error:
                self.trouble = error

        self.worker = threading.Thread(target=work, name="fault")
        self.worker.start()
        while True:
            tell()  # once at least, however quick the fault is
            self.worker.join(TICK_SECONDS)
            if not self.worker.is_alive():
                break
        if self.trouble is not None:
            raise ConnectionError(str(self.trouble))


def _baseline(record: Record, load: Load, tell: Callable[[str, Record | None], None]) -> None:
    """Write undisturbed for a while: a stack that fails without a fault is not measured."""
    end = record.clock.now() + record.plan.baseline_seconds
    while record.clock.now() < end:
        _count(record, load)
        tell("baseline", record)
        time.sleep(TICK_SECONDS)
    _count(record, load)
    failed = ledger.errors([one for each in record.operations.values() for one in each])
    if failed:
        raise ConnectionError(f"writes fail without a fault ({', '.join(failed)}): nothing was cut")


def _recovery(record: Record, load: Load, tell: Callable[[str, Record | None], None]) -> None:
    """Write on until the time is up and writes are acknowledged again, or the limit is reached."""
    cut = record.cut_began or 0.0
    done = record.cut_ended or cut  # on a busy computer the command takes seconds, and breaks at its end
    limit = record.plan.recovery_limit(record.stack)
    while True:
        time.sleep(TICK_SECONDS)
        _count(record, load)
        now = record.clock.now()
        whole = _whole(record, cut, now)
        tell("writes are acknowledged again" if whole else "waiting for a master", record)
        if now - done >= (record.plan.seconds if whole else limit):
            record.happened("recovered" if whole else "not-recovered")
            return


def _whole(record: Record, cut: float, now: float) -> bool:
    """Tell whether writes are acknowledged again, or always were where a drill need not disturb one."""
    operations = record.operations[PROBE]
    if record.kind.expected.disturbed or any(one.disturbed for one in operations if one.finished >= cut):
        return ledger.recovered(operations, cut, now, CALM_SECONDS)
    return any(one.finished >= now - CALM_SECONDS for one in operations)


def _return(record: Record, dial: Dial, load: Load, tell: Callable[[str, Record | None], None]) -> None:
    """Wait until the stack is healthy with the old master in it; meanwhile look whether two nodes take writes."""
    end = record.clock.now() + record.plan.rejoin_seconds
    again = 0.0
    while record.clock.now() < end:
        _count(record, load)
        tell(f"waiting until all is well with {record.victim}", record)
        time.sleep(TICK_SECONDS)
        if record.clock.now() < again:
            continue
        seen = look(record.stack, dial)
        again = record.clock.now() + LOOK_AGAIN_SECONDS
        if any(one.code == "two-writable" for one in seen.findings):
            record.two_writable = True
            record.happened("two-writable")
        if seen.healthy:
            record.rejoined = record.happened("rejoined", record.victim)
            return
    record.happened("not-rejoined", record.victim)


def _count(record: Record, load: Load) -> None:
    for writer in load.writers():
        record.operations[writer.name] = writer.operations()


def _settle_losses(record: Record, load: Load) -> None:
    """Read back what was written, and delete it; an interrupted drill does not wait for that."""
    record.losses = {writer.name: None for writer in load.writers()}
    if record.interrupted:
        return
    time.sleep(SETTLE_SECONDS)
    with contextlib.closing(redis_ha_client.connect(record.stack.connection, record.stack.credentials)) as reader:
        for writer in load.writers():
            operations = record.operations[writer.name]
            try:
                if record.cut_began is not None:
                    record.losses[writer.name] = ledger.loss(operations, read_back(reader, writer, operations))
            except (RedisError, OSError) as error:
                record.trouble = f"reading back: {error}"
            clean_up(reader, writer, operations)
