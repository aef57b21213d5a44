"""Runbooks: what is refused, how a run goes, ends, pauses and is gone on with after a kill at any call."""

import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from redis_ha_ops.cloud import CloudError
from redis_ha_ops.errors import OpsError
from redis_ha_ops.runbook import confirming, history, running
from redis_ha_ops.runbook.desk import Ended, Run, unfinished
from redis_ha_ops.runbook.plan import Answer, Check, Runbook, Step, told
from tests.support.fake_cloud import PATH, FakeCloud, Killed, switches

NAMES = ("a", "b", "c")


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud()


def calls_of_a_whole_run(tmp_path: Path) -> int:
    cloud = FakeCloud()
    assert running.start(switches(cloud, *NAMES), cloud.desk(tmp_path / "whole")).outcome == "done"
    return len(cloud.calls)


def gone_on(cloud: FakeCloud, folder: Path, go: Callable[..., Ended] = running.resume) -> Ended:
    """Go on with a run, or begin it where the kill came before it was written down."""
    book, desk = switches(cloud, *NAMES), cloud.desk(folder)
    begun = unfinished(desk.records) is not None
    return go(book, desk) if begun else running.start(book, desk)


def test_a_run_does_each_step_once_and_leaves_nothing_but_its_history(cloud: FakeCloud, tmp_path: Path) -> None:
    ended = running.start(switches(cloud, *NAMES), cloud.desk(tmp_path), finish=lambda _, outcome: f"report-{outcome}")
    assert (ended.outcome, cloud.turned, cloud.parameters) == ("done", ["a on", "b on", "c on"], {})
    (line,) = history.read(tmp_path)
    assert (line["runbook"], line["outcome"], line["report"]) == ("turn", "done", "report-done")
    assert line["steps"] == dict.fromkeys(NAMES, "done")


@pytest.mark.parametrize("after", [False, True], ids=["before it was done", "after it was done"])
def test_a_run_killed_at_any_call_is_gone_on_with(tmp_path: Path, after: bool) -> None:
    for number in range(1, calls_of_a_whole_run(tmp_path) + 1):
        cloud = FakeCloud(kill_at=number, after=after)
        folder = tmp_path / str(number)
        with pytest.raises(Killed):
            running.start(switches(cloud, *NAMES), cloud.desk(folder))
        cloud.revive()
        over = history.read(folder) and unfinished(cloud.records()) is None  # all but the lease was given back
        ended = None if over else gone_on(cloud, folder)
        assert ended is None or ended.outcome == "done"
        assert cloud.turned == ["a on", "b on", "c on"], number
        assert f"{PATH}/run" not in cloud.parameters
        assert over or cloud.parameters == {}
        assert [line["outcome"] for line in history.read(folder)] == ["done"]
        facts = ended.journal.facts if ended else {}
        assert facts.keys() <= set(NAMES)


@pytest.mark.parametrize("after", [False, True], ids=["before it was done", "after it was done"])
def test_a_run_killed_at_any_call_is_taken_back(tmp_path: Path, after: bool) -> None:
    for number in range(1, calls_of_a_whole_run(tmp_path) + 1):
        cloud = FakeCloud(kill_at=number, after=after)
        folder = tmp_path / str(number)
        with pytest.raises(Killed):
            running.start(switches(cloud, *NAMES), cloud.desk(folder))
        cloud.revive()
        if unfinished(cloud.records()) is None:
            continue
        assert gone_on(cloud, folder, running.abort).outcome == "undone"
        assert not any(cloud.on.values()), number
        assert cloud.parameters == {}


def test_a_taking_back_that_is_killed_at_any_call_is_gone_on_with(tmp_path: Path) -> None:
    killed, number = True, 0
    while killed:
        number += 1
        cloud, folder = FakeCloud(), tmp_path / str(number)
        cloud.failing["turn"] = [CloudError("no", "AccessDenied")]
        cloud.on["b"] = True  # so that the failed step counts as begun
        book = switches(cloud, *NAMES)
        assert running.start(book, cloud.desk(folder)).outcome == "failed"
        cloud.calls, cloud.kill_at = [], number
        try:
            running.abort(book, cloud.desk(folder))
            killed = False
        except Killed:
            cloud.revive()
            if unfinished(cloud.records()) is not None:
                assert running.abort(book, cloud.desk(folder)).outcome == "undone"
        assert not cloud.on["a"], number
        assert f"{PATH}/run" not in cloud.parameters
    assert number > 3


