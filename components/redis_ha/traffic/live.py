"""LiveColourRecord: one name of Route 53 that leads to the live colour, for Redis writers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.adopting import Adoption
from redis_ha.amazon import REGION
from redis_ha.arguments import Checks, InvalidArgumentsError, shown
from redis_ha.guard import Judge, apart, hooks_of
from redis_ha.inputs import as_input_errors, holds_output, known_now, outputs_of

from . import names
from .authority import (
    AUTHORITIES,
    COLOURS,
    RECORD_PATH,
    AuthorityError,
    Decision,
    RuntimeRecords,
    decide_live,
    default_record_path,
)
from .names import HOST_NAME, MAX_TTL_SECONDS, Held, record_import_id
from .permissions import shift_policy
from .refusals import any_change, record_guard, value_changes
from .settings import KnownRecord, LiveTargets
from .targets import distinct, same_thing

# A switch of the writer is over when Route 53's servers agree (within 60 s as a rule) and this has passed; the price is more
# queries, which a Redis client sends only when it connects.
DEFAULT_TTL_SECONDS = 5
KIND = "CNAME"
ADOPT = "if it is meant to become this stack's, set adopt to true; else remove it or use another name"


class LiveColourRecordArgs(TypedDict):
    """What a LiveColourRecord is made of. Needed are `region`, `zone_id`, `zone_name`, `name`, `targets` and `live`."""

    region: str
    """AWS region of the runtime records. Route 53 has none."""
    zone_id: pulumi.Input[str]
    """Id of the hosted zone."""
    zone_name: str
    """The hosted zone's own name, e.g. `example.com`: `name` has to be in it."""
    name: str
    """The record's name in full, e.g. `writer.example.com`; not the zone's own."""
    targets: LiveTargets
    """Host names of both colours."""
    live: str
    """The live colour, `blue` or `green`. With `live_authority` runtime: until a tool has switched for the first time."""
    live_authority: NotRequired[str]
    """What decides the live colour: `stack` (default): the argument `live`; `runtime`: the runtime record under `record_path`,
    which tools write and `up` never reverts."""
    runtime_live: NotRequired[str]
    """The runtime record as it was looked up, `blue` or `green`. Default: there is none yet."""
    runtime_unknown: NotRequired[bool]
    """Whether the look-up was impossible. Default false. With authority runtime the name then stays as the state has it."""
    record_path: NotRequired[str]
    """Path of the runtime records' parameters: `live`, and `lease` while a switch runs. Default `/redis-ha/<name>`."""
    ttl_seconds: NotRequired[int]
    """Seconds that resolvers keep the record. Default 5."""
    known_records: NotRequired[Sequence[KnownRecord]]
    """Records of the zone, as the program looked them up. Default: no look-up was made."""
    adopt: NotRequired[bool]
    """Whether the record exists already and is taken over without a change. Default false."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace the record. Default true."""


@dataclass(frozen=True)
class Plan:
    """One writer's name."""

    name: str
    region: str
    wanted: Held
    zone: str
    decision: Decision[str]
    authority: str
    recorded: bool
    record_path: str
    ttl: int
    known: tuple[Held, ...] | None
    adopt: bool
    protect: bool


