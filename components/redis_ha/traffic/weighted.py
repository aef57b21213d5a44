"""WeightedBlueGreen: names of Route 53 that lead to blue or green by weight."""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.adopting import Adoption
from redis_ha.arguments import InvalidArgumentsError
from redis_ha.guard import Judge, apart, hooks_of
from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .authority import COLOURS
from .health import Maker
from .names import record_import_id
from .permissions import shift_policy
from .plan import Plan, make_plan
from .refusals import any_change, identity_changes, record_guard, weight_changes
from .settings import ColourIdentifiers, ColourWeights, KnownRecord, TrafficHealth, WeightedName
from .targets import NamePlan, distinct, identity

ADOPT = "if it is meant to become this stack's, set adopt of its name to true; else remove it or use another name"


class WeightedBlueGreenArgs(TypedDict):
    """What a WeightedBlueGreen is made of. Needed are `region`, `zone_id`, `zone_name`, `names` and `weights`."""

    region: str
    """AWS region of the runtime records and, unless they say otherwise, of the health checks' alarms. Route 53 has none."""
    zone_id: pulumi.Input[str]
    """Id of the hosted zone."""
    zone_name: str
    """The hosted zone's own name, e.g. `example.com`: every name has to be in it."""
    private: NotRequired[bool]
    """Whether the zone is private. Default false. In a private zone a colour's health is known by alarms only."""
    names: Mapping[str, WeightedName]
    """The names that move together, each in full, e.g. `api.example.com`, with where blue and green lead to."""
    weights: ColourWeights
    """Weights of both colours, the same for all names. With `weight_authority` runtime: until a tool has written others."""
    allow_both_zero: NotRequired[bool]
    """Whether both weights may be 0, which sends half to either colour. Default false."""
    ttl_seconds: NotRequired[int]
    """Seconds that resolvers keep records that are no aliases. Default 60."""
    weight_authority: NotRequired[str]
    """What decides the weights: `stack` (default): the argument `weights`; `runtime`: the plan of record under `record_path`,
    which tools write and `up` never reverts."""
    runtime_weights: NotRequired[ColourWeights]
    """The plan of record as it was looked up. Default: there is none yet."""
    runtime_unknown: NotRequired[bool]
    """Whether the look-up was impossible. Default false. With authority runtime the weights then stay as the state has them."""
    record_path: NotRequired[str]
    """Path of the runtime records' parameters: `weights`, and `lease` while a shift runs. Default `/redis-ha/<name>`."""
    known_records: NotRequired[Sequence[KnownRecord]]
    """Records of the zone, as the program looked them up. Default: no look-up was made."""
    set_identifiers: NotRequired[ColourIdentifiers]
    """Set identifiers of the records, for adopting existing ones; they never change. Default `blue` and `green`."""
    health: NotRequired[TrafficHealth]
    """Health checks of the colours, for all names. Default: none but what aliases evaluate."""
    standby_receives_on_failure: NotRequired[bool]
    """Whether a colour with weight 0 takes over when the other one is unhealthy. Required when there is a health check or an
    alias that evaluates its target's health: with these a weight of 0 can still get traffic."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of the health checks; records have none."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace the records. Default true."""