def test_a_run_that_was_being_taken_back_is_not_gone_on_with(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.kill_at = 8
    book = switches(cloud, *NAMES)
    with pytest.raises(Killed):
        running.start(book, cloud.desk(tmp_path))
    cloud.revive()
    cloud.kill_at = 7
    with pytest.raises(Killed):
        running.abort(book, cloud.desk(tmp_path))
    cloud.revive()
    assert "undone" in str(cloud.parameters[f"{PATH}/run"][-1])
    with pytest.raises(OpsError, match="go on with --abort"):
        running.resume(book, cloud.desk(tmp_path))


@pytest.mark.parametrize("error", [CloudError("slow", "ThrottlingException"), CloudError("no answer", transient=True)])
def test_a_call_without_an_answer_is_not_made_twice_when_it_was_done(
    cloud: FakeCloud, tmp_path: Path, error: CloudError
) -> None:
    cloud.failing["turn"] = [error]
    assert running.start(switches(cloud, *NAMES), cloud.desk(tmp_path)).outcome == "done"
    assert cloud.turned == ["a on", "b on", "c on"]


def test_a_run_is_written_down_again_when_that_was_throttled(cloud: FakeCloud, tmp_path: Path) -> None:
    book, desk = switches(cloud, *NAMES), cloud.desk(tmp_path)
    begin = book.steps[0].act

    def act(run: Run) -> None:
        begin(run)
        cloud.failing["put_parameter"] = [CloudError("slow", "TooManyUpdates")]

    steps = [replace(book.steps[0], act=act), *book.steps[1:]]
    assert running.start(replace(book, steps=steps), desk).outcome == "done"


def test_what_aws_refuses_before_anything_was_changed_leaves_nothing_to_go_on_with(cloud: FakeCloud, tmp_path: Path) -> None:
    def refused(_: Run) -> None:
        raise CloudError("not allowed", "AccessDenied")

    book = switches(cloud, "a")
    ended = running.start(replace(book, steps=[replace(book.steps[0], act=refused)]), cloud.desk(tmp_path))
    assert (ended.outcome, ended.why, cloud.parameters) == ("failed", "not allowed", {})


def test_a_failed_step_stays_to_be_gone_on_with(cloud: FakeCloud, tmp_path: Path) -> None:
    book = switches(cloud, *NAMES)

    def refused(_: Run) -> None:
        raise CloudError("not allowed", "AccessDenied")

    ended = running.start(replace(book, steps=[book.steps[0], replace(book.steps[1], act=refused)]), cloud.desk(tmp_path))
    assert (ended.outcome, list(ended.journal.steps)) == ("failed", ["a"])
    assert f"{PATH}/lease" not in cloud.parameters
    assert running.resume(book, cloud.desk(tmp_path)).outcome == "done"
    assert cloud.turned == ["a on", "b on", "c on"]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let SIGINT do what it does in a terminal: a process that is started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_pause_ends_between_two_steps_and_the_second_signal_at_once(cloud: FakeCloud, tmp_path: Path) -> None:
    book = switches(cloud, *NAMES)
    begin = book.steps[0].act

    def interrupted(run: Run) -> None:
        begin(run)
        os.kill(os.getpid(), signal.SIGINT)

    ended = running.start(replace(book, steps=[replace(book.steps[0], act=interrupted), *book.steps[1:]]), cloud.desk(tmp_path))
    assert (ended.outcome, cloud.turned) == ("paused", ["a on"])
    assert [line["outcome"] for line in history.read(tmp_path)] == ["paused"]
    assert running.resume(book, cloud.desk(tmp_path)).outcome == "done"
    assert [line["outcome"] for line in history.read(tmp_path)] == ["done"]  # one run, one line

    def twice(run: Run) -> None:
        interrupted(run)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        running.start(replace(book, steps=[replace(book.steps[0], act=twice)]), cloud.desk(tmp_path))


def test_a_wait_that_is_paused_or_too_long(cloud: FakeCloud, tmp_path: Path) -> None:
    def waiting(run: Run) -> None:
        run.wait("the moon is full", lambda: False, 30)

    book = Runbook("wait", "Wait", "shop", steps=[Step("wait", "Wait", waiting)])
    ended = running.start(book, cloud.desk(tmp_path))
    assert (ended.outcome, ended.why) == ("failed", "the moon is full: not so after 30 s")

    def pausing(run: Run) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        run.wait("the moon is full", lambda: False, 30)

    paused = running.start(replace(book, steps=[Step("wait", "Wait", pausing)]), cloud.desk(tmp_path))
    assert (paused.outcome, cloud.parameters) == ("paused", {})


# --- refusals ---


def begun(cloud: FakeCloud, folder: Path) -> Runbook:
    """Leave a run behind whose operator was killed in the second step; return its runbook."""
    book = switches(cloud, *NAMES)
    cloud.kill_at, cloud.after = 9, True
    with pytest.raises(Killed):
        running.start(book, cloud.desk(folder))
    cloud.revive()
    assert cloud.turned == ["a on", "b on"]
    return book


def test_a_second_run_is_refused_while_one_has_not_ended(cloud: FakeCloud, tmp_path: Path) -> None:
    book = begun(cloud, tmp_path)
    with pytest.raises(OpsError, match=r"run \S+ of `turn` by ann@one has not ended.*--resume.*--abort"):
        running.start(book, cloud.desk(tmp_path))


def test_only_the_same_runbook_for_the_same_goes_on(cloud: FakeCloud, tmp_path: Path) -> None:
    book = begun(cloud, tmp_path)
    with pytest.raises(OpsError, match="is of `turn`"):
        running.resume(replace(book, name="other"), cloud.desk(tmp_path))
    with pytest.raises(OpsError, match=r"was asked for names \['a', 'b', 'c'\]"):
        running.resume(replace(book, given={"names": ["z"]}), cloud.desk(tmp_path))


@pytest.mark.parametrize("go", [running.resume, running.abort])
def test_nothing_to_go_on_with(cloud: FakeCloud, tmp_path: Path, go: Callable[..., Ended]) -> None:
    with pytest.raises(OpsError, match="no run has been left unfinished"):
        go(switches(cloud, *NAMES), cloud.desk(tmp_path))


def test_a_run_of_another_release_is_refused(cloud: FakeCloud, tmp_path: Path) -> None:
    book = begun(cloud, tmp_path)
    with pytest.raises(OpsError, match="no step 'b': the run was begun by another release"):
        running.abort(replace(book, steps=book.steps[:1]), cloud.desk(tmp_path))
    cloud.revive()
    cloud.parameters[f"{PATH}/run"].append(json.dumps({"version": 9}))
    with pytest.raises(OpsError, match="is of version 9, this release reads 1"):
        running.resume(book, cloud.desk(tmp_path))
    cloud.parameters[f"{PATH}/run"].append("{}")
    with pytest.raises(OpsError, match="is no run"):
        running.resume(book, cloud.desk(tmp_path))


@pytest.mark.parametrize(
    ("answer", "may", "refused"),
    [
        (Answer("fits", "yes"), False, False),
        (Answer("against", "no"), True, True),
        (Answer("unknown", "?"), False, True),
        (Answer("unknown", "?"), True, False),
    ],
)
def test_checks(cloud: FakeCloud, tmp_path: Path, answer: Answer, may: bool, refused: bool) -> None:
    said: list[str] = []
    book = replace(switches(cloud, "a"), checks=[Check("is it so", lambda: answer, may)])
    if refused:
        with pytest.raises(OpsError, match=f"turn is refused: is it so: {'no' if answer.text == 'no' else '.'}.*Nothing was"):
            running.start(book, cloud.desk(tmp_path, said))
        assert (cloud.turned, cloud.parameters) == ([], {})
    else:
        assert running.start(book, cloud.desk(tmp_path, said)).outcome == "done"
    assert any("is it so" in line for line in said)


def test_what_changed_while_a_person_thought_is_seen(cloud: FakeCloud, tmp_path: Path) -> None:
    answers = [Answer("against", "no more"), Answer("fits", "yes")]
    book = replace(switches(cloud, "a"), checks=[Check("is it so", answers.pop)])
    with pytest.raises(OpsError, match="no more"):
        running.start(book, cloud.desk(tmp_path))
    assert (cloud.turned, cloud.parameters) == ([], {})


def test_a_look_that_fails_is_not_known(cloud: FakeCloud, tmp_path: Path) -> None:
    def look() -> Answer:
        raise OpsError("nobody answers")

    with pytest.raises(OpsError, match="is it so: nobody answers"):
        running.start(replace(switches(cloud, "a"), checks=[Check("is it so", look)]), cloud.desk(tmp_path))


def test_a_no_touches_nothing(cloud: FakeCloud, tmp_path: Path) -> None:
    def ask() -> None:
        raise OpsError("that is another name; nothing was touched")

    with pytest.raises(OpsError, match="another name"):
        running.start(switches(cloud, "a"), cloud.desk(tmp_path), ask=ask)
    assert (cloud.turned, cloud.parameters) == ([], {})


@pytest.mark.parametrize(
    ("stack", "emulated", "protected"),
    [
        ("prod", False, True),
        ("shop-prod", False, True),
        ("Production", False, True),
        ("live_eu1", False, True),
        ("product", False, False),
        ("staging", False, False),
        ("prod", True, False),
    ],
)
def test_protected_by_name(stack: str, emulated: bool, protected: bool) -> None:
    assert confirming.is_protected(stack, emulated=emulated) is protected


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(OpsError, match=r"no terminal.*--yes"):
        confirming.refuse_unasked("staging", emulated=False, yes=False)
    confirming.refuse_unasked("staging", emulated=False, yes=True)
    with pytest.raises(OpsError, match="protected by its name: leave --yes out"):
        confirming.refuse_unasked("prod", emulated=False, yes=True)
    confirming.refuse_unasked("prod", emulated=True, yes=True)


@pytest.mark.parametrize("typed", ["shop", "prod"])
def test_the_stack_s_name_is_typed(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("click.prompt", lambda _: typed)
    if typed == "shop":
        confirming.confirm("shop", yes=False)
    else:
        with pytest.raises(OpsError, match="another name"):
            confirming.confirm("shop", yes=False)


def test_the_plan_in_words(cloud: FakeCloud) -> None:
    assert told(switches(cloud, "a")) == [
        "Turn the switches on",
        "  1. Turn a on",
        "     changes: switch a",
        "     undone by: turning a off",
    ]


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_steps_have_names_of_their_own(names: list[str]) -> None:
    def act(_: Any) -> None:
        raise AssertionError

    with pytest.raises(ValueError, match="a name of its own"):
        Runbook("x", "x", "x", steps=[Step(name, name, act) for name in names])


@pytest.mark.parametrize("stack", ["", "..", "a/b"])
def test_a_stack_s_folder_is_in_the_program_s(tmp_path: Path, stack: str) -> None:
    with pytest.raises(OpsError, match="no name of a stack"):
        history.folder_of(tmp_path, stack)


def test_a_cut_line_of_the_history_is_left_out(cloud: FakeCloud, tmp_path: Path) -> None:
    running.start(switches(cloud, "a"), cloud.desk(tmp_path))
    with (tmp_path / history.FILE).open("a") as file:
        file.write('{"id": "x", "runb')
    assert [line["outcome"] for line in history.read(tmp_path)] == ["done"]
    assert history.read(tmp_path / "none") == []