class LiveColourRecord(pulumi.ComponentResource):
    """A plain CNAME whose value is the live colour's host name: all writers go to one place, never a share of them.

    It is switched by one UPSERT, so there is no moment with both or neither. Mind TLS: a cache's certificate is for its own
    names, so a client that connects by this name has to check the certificate against the CNAME's value (`tls_host_names`).
    Raw child: `record`.
    """

    record_name: pulumi.Output[str]
    """The name, in full."""
    live: pulumi.Output[str]
    """The live colour, as the stack sees it."""
    tls_host_names: pulumi.Output[dict[str, str]]
    """By colour, the name that a server's certificate has to be checked against: the target's own."""
    record_path: pulumi.Output[str]
    """Path of the runtime records."""
    traffic: pulumi.Output[dict[str, Any]]
    """What a tool has to know to switch: version, zone, record, targets, the colour last set by the stack, path. Not secret."""
    shift_policy: pulumi.Output[str]
    """IAM policy (JSON) for who switches: changes this record in place, nothing else of the zone, and the runtime records."""

    def __init__(self, name: str, args: LiveColourRecordArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the record. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_plan(name, args)
        self._adoption = adoption = Adoption({plan.wanted.name: "record"} if plan.adopt else {})
        own = hooks_of(adoption.hooks(f"{name}{apart(opts)}"))
        super().__init__("redis-ha:index:LiveColourRecord", name, adoption.record, pulumi.ResourceOptions.merge(opts, own))
        adoption.settle(self)
        if plan.decision.warning is not None:
            pulumi.log.warn(plan.decision.warning, self)
        zone_id, targets = args["zone_id"], args["targets"]
        live = plan.decision.value
        other = "green" if live == "blue" else "blue"
        self.record = aws.route53.Record(
            f"{name}-{plan.wanted.name}-cname",
            zone_id=zone_id,
            name=plan.wanted.name,
            type=KIND,
            ttl=plan.ttl,
            records=[distinct(dict(targets)[live], dict(targets)[other], f"targets.{live}")],
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=plan.protect,
                import_=record_import_id(str(zone_id), plan.wanted) if plan.adopt else None,
                ignore_changes=["records"] if plan.decision.keep_recorded else [],
                # A name has one CNAME: made over the old one it would be deleted with it (hashicorp/terraform-provider-aws
                # issue 32460).
                delete_before_replace=True,
                hooks=record_guard(f"{name}-record{apart(opts)}", judges(plan), adoption, plan.known, ADOPT),
            ),
        )
        self._make_outputs(plan, zone_id, targets)

    @staticmethod
    def check(name: str, args: LiveColourRecordArgs) -> Plan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_plan(name, args)

    def _make_outputs(self, plan: Plan, zone_id: pulumi.Input[str], targets: LiveTargets) -> None:
        record, decided = plan.wanted.name, plan.decision.value
        self.record_name = pulumi.Output.from_input(record)
        self.tls_host_names = pulumi.Output.all(blue=targets["blue"], green=targets["green"])
        # What is ignored is known by the record alone.
        self.live = pulumi.Output.all(records=self.record.records, targets=self.tls_host_names).apply(
            lambda known: colour_of(known["records"], known["targets"], decided)
        )
        self.record_path = pulumi.Output.from_input(plan.record_path)
        zone = pulumi.Output.from_input(zone_id)
        self.traffic = pulumi.Output.all(zone=zone, targets=self.tls_host_names, live=self.live).apply(
            lambda known: {
                "version": 1,
                "kind": "live",
                "zone_id": known["zone"],
                "zone_name": plan.zone,
                "records": [{"name": record, "type": KIND}],
                "ttl_seconds": plan.ttl,
                "targets": known["targets"],
                "live": known["live"],
                "authority": plan.authority,
                "region": plan.region,
                "record_path": plan.record_path,
            }
        )
        self.shift_policy = shift_policy(self, zone, plan.region, [record], [KIND], plan.record_path)
        self.register_outputs(outputs_of(self) | self._adoption.outputs(self))


def checked_plan(name: str, args: Mapping[str, Any]) -> Plan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    what = f"LiveColourRecord {name!r}"
    with as_input_errors():
        known_now(what, args, LiveColourRecordArgs)
        plan, checks = make_plan(name, args)
        if checks.problems:
            raise InvalidArgumentsError(what, checks.problems)
    return plan


