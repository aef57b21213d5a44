"""Generated argument sets of the components: each is accepted or refused by its argument, and plans fit the provider's rules.

What is accepted, a plain function of each component decides, before anything is registered: it is asked about all sets. A few
sets, which together have every option and every mistake, go through the hosted provider. They show that it asks the same
function, and what it registers. What a valid resource is, the emulated providers' rule tables say; the components do not know
them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pulumi
import pytest

from redis_ha.arguments import camel_case
from redis_ha.elasticache.alarm_table import alarms
from redis_ha.elasticache.alarms import wanted_alarms
from redis_ha.elasticache.global_datastore import checked_global_plan
from redis_ha.elasticache.group import checked_plan
from redis_ha.elasticache.monitored import Watched
from redis_ha.elasticache.replication import group_arguments, secondary_arguments
from redis_ha.failover.automation import checked_plan as checked_automation
from redis_ha.traffic import live, weighted
from redis_ha.traffic.alb import checked_alb_plan
from tests.support import alb_sets, elasticache_sets, failover_sets, global_sets, traffic_sets
from tests.support.argument_sets import LEFT_OUT, Arguments, ArgumentSet, few_with_all, options
from tests.support.hosted import in_the_schemas_words, refusals, refused_by
from tests.support.provider_rules import faults, faults_of
from tests.support.pulumi_world import Monitor

SETS = 1_000
GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
# What a secondary has instead of an engine of its own.
JOINED = {"global_replication_group_id": "iudkw-orders"}
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def checked_datastore(name: str, args: Mapping[str, Any]) -> None:
    """Check as the datastore does, and as the group does that it makes."""
    plan = checked_global_plan(name, args)
    if plan.primary is not None:
        checked_plan(f"{name}-{plan.primary_region}", plan.primary_args)


def one_a_region(monitor: Monitor, args: Arguments) -> bool:
    groups = len(args["secondaries"]) + ("primary" in args)
    return (len(monitor.names("GlobalReplicationGroup")), len(monitor.names("ReplicationGroup"))) == (1, groups)


@dataclass(frozen=True)
class Sets:
    """A component, the function that decides, how its sets are generated, and what every accepted one registers."""

    component: str
    check: Callable[[str, Mapping[str, Any]], object]
    generated: Callable[[int], list[ArgumentSet]]
    mistakes: Sequence[object]
    free: Collection[str]
    registers: Callable[[Monitor, Arguments], object]

    def refused(self, one: ArgumentSet) -> list[str]:
        try:
            self.check(f"set-{one.number}", one.args)
        except pulumi.InputPropertiesError as error:
            return refused_by(error)
        return []


ALL = [
    Sets(
        "AlbBlueGreen", checked_alb_plan, alb_sets.argument_sets, alb_sets.MISTAKES, ("tags", "overrides"),
        lambda monitor, _: monitor.names("LoadBalancer"),
    ),
    Sets(
        "ElastiCacheHaGroup", checked_plan, elasticache_sets.argument_sets, elasticache_sets.MISTAKES,
        ("tags", "users", "parameters", "overrides"), lambda monitor, _: monitor.names("ReplicationGroup"),
    ),
    Sets(
        "FailoverAutomation", checked_automation, failover_sets.argument_sets, failover_sets.MISTAKES,
        failover_sets.FREE_NAMES, lambda monitor, _: monitor.names("Function"),
    ),
    Sets(
        "GlobalDatastore", checked_datastore, global_sets.argument_sets, global_sets.MISTAKES,
        global_sets.FREE_NAMES, one_a_region,
    ),
    Sets(
        "LiveColourRecord", live.checked_plan, traffic_sets.live_sets, traffic_sets.LIVE_MISTAKES, ("tags",),
        lambda monitor, _: monitor.names("Record"),
    ),
    Sets(
        "WeightedBlueGreen", weighted.checked_plan, traffic_sets.weighted_sets, traffic_sets.WEIGHTED_MISTAKES,
        ("tags", "names", "parts"), lambda monitor, _: monitor.names("Record"),
    ),
]  # fmt: skip
every_component = pytest.mark.parametrize("sets", ALL, ids=[sets.component for sets in ALL])


def named(wrong: str, refused: Collection[str]) -> bool:
    """Tell whether the argument is among the refused ones; one that ends with a dot stands for all that begin with it."""
    argument = camel_case(wrong)
    return any(path == argument or (argument.endswith(".") and path.startswith(argument)) for path in refused)


@every_component
def test_every_set_is_accepted_or_refused_by_its_argument(sets: Sets) -> None:
    generated = sets.generated(SETS)
    for one in generated:
        refused = sets.refused(one)
        if one.wrong is None:
            assert refused == [], one
        else:
            assert named(one.wrong, refused), (one, refused)
    assert {one.mistake for one in generated} == {None, *range(len(sets.mistakes))}


@every_component
def test_hosted_it_decides_the_same_and_registers_what_fits_the_providers_rules(sets: Sets) -> None:
    for one in few_with_all(sets.generated(SETS), sets.free):
        arguments = in_the_schemas_words(one.args, sets.free)
        monitor, found = refusals(sets.component, f"set-{one.number}", arguments)
        refused = {path.split("[", maxsplit=1)[0] for path in found}  # the schema names an entry, the component its list
        if one.wrong is None:
            assert found == [], one
            assert faults(monitor) == [], one
            assert sets.registers(monitor, one.args), one
        else:
            # The schema stops at the first argument that is missing; the component names all that is wrong.
            assert named(one.wrong, refused), (one, refused)
            assert refused <= set(sets.refused(one)), one
            assert monitor.order == [], one


def test_every_group_and_alarm_of_the_sets_fits_the_providers_rules() -> None:
    watches = set()
    for one in elasticache_sets.argument_sets(SETS):
        if one.wrong is None:
            plan = checked_plan(f"set-{one.number}", one.args)
            assert faults_of(GROUP, in_the_schemas_words(group_arguments(plan), ())) == [], one
            watches.add(Watched(replace(plan.topology, group_id="group"), plan.node_type))
    assert watches
    for watched in watches:
        for alarm in alarms(watched, wanted_alarms(None, watched)).values():
            assert faults_of(ALARM, in_the_schemas_words(alarm, ())) == [], watched


def test_every_member_of_the_datastores_fits_the_providers_rules() -> None:
    for one in global_sets.argument_sets(SETS):
        if one.wrong is None:
            plan = checked_global_plan(f"set-{one.number}", one.args)
            members = [secondary_arguments(secondary) | JOINED for secondary in plan.secondaries.values()]
            if plan.primary is not None:
                members.append(group_arguments(plan.primary))
            for member in members:
                assert faults_of(GROUP, in_the_schemas_words(member, ())) == [], one


@every_component
def test_the_hosted_sets_have_every_option_and_every_mistake(sets: Sets) -> None:
    generated = sets.generated(SETS)
    few = few_with_all(generated, sets.free)
    assert {one.mistake for one in few} == {None, *range(len(sets.mistakes))}
    tried = options(generated, sets.free)
    assert set().union(*(tried[one.number] for one in few)) == set().union(*tried.values())


GOOD = ArgumentSet(
    101,
    {"size": 2, "name": "of-101", "zones": ["a", "b"], "names": {"x.y": {"ttl": 5}}, "tags": {"a_b": "c"}, "log": {"on": {}}},
)


def test_options_are_values_at_every_depth_and_what_is_left_out() -> None:
    bare, spoiled = ArgumentSet(102, {"size": 1}), ArgumentSet(103, {"size": -1}, "size", 0)
    tried = options([GOOD, bare, spoiled], ("names", "tags"))
    assert tried[101] == {
        ("size", "2"), ("zones", "2 entries"), ("zones[]", "'a'"), ("zones[]", "'b'"), ("names", "x.y"), ("names.*.ttl", "5"),
        ("tags", "a_b"), ("tags.*", "'c'"), ("log.on", "{}"),
    }  # fmt: skip
    assert tried[102] == {("size", "1")} | {(name, LEFT_OUT) for name in ("name", "zones", "names", "tags", "log")}
    assert tried[103] == {("mistake", "0")}


def test_few_sets_are_taken_and_none_that_adds_nothing() -> None:
    first, second = ArgumentSet(1, {"a": 1}), ArgumentSet(2, {"a": 2, "b": 5})
    spoiled = [ArgumentSet(number, {}, "a", mistake) for number, mistake in ((3, 0), (4, 1), (5, 0))]
    few = few_with_all([first, ArgumentSet(6, {"a": 1}), second, *spoiled], ())
    assert {one.number for one in few} == {1, 2, 3, 4}
