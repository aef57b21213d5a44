"""What the program looks up before it builds: what tools shifted since, whether a shift is running, what stands in a zone."""

import json
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws
import pytest

import settings

WEIGHTED = {"region": "eu-central-1", "weight_authority": "runtime", "weights": {"blue": 100, "green": 0}}
PATH = "/redis-ha/prod/weighted_blue_green"
HELD = {"version": 1, "holder": "alice", "expires": "2999-01-01T00:00:00Z"}
OVER = {"version": 1, "holder": "alice", "expires": "2001-01-01T00:00:00Z"}


class World:
    """The account as the look-ups find it, and what the program warned of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parameters: dict[str, Any] | None = {}
        self.records: list[dict[str, Any]] | None = []
        self.asked: list[dict[str, Any]] = []
        self.warned: list[str] = []
        self.dry_run = True
        monkeypatch.setattr(pulumi_aws.ssm, "get_parameters_by_path", self._by_path)
        monkeypatch.setattr(pulumi_aws.route53, "get_records", self._records)
        monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: self.dry_run)
        monkeypatch.setattr(pulumi, "warn", self.warned.append)

    def _by_path(self, **given: Any) -> SimpleNamespace:
        self.asked.append(given)
        if self.parameters is None:
            raise RuntimeError("no credentials")
        return SimpleNamespace(names=list(self.parameters), values=[json.dumps(value) for value in self.parameters.values()])

    def _records(self, **given: Any) -> SimpleNamespace:
        self.asked.append(given)
        if self.records is None:
            raise RuntimeError("no credentials")
        return SimpleNamespace(resource_record_sets=[SimpleNamespace(**row) for row in self.records])

    def found(self, block: str = "weighted_blue_green", **args: Any) -> dict[str, Any]:
        """Return the arguments that the look-ups give."""
        return settings._runtime_records("prod", block, settings.SHIFTED[block], {**WEIGHTED, **args})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_plan_of_record_reaches_the_component(world: World) -> None:
    world.parameters = {f"{PATH}/weights": {"version": 1, "blue": 90, "green": 10}}
    assert world.found() == {
        "record_path": PATH,
        "runtime_unknown": False,
        "runtime_weights": {"blue": 90, "green": 10},
    }
    assert world.asked == [{"path": PATH, "region": "eu-central-1"}]


def test_before_the_first_shift_there_is_none(world: World) -> None:
    assert world.found(record_path="/shop/traffic") == {"record_path": "/shop/traffic", "runtime_unknown": False}


def test_a_live_colour_reaches_the_component(world: World) -> None:
    path = "/redis-ha/prod/live_colour_record"
    world.parameters = {f"{path}/live": {"version": 1, "colour": "green"}}
    assert world.found("live_colour_record", live_authority="runtime")["runtime_live"] == "green"


def test_a_listener_knows_greater_weights_than_dns(world: World) -> None:
    world.parameters = {
        f"/redis-ha/prod/{block}/weights": {"version": 1, "blue": 999, "green": 0}
        for block in ("alb_blue_green", "weighted_blue_green")
    }
    assert world.found("alb_blue_green")["runtime_weights"]["blue"] == 999
    with pytest.raises(settings.SettingsError, match=r"weighted_blue_green: .*/weights: blue is 999"):
        world.found()


def test_where_nobody_can_look_a_preview_goes_on_and_says_so(world: World) -> None:
    world.parameters = None
    assert world.found() == {"record_path": PATH, "runtime_unknown": True}
    assert [PATH in line and "no credentials" in line for line in world.warned] == [True]


def test_where_nobody_can_look_up_is_refused_when_tools_have_the_say(world: World) -> None:
    world.parameters, world.dry_run = None, False
    with pytest.raises(settings.SettingsError, match="weight_authority: runtime, but the parameters below"):
        world.found()
    assert world.found(weight_authority="stack")["runtime_unknown"]


def test_a_running_shift_stops_up_and_is_told_by_a_preview(world: World) -> None:
    world.parameters = {f"{PATH}/lease": HELD}
    world.found()
    assert ["held by 'alice'" in line and "`up` will be refused" in line for line in world.warned] == [True]
    world.dry_run = False
    with pytest.raises(settings.SettingsError, match=r"prod.*weighted_blue_green: a shift is running: .*held by 'alice'"):
        world.found()
    world.parameters = {f"{PATH}/lease": OVER}
    world.found()


def test_a_record_that_says_nothing_usable_is_named(world: World) -> None:
    world.parameters = {f"{PATH}/weights": {"version": 2}}
    with pytest.raises(settings.SettingsError, match=r"weighted_blue_green: .*/weights: version is 2"):
        world.found()


def test_a_known_zones_records_reach_the_component(world: World) -> None:
    world.records = [
        {"name": "app.example.com", "type": "A", "set_identifier": ""},
        {"name": "api.example.com", "type": "A", "set_identifier": "blue"},
    ]
    assert world.found(zone_id="Z123")["known_records"] == [
        {"name": "app.example.com", "type": "A"},
        {"name": "api.example.com", "type": "A", "set_identifier": "blue"},
    ]
    assert world.asked[-1] == {"zone_id": "Z123"}
    world.records = None
    assert "known_records" not in world.found(zone_id="Z123")
    assert "the records of zone Z123 could not be looked up" in world.warned[-1]
    assert "known_records" not in world.found()