def make_plan(name: str, args: Mapping[str, Any]) -> tuple[Plan, Checks]:
    """Check the plain arguments; return the plan and the checks with everything that is wrong."""
    checks = Checks(args)
    checks.known(tuple(LiveColourRecordArgs.__annotations__))
    zone = names.zone_name(checks)
    if not args.get("zone_id"):
        checks.refuse("zone_id", "is missing; give the id of the hosted zone")
    record = names.check_name(checks, "name", args.get("name"), zone)
    names.check_apex(checks, "name", record, KIND, zone)
    held = names.known_records(checks)
    names.check_beside(checks, "name", record, KIND, (None,), held)
    wanted = Held(record, KIND, None)
    adopt = checks.switch("adopt", default=False)
    if adopt:
        names.check_adopted(checks, "adopt", wanted, held, zone_id_known=not holds_output(args.get("zone_id")))
    _check_targets(checks)
    record_path = checks.text(
        "record_path", default_record_path(name), RECORD_PATH, "a path of parameters such as /redis-ha/shop"
    )
    authority = checks.one_of("live_authority", "stack", AUTHORITIES)
    unknown = checks.switch("runtime_unknown", default=False)
    recorded = None if args.get("runtime_live") is None else checks.one_of("runtime_live", COLOURS[0], COLOURS)
    plan = Plan(
        name=name,
        region=checks.text("region", None, REGION, "a region of AWS such as eu-central-1"),
        wanted=wanted,
        zone=zone,
        decision=_decision(checks, authority, RuntimeRecords(live=recorded, unknown=unknown), record_path),
        authority=authority,
        recorded=recorded is not None and not unknown,
        record_path=record_path,
        ttl=checks.whole("ttl_seconds", DEFAULT_TTL_SECONDS, 0, MAX_TTL_SECONDS),
        known=held,
        adopt=adopt,
        protect=checks.switch("protect", default=True),
    )
    return plan, checks


def _check_targets(checks: Checks) -> None:
    given = Checks(checks.mapping("targets"))
    given.known(tuple(LiveTargets.__annotations__))
    for colour in COLOURS:
        value = given.args.get(colour)
        if value is None:
            given.refuse(colour, "is missing; give the colour's host name")
        elif not holds_output(value) and (not isinstance(value, str) or not HOST_NAME.fullmatch(value)):
            given.refuse(colour, f"{shown(value)} is not a full host name such as blue.example.com")
    blue, green = (given.args.get(colour) for colour in COLOURS)
    if blue is not None and (blue is green or (isinstance(blue, str) and isinstance(green, str) and same_thing(blue, green))):
        given.refuse("green", "is blue's host name too: a switch between two names of one thing moves nothing; give another")
    checks.problems += given.under("targets")


def _decision(checks: Checks, authority: str, records: RuntimeRecords, record_path: str) -> Decision[str]:
    if checks.args.get("live") is None:
        checks.refuse("live", "is missing; use blue or green")
    configured = checks.one_of("live", COLOURS[0], COLOURS)
    try:
        return decide_live(authority, configured, records, record_path)
    except AuthorityError as error:
        checks.refuse(error.argument, error.reason)
        return Decision(configured)


def judges(plan: Plan) -> list[Judge]:
    """Return what judges an update of the living record."""
    found: list[Judge] = []
    if plan.authority == "runtime" and not plan.recorded and not plan.decision.keep_recorded:
        reason = (
            "live_authority is runtime and no runtime record is there yet, so what the stack has is live; switch with a tool, "
            "or set live_authority to stack for this update"
        )
        found.append(lambda old, new: value_changes(old, new, reason))
    warning = plan.decision.warning
    if warning is None or pulumi.runtime.is_dry_run():
        return found
    if plan.decision.keep_recorded:
        return [*found, any_change("live", warning)]
    return [*found, lambda old, new: value_changes(old, new, warning)]


def colour_of(records: Sequence[str] | None, targets: Mapping[str, str], decided: str) -> str:
    """Return the colour whose host name a record holds; what was decided when it holds neither."""
    value = records[0] if records else ""
    return next((colour for colour in COLOURS if same_thing(str(value), targets[colour])), decided)