class WeightedBlueGreen(pulumi.ComponentResource):
    """Weighted records of Route 53: each name answers with blue or green in proportion to their weights.

    Raw children: `records` (by name, type and colour), `health_checks`.
    """

    record_names: pulumi.Output[list[str]]
    """The names, in full."""
    set_identifiers: pulumi.Output[dict[str, str]]
    """Set identifiers by colour."""
    weights: pulumi.Output[dict[str, int]]
    """Weights in force, by colour."""
    record_path: pulumi.Output[str]
    """Path of the runtime records."""
    health_check_ids: pulumi.Output[dict[str, str]]
    """Ids of the health checks: `blue` and `green` for a colour that gets traffic, `standby` for one that must not get any."""
    traffic: pulumi.Output[dict[str, Any]]
    """What a tool has to know to shift traffic: version, zone, records, set identifiers, health checks, the weights that the
    stack last set, path. Not secret."""
    shift_policy: pulumi.Output[str]
    """IAM policy (JSON) for who shifts: changes these records in place, nothing else of the zone, and the runtime records."""

    def __init__(self, name: str, args: WeightedBlueGreenArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the records. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_plan(name, args)
        self._adoption = adoption = Adoption({one.name: "record" for one in plan.names if one.adopt})
        own = hooks_of(adoption.hooks(f"{name}{apart(opts)}"))
        super().__init__("redis-ha:index:WeightedBlueGreen", name, adoption.record, pulumi.ResourceOptions.merge(opts, own))
        adoption.settle(self)
        self._args: Mapping[str, Any] = args
        if plan.decision.warning is not None:
            pulumi.log.warn(plan.decision.warning, self)
        self.health_checks: dict[str, aws.route53.HealthCheck] = {}
        health = self._make_health(plan)
        self.records: dict[tuple[str, str, str], aws.route53.Record] = {}
        hooks = record_guard(f"{name}-records{apart(opts)}", judges(plan), adoption, plan.known, ADOPT)
        first, second = plan.order()
        made = [self._make_record(plan, one, kind, first, health, hooks, []) for one in plan.names for kind in one.types]
        for one in plan.names:
            for kind in one.types:
                self._make_record(plan, one, kind, second, health, hooks, made)
        self._make_outputs(plan, health)

    @staticmethod
    def check(name: str, args: WeightedBlueGreenArgs) -> Plan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_plan(name, args)

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _make_health(self, plan: Plan) -> dict[str, pulumi.Input[str]]:
        names = frozenset(one.name for one in plan.names)
        maker = Maker(plan.name, plan.region, plan.tags, self._child, names, self.health_checks)
        settings = self._args.get("health") or {}
        found = {colour: maker.check(colour, settings[colour], f"health.{colour}") for colour in plan.checked_colours}
        if plan.isolates_standby:
            found["standby"] = maker.standby()
        return found

    def _make_record(
        self,
        plan: Plan,
        one: NamePlan,
        kind: str,
        colour: str,
        health: Mapping[str, pulumi.Input[str]],
        hooks: pulumi.ResourceHookBinding,
        after: Sequence[pulumi.Resource],
    ) -> aws.route53.Record:
        wanted = plan.record(one, kind, colour)
        ignored = ["weightedRoutingPolicies"] if plan.decision.keep_recorded else []
        if ignored and plan.isolates_standby:
            ignored.append("healthCheckId")  # follows the weight
        record = aws.route53.Record(
            f"{plan.name}-{one.name}-{kind.lower()}-{colour}",
            zone_id=self._args["zone_id"],
            name=one.name,
            type=kind,
            set_identifier=wanted.set_identifier,
            weighted_routing_policies=[{"weight": plan.decision.value.of(colour)}],
            health_check_id=health.get("standby" if plan.isolates_standby and plan.is_standby(colour) else colour),
            **self._target(one, colour),
            opts=self._child(
                depends_on=list(after),
                protect=plan.protect,
                import_=record_import_id(self._args["zone_id"], wanted) if one.adopt else None,
                ignore_changes=ignored,
                # The same name, type and set identifier cannot be there twice, and made over the old one it would be deleted
                # with it (hashicorp/terraform-provider-aws issue 32460).
                delete_before_replace=True,
                hooks=hooks,
            ),
        )
        self.records[one.name, kind, colour] = record
        return record

    def _target(self, one: NamePlan, colour: str) -> dict[str, Any]:
        """Return where a record leads to: another place than the other colour's, which is checked as soon as both are known."""
        settings = self._args["names"][one.key]
        target, other = settings[colour], settings["green" if colour == "blue" else "blue"]
        value = distinct(identity(target), identity(other), f"names.{one.key}.green")
        if one.kinds[colour] != "alias":
            return {"records": [value], "ttl": one.ttl}
        alias = target["alias"]
        evaluates = alias.get("evaluate_target_health") is not False
        return {"aliases": [{"name": value, "zone_id": alias["zone_id"], "evaluate_target_health": evaluates}]}

    def _make_outputs(self, plan: Plan, health: Mapping[str, pulumi.Input[str]]) -> None:
        zone_id = pulumi.Output.from_input(self._args["zone_id"])
        names, types = [one.name for one in plan.names], sorted({kind for one in plan.names for kind in one.types})
        first = plan.names[0]
        live = {colour: self.records[first.name, first.types[0], colour] for colour in COLOURS}
        self.record_names = pulumi.Output.from_input(names)
        self.set_identifiers = pulumi.Output.from_input(dict(plan.identifiers))
        # What is ignored is known by the records alone.
        self.weights = pulumi.Output.all(
            **{colour: record.weighted_routing_policies.apply(weight_of) for colour, record in live.items()}
        )
        self.record_path = pulumi.Output.from_input(plan.record_path)
        self.health_check_ids = pulumi.Output.all(**health) if health else pulumi.Output.from_input({})
        self.traffic = pulumi.Output.all(zone=zone_id, health=self.health_check_ids, weights=self.weights).apply(
            lambda known: traffic_document(plan, known["zone"], known["health"], known["weights"])
        )
        self.shift_policy = shift_policy(self, zone_id, plan.region, names, types, plan.record_path)
        self.register_outputs(outputs_of(self) | self._adoption.outputs(self))


def checked_plan(name: str, args: Mapping[str, Any]) -> Plan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    what = f"WeightedBlueGreen {name!r}"
    with as_input_errors():
        known_now(what, args, WeightedBlueGreenArgs)
        plan, checks = make_plan(name, args, tuple(WeightedBlueGreenArgs.__annotations__))
        if checks.problems:
            raise InvalidArgumentsError(what, checks.problems)
    return plan


def judges(plan: Plan) -> list[Judge]:
    """Return what judges an update of a living record."""
    found: list[Judge] = [identity_changes]
    if plan.authority == "runtime" and not plan.plan_of_record and not plan.decision.keep_recorded:
        reason = (
            "weight_authority is runtime and no plan of record is there yet, so what the stack has is live; shift with a tool, "
            "or set weight_authority to stack for this update"
        )
        found.append(lambda old, new: weight_changes(old, new, reason))
    warning = plan.decision.warning
    if warning is None or pulumi.runtime.is_dry_run():
        return found
    if plan.decision.keep_recorded:
        return [*found, any_change("weights", warning)]
    return [*found, lambda old, new: weight_changes(old, new, warning)]


def weight_of(policies: Sequence[Any] | None) -> int:
    """Return the weight in a record's routing policies."""
    first: Any = (policies or [{}])[0]
    return int(first["weight"] if isinstance(first, Mapping) else first.weight)


def traffic_document(plan: Plan, zone_id: str, health: Mapping[str, str], weights: Mapping[str, int]) -> dict[str, Any]:
    """Return what a tool has to know to shift: a colour that gets weight 0 takes the `standby` check where there is one."""
    return {
        "version": 1,
        "kind": "weighted",
        "zone_id": zone_id,
        "zone_name": plan.zone,
        "records": [{"name": one.name, "type": kind} for one in plan.names for kind in one.types],
        "set_identifiers": dict(plan.identifiers),
        "health_check_ids": dict(health),
        "weights": dict(weights),
        "authority": plan.authority,
        "region": plan.region,
        "record_path": plan.record_path,
    }
