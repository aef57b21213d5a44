"""Who has the say over live weights: plain functions on plain data."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redis_ha.traffic import authority
from redis_ha.traffic.authority import Decision, Lease, RuntimeRecords, Weights

PATH = "/redis-ha/prod/traffic"
NOW = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
LEASE = {"version": 1, "holder": "shift by alice", "expires": "2026-11-21T19:05:00Z"}


def test_runtime_records_of_a_path() -> None:
    found = {
        f"{PATH}/weights": '{"version": 1, "blue": 90, "green": 10}',
        f"{PATH}/live": '{"version": 1, "colour": "green"}',
        f"{PATH}/lease": json.dumps(LEASE),
        f"{PATH}/history": "whatever else is there",
    }
    assert authority.read_records(PATH, found) == RuntimeRecords(
        weights=Weights(90, 10), live="green", lease=Lease("shift by alice", NOW + timedelta(minutes=5))
    )
    assert authority.read_records(PATH, {}) == RuntimeRecords()
    assert authority.read_records(PATH, None) == RuntimeRecords(unknown=True)


def test_what_is_written_can_be_read() -> None:
    assert authority.parse_weights(authority.weights_document(Weights(0, 255))) == Weights(0, 255)
    assert authority.parse_live(authority.live_document("blue")) == "blue"


def test_a_listener_has_greater_weights() -> None:
    document = authority.weights_document(Weights(999, 0))
    with pytest.raises(authority.InvalidDocumentError, match="no weight from 0 to 255"):
        authority.parse_weights(document)
    assert authority.read_records(PATH, {f"{PATH}/weights": document}, highest=999).weights == Weights(999, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("90/10", "is no JSON"),
        ("[90, 10]", "is no JSON object"),
        ('{"blue": 90, "green": 10}', "version is None"),
        ('{"version": 2, "blue": 90, "green": 10}', "version is 2; this release reads version 1"),
        ('{"version": 1, "blue": 90}', "green is None"),
        ('{"version": 1, "blue": 256, "green": 0}', "blue is 256, no weight from 0 to 255"),
        ('{"version": 1, "blue": -1, "green": 0}', "blue is -1"),
        ('{"version": 1, "blue": true, "green": 0}', "blue is True"),
        ('{"version": 1, "blue": 1.5, "green": 0}', "blue is 1.5"),
    ],
)
def test_a_plan_of_record_that_says_nothing(text: str, says: str) -> None:
    with pytest.raises(authority.InvalidDocumentError) as caught:
        authority.read_records(PATH, {f"{PATH}/weights": text})
    assert str(caught.value).startswith(f"{PATH}/weights: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ['{"version": 1}', '{"version": 1, "colour": "red"}'])
def test_a_live_colour_that_says_nothing(text: str) -> None:
    with pytest.raises(authority.InvalidDocumentError, match="neither blue nor green"):
        authority.parse_live(text)


@pytest.mark.parametrize(
    "changes", [{"holder": ""}, {"holder": None}, {"expires": "soon"}, {"expires": None}, {"expires": "2026-11-21T19:05:00"}]
)
def test_a_lease_that_says_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(authority.InvalidDocumentError, match=next(iter(changes))):
        authority.parse_lease(json.dumps(LEASE | changes))


def test_a_lease_holds_until_it_expires() -> None:
    lease = authority.parse_lease(json.dumps(LEASE))
    refusal = authority.lease_refusal(lease, NOW, PATH)
    assert refusal is not None
    assert f"{PATH}/lease is held by 'shift by alice' until 2026-11-21T19:05:00+00:00" in refusal
    assert authority.lease_refusal(lease, NOW + timedelta(minutes=5), PATH) is None
    assert authority.lease_refusal(None, NOW, PATH) is None


CONFIGURED, LIVE = Weights(100, 0), Weights(40, 60)


@pytest.mark.parametrize(
    ("who", "records", "decision"),
    [
        ("stack", RuntimeRecords(), Decision(CONFIGURED)),
        ("stack", RuntimeRecords(weights=CONFIGURED), Decision(CONFIGURED)),
        ("runtime", RuntimeRecords(), Decision(CONFIGURED)),
        ("runtime", RuntimeRecords(weights=LIVE), Decision(LIVE)),
    ],
)
def test_which_weights_are_in_force(who: str, records: RuntimeRecords, decision: Decision[Weights]) -> None:
    assert authority.decide_weights(who, CONFIGURED, records, PATH) == decision


def test_the_stack_does_not_take_over_with_other_weights() -> None:
    with pytest.raises(authority.AuthorityError) as caught:
        authority.decide_weights("stack", CONFIGURED, RuntimeRecords(weights=LIVE), PATH)
    assert caught.value.argument == "weights"
    assert f"blue 100, green 0, but {PATH}/weights says blue 40, green 60" in str(caught.value)


def test_the_stack_does_not_take_over_with_another_colour() -> None:
    with pytest.raises(authority.AuthorityError) as caught:
        authority.decide_live("stack", "blue", RuntimeRecords(live="green"), PATH)
    assert caught.value.argument == "live"
    assert authority.decide_live("runtime", "blue", RuntimeRecords(live="green"), PATH).value == "green"


def test_whoever_could_not_look_keeps_what_the_state_has() -> None:
    unknown = RuntimeRecords(unknown=True)
    decision = authority.decide_weights("runtime", CONFIGURED, unknown, PATH)
    assert (decision.value, decision.keep_recorded) == (CONFIGURED, True)
    assert decision.warning == f"{PATH}/weights could not be looked up: weights stay as the state has them"
    decision = authority.decide_weights("stack", CONFIGURED, unknown, PATH)
    assert not decision.keep_recorded
    assert "whether a tool has moved traffic since is not known" in str(decision.warning)


@pytest.mark.parametrize("path", ["/redis-ha/prod/traffic", "/a", "/a.b/c_d-e", "/my/aws"])
def test_paths(path: str) -> None:
    assert authority.RECORD_PATH.fullmatch(path)


@pytest.mark.parametrize(
    "path",
    ["redis-ha", "/", "/a/", "/a//b", "/aws/x", "/ssm", "/awsome", "/AWS-reserved/x", "/a b", "/a" * 15, "/" + "a" * 900],
)
def test_no_paths(path: str) -> None:
    assert not authority.RECORD_PATH.fullmatch(path)
