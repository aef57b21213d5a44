"""AlbBlueGreen: Application Load Balancers in front of a blue and a green colour, in a form for DNS and one for a listener."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from redis_ha.adopting import Adoption, no_such_properties
from redis_ha.amazon import Place, adoption, imported, refuse_twins
from redis_ha.arguments import InvalidArgumentsError
from redis_ha.guard import apart, guard, hooks_of
from redis_ha.inputs import as_input_errors, known_now, outputs_of

from .alb_alarms import check_alb_alarms, make_alb_alarms
from .alb_checks import make_alb_plan
from .alb_network import Rules, make_alb_rules, make_alb_security_group
from .alb_permissions import shift_document
from .alb_plan import AS_FOUND, BOTH, AlbPlan
from .alb_settings import AlbAccessLogs, AlbAdopt, AlbAlarms, AlbColours, AlbHealthCheck, AlbStickiness, AlbWeights
from .alb_targets import recorded as recorded_targets
from .alb_targets import target_refusals
from .alb_weights import weight_judge, weights_by_colour
from .authority import COLOURS

# Whose properties `adopt.change` may name.
ADOPTABLE = (aws.lb.LoadBalancerArgs, aws.lb.TargetGroupArgs, aws.lb.ListenerArgs, aws.ec2.SecurityGroupArgs)


class AlbBlueGreenArgs(TypedDict):
    """What an AlbBlueGreen is made of. Needed are `region`, `vpc_id`, `subnet_ids`, `targets`; in form listener `weights`."""

    region: str
    """AWS region of all resources, e.g. `eu-central-1`."""
    vpc_id: pulumi.Input[str]
    """VPC of balancers and targets."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Subnets of the balancers, in at least two zones: private ones where `internal`, else public ones."""
    targets: AlbColours
    """Where the requests of `blue` and of `green` go. Not the same targets for both."""
    form: NotRequired[str]
    """`dns` (default): a balancer each colour, shares by weighted records (WeightedBlueGreen takes `dns_names` and `zone_ids`);
    `listener`: one balancer whose listener forwards by weight."""
    alb_name: NotRequired[str]
    """Name of the balancers, `-blue` and `-green` added in form dns: at most 21 letters, digits, hyphens. Default: the
    resource's name. A change replaces them: the old ones are deleted first."""
    internal: NotRequired[bool]
    """Whether only the VPC and networks joined to it reach the balancers. Default true. A change replaces them: the old ones
    are deleted first, and their DNS names with them. `protect` refuses it; a second component beside this one has no outage."""
    security_group_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Existing security groups of the balancers instead of a made one."""
    client_cidrs: NotRequired[Sequence[str]]
    """Networks whose machines may connect. The whole internet (0.0.0.0/0, ::/0) only with `internal` false."""
    client_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Security groups whose members may connect. Outputs are named by their place: append those to the list."""
    client_prefix_list_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Managed prefix lists whose networks may connect. The same holds."""
    target_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Security groups of the targets, the only ones that the balancers then reach. Default: any address, on the targets' ports.
    Targets have to let `security_group_id` in themselves. The same holds."""
    certificate_arn: NotRequired[pulumi.Input[str]]
    """ARN of a certificate for clients by HTTPS: of AWS Certificate Manager in the same region, or of a server certificate
    of IAM."""
    protocol: NotRequired[str]
    """Protocol of clients: `HTTP` or `HTTPS`. Default: HTTPS with a certificate, else HTTP, which nothing encrypts: the preview
    warns of that unless `HTTP` is given."""
    port: NotRequired[int]
    """Port of clients. Default 443 with HTTPS, else 80."""
    ssl_policy: NotRequired[str]
    """Security policy of HTTPS. Default `ELBSecurityPolicy-TLS13-1-2-2021-06`: TLS 1.3 and 1.2."""
    target_protocol: NotRequired[str]
    """Protocol of the targets: `HTTP` (default) or `HTTPS`, whose certificate the balancer does not check. A change replaces
    the target groups, beside the old ones."""
    target_port: NotRequired[int]
    """Port of the targets. Default 443 with HTTPS, else 80. A change replaces the target groups, beside the old ones."""
    health_check: NotRequired[AlbHealthCheck]
    """The health check of a target. Default: 200 from `/`, every 10 seconds, twice."""
    deregistration_delay_seconds: NotRequired[int]
    """Seconds in which running requests may finish when a target is removed, 0 to 3600. Default 300."""
    weights: NotRequired[AlbWeights]
    """Shares of both colours, 0 to 999 each (form listener)."""
    weight_authority: NotRequired[str]
    """Who changes the weights: `stack` (default, by `up`) or `runtime` (tools, which keep a plan of record)."""
    runtime_weights: NotRequired[AlbWeights]
    """The weights of the plan of record, as the program looked them up. Default: there is no record yet."""
    runtime_unknown: NotRequired[bool]
    """True when the plan of record could not be looked up: with authority runtime the recorded action of the listener stays."""
    record_path: NotRequired[str]
    """Path of the SSM parameters of the plan of record. Default `/redis-ha/<name>`."""
    allow_both_zero: NotRequired[bool]
    """Whether both weights may be 0. Default false."""
    stickiness: NotRequired[AlbStickiness]
    """Whether clients stay with their colour (form listener). Default: they do not."""
    access_logs: NotRequired[AlbAccessLogs]
    """Where access logs go. Default: nowhere."""
    alarms: NotRequired[AlbAlarms]
    """CloudWatch alarms of each colour. Default: all, without a topic to notify."""
    deletion_protection: NotRequired[bool]
    """Whether AWS refuses to delete the balancers. Default: as `protect`."""
    protect: NotRequired[bool]
    """Whether Pulumi refuses to delete or replace the balancers, whose host names would change. Default true."""
    tags: NotRequired[Mapping[str, str]]
    """More tags of all resources of the component."""
    adopt: NotRequired[AlbAdopt]
    """Existing balancers, target groups, listeners to take over without a change."""


class AlbBlueGreen(pulumi.ComponentResource):
    """Application Load Balancers for blue and green, with health checks, alarms of each colour and explicit stickiness.

    Raw children: `security_group`, `rules`, `load_balancers`, `listeners` (by colour, or `both` in form listener),
    `target_groups`, `attachments`, `alarms` (by colour); None or empty where brought or not wanted.
    """

    dns_names: pulumi.Output[dict[str, str]]
    """Host names of the balancers: of `blue` and `green` in form dns, of `both` in form listener."""
    zone_ids: pulumi.Output[dict[str, str]]
    """Hosted zones of those names, for alias records; keys as in `dns_names`."""
    load_balancer_arns: pulumi.Output[dict[str, str]]
    """ARNs of the balancers; keys as in `dns_names`."""
    target_group_arns: pulumi.Output[dict[str, str]]
    """ARNs of the target groups of `blue` and `green`, e.g. for ECS services."""
    listener_arn: pulumi.Output[str]
    """ARN of the listener that forwards by weight; empty in form dns."""
    security_group_id: pulumi.Output[str]
    """Id of the made security group; empty when groups were brought."""
    alarm_names: pulumi.Output[dict[str, list[str]]]
    """Names of the alarms of `blue` and `green`, and of `both` where a balancer's own errors belong to neither."""
    weights: pulumi.Output[dict[str, int]]
    """Weights of `blue` and `green` that are in force; empty in form dns."""
    record_path: pulumi.Output[str]
    """Path of the plan of record; empty in form dns."""
    traffic: pulumi.Output[dict[str, Any]]
    """What a tool has to know to shift: version, kind, listener, target groups, weights, authority, path; empty in form dns."""
    shift_policy: pulumi.Output[str]
    """IAM policy (JSON) for tools that shift weights: this listener and this path, nothing else; empty in form dns."""

    def __init__(self, name: str, args: AlbBlueGreenArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make them. Raises pulumi.InputPropertiesError, before anything is registered, when arguments are wrong."""
        plan = checked_alb_plan(name, args)
        self._adoption = adopting = Adoption(plan.adopt, plan.adopt_change)
        scope = f"{name}{apart(opts)}"
        own = hooks_of(adopting.hooks(scope), guard(f"{scope}-targets", target_refusals))
        recorded: dict[str, Any] = {**recorded_targets(plan.targets, args["targets"]), **adopting.record}
        super().__init__("redis-ha:index:AlbBlueGreen", name, recorded, pulumi.ResourceOptions.merge(opts, own))
        adopting.settle(self)
        self._args: Mapping[str, Any] = args
        self._plan = plan
        self._place = Place(name, plan.region, dict(plan.tags), self._child, apart(opts), adopting)
        for warning in (plan.warning, None if plan.weights is None else plan.weights.warning):
            if warning is not None:
                pulumi.log.warn(warning, self)
        self.security_group: aws.ec2.SecurityGroup | None = None
        self.rules: Rules = {}
        if plan.makes_security_group:
            self.security_group = make_alb_security_group(self._place, plan, args["vpc_id"])
            self.rules = make_alb_rules(self._place, plan, self.security_group.id, args)
        self.load_balancers = {key: self._make_balancer(plan, key) for key in plan.balancers}
        self.target_groups = {colour: self._make_target_group(plan, colour) for colour in COLOURS}
        self.listeners = {key: self._make_listener(plan, key) for key in plan.balancers}
        self.attachments = self._attach(plan)
        self.alarms = make_alb_alarms(self._place, plan, args.get("alarms"), self.load_balancers, self.target_groups)
        self._make_outputs(plan)

    @staticmethod
    def check(name: str, args: AlbBlueGreenArgs) -> AlbPlan:
        """Check arguments, and make nothing; return what follows from them. Raises what making it would raise."""
        return checked_alb_plan(name, args)

    def as_targets(self) -> dict[str, Any]:
        """Return the `blue` and `green` by which a name of a WeightedBlueGreen leads to these balancers.

        Nothing in form listener, which has one balancer for both.
        """
        return {
            colour: {"alias": {"name": self.dns_names[colour], "zone_id": self.zone_ids[colour]}}
            for colour in COLOURS
            if colour in self._plan.balancers
        }

    def _child(self, **options: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, **options)

    def _make_balancer(self, plan: AlbPlan, key: str) -> aws.lb.LoadBalancer:
        args, name = self._args, plan.balancer_name(key)
        logs: Mapping[str, Any] | None = args.get("access_logs")
        optional: dict[str, Any] = {}
        if logs:
            optional["access_logs"] = {"enabled": True, "bucket": logs["bucket"], "prefix": logs.get("prefix", name)}
        return aws.lb.LoadBalancer(
            f"{self._place.name}-{key}",
            name=name,
            load_balancer_type="application",
            internal=plan.internal,
            subnets=args["subnet_ids"],
            security_groups=args["security_group_ids"] if self.security_group is None else [self.security_group.id],
            enable_deletion_protection=plan.deletion_protection,
            # docs.aws.amazon.com, securityhub, ELB.4: headers that are no HTTP are dropped.
            drop_invalid_header_fields=True,
            **optional,
            region=self._place.region,
            tags=self._place.tags,
            opts=self._child(
                protect=plan.protect,
                **imported(plan.adopted("load_balancers", key), plan.region),
                ignore_changes=plan.as_found("load_balancers", key),
                **self._place.judged(f"load_balancers.{key}", AS_FOUND["load_balancers"]),
            ),
        )

    def _make_target_group(self, plan: AlbPlan, colour: str) -> aws.lb.TargetGroup:
        health_check: Any = dict(plan.health_check)
        return aws.lb.TargetGroup(
            f"{self._place.name}-{colour}-targets",
            name=plan.target_group_name(colour),
            target_type=plan.targets[colour].type,
            protocol=plan.target_protocol,
            port=plan.target_port,
            vpc_id=self._args["vpc_id"],
            health_check=health_check,
            deregistration_delay=plan.deregistration_delay,
            region=self._place.region,
            tags=self._place.tags,
            opts=self._child(
                **adoption(plan.adopted("target_groups", colour), plan.region, protect=plan.protect),
                # Under a name of ours the provider would delete first, and AWS deletes no group that a listener uses
                # (pulumi-terraform-bridge pkg/tfbridge/schema.go, nameRequiresDeleteBeforeReplace).
                delete_before_replace=False,
                ignore_changes=plan.as_found("target_groups", colour),
                **self._place.judged(f"target_groups.{colour}", AS_FOUND["target_groups"]),
            ),
        )

    def _make_listener(self, plan: AlbPlan, key: str) -> aws.lb.Listener:
        secure: dict[str, Any] = {}
        if plan.protocol == "HTTPS":
            secure = {"certificate_arn": self._args["certificate_arn"], "ssl_policy": plan.ssl_policy}
        # Weights of a set of two have no order in the state, so single ones cannot be ignored: the recorded action stays whole.
        recorded = ["defaultActions"] if plan.weights is not None and plan.weights.keep_recorded else []
        ignored = [*recorded, *(plan.as_found("listeners", key) or ())]
        judges = [] if plan.weights is None else [weight_judge(plan)]
        return aws.lb.Listener(
            f"{self._place.name}-{key}-listener",
            load_balancer_arn=self.load_balancers[key].arn,
            port=plan.port,
            protocol=plan.protocol,
            **secure,
            default_actions=[self._action(plan, key)],
            region=self._place.region,
            tags=self._place.tags,
            opts=self._child(
                **adoption(plan.adopted("listeners", key), plan.region, protect=plan.protect),
                ignore_changes=ignored or None,
                **self._place.judged(f"listeners.{key}", AS_FOUND["listeners"], *judges, hook="weights" if judges else None),
            ),
        )

    def _action(self, plan: AlbPlan, key: str) -> Any:
        """Return what a listener does: forward, by weight where it has both colours.

        Both are always in the block, also with weight 0, and stickiness is always said: what is left out comes back from AWS
        as a difference, and a group that leaves the block loses its health checks.
        """
        if plan.weights is None:
            return {"type": "forward", "target_group_arn": self.target_groups[key].arn}
        weights = plan.weights.value
        groups = [{"arn": self.target_groups[colour].arn, "weight": weights.of(colour)} for colour in COLOURS]
        stickiness = {"enabled": plan.sticky, "duration": plan.stickiness_seconds}
        return {"type": "forward", "forward": {"target_groups": groups, "stickiness": stickiness}}

    def _attach(self, plan: AlbPlan) -> dict[str, list[aws.lb.TargetGroupAttachment | aws.autoscaling.Attachment]]:
        made: dict[str, list[aws.lb.TargetGroupAttachment | aws.autoscaling.Attachment]] = {}
        for colour, targets in plan.targets.items():
            given = self._args["targets"][colour].get(targets.kind)
            group = self.target_groups[colour].arn
            made[colour] = []
            if targets.kind == "autoscaling_group_name":
                made[colour] = [
                    aws.autoscaling.Attachment(
                        f"{self._place.name}-{colour}-group",
                        autoscaling_group_name=given,
                        lb_target_group_arn=group,
                        region=self._place.region,
                        opts=self._child(),
                    )
                ]
            elif targets.names:
                refuse_twins(f"targets.{colour}.{targets.kind}", given)
                made[colour] = [
                    aws.lb.TargetGroupAttachment(
                        f"{self._place.name}-{colour}-{name}",
                        target_group_arn=group,
                        target_id=target,
                        region=self._place.region,
                        opts=self._child(aliases=[pulumi.Alias(name=f"{self._place.name}-{colour}-{index}")]),
                    )
                    for index, (name, target) in enumerate(zip(targets.names, given, strict=True))
                ]
        return made

    def _make_outputs(self, plan: AlbPlan) -> None:
        balancers = self.load_balancers
        self.dns_names = pulumi.Output.all(**{key: found.dns_name for key, found in balancers.items()})
        self.zone_ids = pulumi.Output.all(**{key: found.zone_id for key, found in balancers.items()})
        self.load_balancer_arns = pulumi.Output.all(**{key: found.arn for key, found in balancers.items()})
        self.target_group_arns = pulumi.Output.all(**{colour: found.arn for colour, found in self.target_groups.items()})
        listener = self.listeners.get(BOTH)
        empty = pulumi.Output.from_input("")
        self.listener_arn = empty if listener is None else listener.arn
        self.security_group_id = empty if self.security_group is None else self.security_group.id
        names = {
            whose: pulumi.Output.all(*(alarm.name for alarm in found.values())).apply(sorted)
            for whose, found in self.alarms.items()
        }
        self.alarm_names = pulumi.Output.all(**names) if names else pulumi.Output.from_input({})
        # What is ignored is known by the listener alone.
        self.weights = pulumi.Output.from_input({})
        if listener is not None:
            self.weights = pulumi.Output.all(actions=listener.default_actions, arns=self.target_group_arns).apply(
                lambda known: weights_by_colour(known["actions"], known["arns"])
            )
        self.record_path = pulumi.Output.from_input("" if plan.weights is None else plan.record_path)
        self.traffic = pulumi.Output.from_input({})
        if listener is not None:
            self.traffic = pulumi.Output.all(arn=listener.arn, groups=self.target_group_arns, weights=self.weights).apply(
                lambda known: traffic_document(plan, known["arn"], known["groups"], known["weights"])
            )
        self.shift_policy = (
            empty
            if listener is None
            else listener.arn.apply(lambda arn: json.dumps(shift_document(arn, plan.region, plan.record_path)))
        )
        self.register_outputs(outputs_of(self) | self._adoption.outputs(self))


def traffic_document(
    plan: AlbPlan, listener_arn: str, target_group_arns: Mapping[str, str], weights: Mapping[str, int]
) -> dict[str, Any]:
    """Return what a tool has to know to shift the weights of a listener."""
    return {
        "version": 1,
        "kind": "listener",
        "listener_arn": listener_arn,
        "target_group_arns": dict(target_group_arns),
        "weights": dict(weights),
        "authority": plan.authority,
        "region": plan.region,
        "record_path": plan.record_path,
    }


def checked_alb_plan(name: str, args: Mapping[str, Any]) -> AlbPlan:
    """Check the plain arguments. Raises pulumi.InputPropertiesError with all that is wrong with them."""
    what = f"AlbBlueGreen {name!r}"
    with as_input_errors():
        known_now(what, args, AlbBlueGreenArgs)
        plan, checks = make_alb_plan(name, args, known=tuple(AlbBlueGreenArgs.__annotations__))
        checks.problems += check_alb_alarms(args.get("alarms"))
        checks.problems += no_such_properties(plan.adopt_change, ADOPTABLE)
        if checks.problems:
            raise InvalidArgumentsError(what, checks.problems)
    return plan
