"""From arguments to a plan: everything that can be wrong with an AlbBlueGreen is found here, at once. No Pulumi."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from redis_ha.adopting import checked_change
from redis_ha.amazon import MAX_RULES, REGION, checked_tags
from redis_ha.arguments import Checks, kind_of, network, shown
from redis_ha.arns import ACM_CERTIFICATE, IAM_CERTIFICATE, check_arn
from redis_ha.inputs import once

from .alb_plan import BOTH, AlbPlan, Targets
from .alb_settings import AlbAccessLogs, AlbAdopt, AlbColours, AlbHealthCheck, AlbStickiness, AlbTargets, AlbWeights
from .authority import (
    AUTHORITIES,
    COLOURS,
    RECORD_PATH,
    AuthorityError,
    Decision,
    RuntimeRecords,
    Weights,
    decide_weights,
    default_record_path,
)

FORMS = ("dns", "listener")
PROTOCOLS = ("HTTP", "HTTPS")
ATTACHED_KINDS = ("instance_ids", "ip_addresses")  # one attachment each
TARGET_KINDS = (*ATTACHED_KINDS, "autoscaling_group_name", "ecs")
# What an attachment is called by: a part of a resource's name, and of its URN.
TARGET_NAME = re.compile(r"[\w.-]{1,64}")
TARGET_TYPES = ("instance", "ip")
LISTENER_ARGUMENTS = ("weights", "weight_authority", "runtime_weights", "runtime_unknown", "record_path", "allow_both_zero")
CLIENT_ARGUMENTS = ("client_security_group_ids", "client_cidrs", "client_prefix_list_ids")
# botocore, elbv2 2015-12-01, CreateLoadBalancerInput.Name and CreateTargetGroupInput.Name: at most 32 letters, digits and
# hyphens, no hyphen at either end, a balancer's not beginning with "internal-". A target group's adds "-green-" and four more.
MAX_NAME = 32
MAX_ALB_NAME = MAX_NAME - len("-green-0000")
ALB_NAME = re.compile(rf"(?!internal-)(?=.{{1,{MAX_ALB_NAME}}}$)[a-zA-Z0-9]+(-+[a-zA-Z0-9]+)*")
# botocore, elbv2 2015-12-01, CreateLoadBalancerInput.Subnets: an Application Load Balancer lies in two zones at least.
MIN_SUBNETS = 2
# botocore, elbv2 2015-12-01, TargetGroupTuple.Weight. Not Route 53's 255 (route53 2013-04-01, ResourceRecordSet.Weight).
MAX_WEIGHT = 999
# botocore, elbv2 2015-12-01, TargetGroupStickinessConfig.DurationSeconds. Where nothing is said AWS answers "not enabled" and
# 3600 (pulumi/pulumi-aws issues 4079 and 5771): saying that is no difference later.
MAX_STICKINESS_SECONDS = 604_800
DEFAULT_STICKINESS_SECONDS = 3_600
# botocore, elbv2 2015-12-01, TargetGroupAttribute, deregistration_delay.timeout_seconds; AWS's default.
MAX_DEREGISTRATION_SECONDS = 3_600
DEFAULT_DEREGISTRATION_SECONDS = 300
# botocore, elbv2 2015-12-01, CreateTargetGroupInput.HealthCheck*: (argument, default, lowest, highest). AWS's defaults are an
# interval of 30 s and five good answers: a colour would be known to be well, or sick, only after minutes.
HEALTH_NUMBERS = (
    ("interval_seconds", 10, 5, 300),
    ("timeout_seconds", 5, 2, 120),
    ("healthy_threshold", 2, 2, 10),
    ("unhealthy_threshold", 2, 2, 10),
)
HEALTH_PATH = re.compile(r"/[!-~]{0,1023}")
# botocore, elbv2 2015-12-01, CreateTargetGroupInput.Matcher and Matcher.HttpCode: codes or a range, of 200 to 499.
MATCHER = re.compile(r"[2-4]\d\d(-[2-4]\d\d)?(,[2-4]\d\d(-[2-4]\d\d)?)*")
# docs.aws.amazon.com, elasticloadbalancing/latest/application, describe-ssl-policies: TLS 1.3 and 1.2 only. The API's own
# default, ELBSecurityPolicy-2016-08, still speaks TLS 1.0.
DEFAULT_SSL_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
SSL_POLICY = re.compile(r"ELBSecurityPolicy-[\w.-]+")
# docs.aws.amazon.com, securityhub, ELB.1: HTTP of a balancer is there to lead to HTTPS.
PLAIN_HTTP = (
    "clients speak HTTP, which nothing encrypts, because there is no certificate: give certificate_arn for HTTPS, or set "
    "protocol to HTTP to say that it is meant"
)
# docs.aws.amazon.com, elasticloadbalancing/latest/application, load-balancer-target-groups: where addresses of targets may
# lie. Public ones are refused by AWS.
TARGET_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")

# docs.aws.amazon.com, service-authorization/latest/reference, list_awselasticloadbalancingv2, "Resource types".
_ARN = r"arn:[\w-]+:elasticloadbalancing:[\w-]+:\d{12}:"
ARNS = {
    "load_balancers": re.compile(_ARN + r"loadbalancer/app/[\w-]+/[0-9a-f]+"),
    "target_groups": re.compile(_ARN + r"targetgroup/[\w-]+/[0-9a-f]+"),
    "listeners": re.compile(_ARN + r"listener/app/[\w-]+/[0-9a-f]+/[0-9a-f]+"),
}
ARN_OF = {
    "load_balancers": "an Application Load Balancer",
    "target_groups": "a target group",
    "listeners": "a listener of an Application Load Balancer",
}


def make_alb_plan(name: str, args: Mapping[str, Any], known: Sequence[str] = ()) -> tuple[AlbPlan, Checks]:
    """Check the plain arguments; return the plan and the checks with everything that is wrong."""
    checks = Checks(args)
    if known:
        checks.known(known)
    form = checks.one_of("form", "dns", FORMS)
    internal = checks.switch("internal", default=True)
    protocol = checks.one_of("protocol", "HTTP" if args.get("certificate_arn") is None else "HTTPS", PROTOCOLS)
    region = checks.text("region", None, REGION, "a region of AWS such as eu-central-1")
    _certificate(checks, protocol, region)
    _needed(checks)
    target_protocol = checks.one_of("target_protocol", "HTTP", PROTOCOLS)
    protect = checks.switch("protect", default=True)
    record_path = checks.text("record_path", default_record_path(name), RECORD_PATH, "a path such as /redis-ha/shop/web")
    sticky, stickiness_seconds = _stickiness(checks, form)
    makes_security_group = _security_group(checks)
    plan = AlbPlan(
        name=name,
        region=region,
        alb_name=checks.text(
            "alb_name",
            name,
            ALB_NAME,
            f"1 to {MAX_ALB_NAME} letters, digits and hyphens, no hyphen at either end, not beginning with internal-",
        ),
        form=form,
        internal=internal,
        makes_security_group=makes_security_group,
        client_cidrs=_client_cidrs(checks, internal=internal),
        protocol=protocol,
        warning=PLAIN_HTTP if protocol == "HTTP" and args.get("protocol") is None else None,
        port=checks.whole("port", 443 if protocol == "HTTPS" else 80, 1, 65535),
        ssl_policy=checks.text("ssl_policy", DEFAULT_SSL_POLICY, SSL_POLICY, f"a policy such as {DEFAULT_SSL_POLICY}"),
        target_protocol=target_protocol,
        target_port=checks.whole("target_port", 443 if target_protocol == "HTTPS" else 80, 1, 65535),
        targets=_colours(checks),
        health_check=_health_check(checks, target_protocol),
        deregistration_delay=checks.whole(
            "deregistration_delay_seconds", DEFAULT_DEREGISTRATION_SECONDS, 0, MAX_DEREGISTRATION_SECONDS
        ),
        weights=_weights(checks, form, record_path),
        authority="runtime" if args.get("weight_authority") == "runtime" else "stack",
        plan_of_record=args.get("runtime_weights") is not None,
        record_path=record_path,
        sticky=sticky,
        stickiness_seconds=stickiness_seconds,
        deletion_protection=checks.switch("deletion_protection", default=protect),
        protect=protect,
        tags=checked_tags(checks),
        adopt=_adopt(checks, form),
        adopt_change=checked_change(Checks(checks.mapping("adopt"))),
        keep_as_found=checks.mapping("adopt").get("keep_as_found") is not False,
    )
    _access_logs(checks)
    return plan, checks


def _needed(checks: Checks) -> None:
    if checks.args.get("vpc_id") is None:
        checks.refuse("vpc_id", "is missing; give the VPC of balancers and targets")
    subnets = checks.args.get("subnet_ids")
    if subnets is None:
        checks.refuse("subnet_ids", f"is missing; give subnets in at least {MIN_SUBNETS} zones")
    elif isinstance(subnets, str):
        checks.refuse("subnet_ids", f"{kind_of(subnets)} is no list; give subnets in at least {MIN_SUBNETS} zones")
    elif isinstance(subnets, list | tuple) and len(subnets) < MIN_SUBNETS:
        checks.refuse("subnet_ids", f"{len(subnets)} is too few: a balancer lies in {MIN_SUBNETS} zones at least")


def _certificate(checks: Checks, protocol: str, region: str) -> None:
    check_arn(checks, "certificate_arn", ACM_CERTIFICATE, IAM_CERTIFICATE, region=region)
    given = checks.args.get("certificate_arn") is not None
    if protocol == "HTTPS" and not given:
        checks.refuse(
            "certificate_arn", "is missing; protocol HTTPS needs one of AWS Certificate Manager (in the same region) or IAM"
        )
    if protocol == "HTTP" and given:
        checks.refuse("protocol", "'HTTP' has no use for certificate_arn; use HTTPS or leave the certificate out")
    if protocol == "HTTP" and checks.args.get("ssl_policy") is not None:
        checks.refuse("ssl_policy", "is for protocol HTTPS; give certificate_arn or leave it out")


def _security_group(checks: Checks) -> bool:
    if checks.args.get("security_group_ids") is not None:
        for argument in (*CLIENT_ARGUMENTS, "target_security_group_ids"):
            if checks.args.get(argument):
                checks.refuse(argument, "cannot be used with security_group_ids: brought groups have their own rules")
        return False
    rules = 0
    for argument in (*CLIENT_ARGUMENTS, "target_security_group_ids"):
        value = checks.args.get(argument)
        if value is None:
            continue
        if isinstance(value, str) or not isinstance(value, Sequence):
            if argument != "client_cidrs":
                checks.refuse(argument, "is no list; give the ids one by one (the list's length has to be known)")
            continue
        rules += len(value)
    if rules > MAX_RULES:
        checks.refuse("client_cidrs", f"{rules} rules; a security group takes {MAX_RULES}: use a prefix list or bring groups")
    return True


def _client_cidrs(checks: Checks, *, internal: bool) -> tuple[str, ...]:
    """Read the clients' networks. The whole world only reaches a balancer that is said to be public."""
    if internal:
        return checks.networks("client_cidrs")
    value = checks.args.get("client_cidrs") or ()
    world = [entry for entry in value if _is_world(entry)] if isinstance(value, list | tuple) else []
    rest = Checks({"client_cidrs": [entry for entry in value if not _is_world(entry)] if world else value})
    found = (*rest.networks("client_cidrs"), *dict.fromkeys(world))
    checks.problems += rest.problems
    return found


def _is_world(entry: object) -> bool:
    parsed = network(entry) if isinstance(entry, str) else None
    return parsed is not None and parsed.prefixlen == 0


def _colours(checks: Checks) -> Mapping[str, Targets]:
    given = checks.mapping("targets")
    if not given and not checks.refused("targets"):
        checks.refuse("targets", f"is missing; give the targets of {' and '.join(COLOURS)}")
    entries = Checks(given)
    entries.known(tuple(AlbColours.__annotations__))
    checks.problems += entries.under("targets")
    found = {colour: _targets(checks, colour, given.get(colour)) for colour in COLOURS}
    first, second = (given.get(colour) for colour in COLOURS)
    if isinstance(first, Mapping) and _same(first, second):
        checks.refuse("targets.green", "are blue's too: a weight between a thing and itself moves nothing; give green its own")
    return found


def _same(first: Mapping[str, Any], second: Any) -> bool:
    """Tell whether both colours name the same targets. ECS services are told apart outside."""
    if not isinstance(second, Mapping):
        return False
    for kind in TARGET_KINDS[:-1]:
        ours, theirs = _texts(first.get(kind)), _texts(second.get(kind))
        if ours & theirs:
            return True
    return False


def _texts(value: Any) -> set[str]:
    """Return the names that are known now; those that are not may be different."""
    values = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    return {entry for entry in values if isinstance(entry, str)}


def _targets(checks: Checks, colour: str, given: Any) -> Targets:
    path = f"targets.{colour}"
    if not isinstance(given, Mapping):
        if checks.args.get("targets") is not None:
            checks.refuse(path, f"{kind_of(given)} is no mapping; give one of {', '.join(TARGET_KINDS)}")
        return Targets("ecs", "ip")
    inner = Checks(given)
    inner.known(tuple(AlbTargets.__annotations__))
    ecs = inner.switch("ecs", default=False)
    kinds = [kind for kind in TARGET_KINDS[:-1] if given.get(kind) is not None] + (["ecs"] if ecs else [])
    kind = kinds[0] if kinds else "ecs"
    if len(kinds) != 1:
        said = f"{' and '.join(kinds)} are given" if kinds else "nothing is given"
        checks.refuse(path, f"{said}; give exactly one of {', '.join(TARGET_KINDS)}")
    natural = "ip" if kind in {"ip_addresses", "ecs"} else "instance"
    chosen = inner.one_of("type", natural, TARGET_TYPES)
    if kind != "ecs" and chosen != natural and not inner.refused("type"):
        inner.refuse("type", f"{chosen!r} does not fit {kind}; leave it out")
    attached = kind in ATTACHED_KINDS
    if not attached and given.get("names") is not None:
        inner.refuse("names", f"are for {' and '.join(ATTACHED_KINDS)}; leave it out")
    names = _names(inner, kind, given.get(kind)) if attached else ()
    checks.problems += inner.under(path)
    return Targets(kind, chosen, names)


def _names(inner: Checks, kind: str, value: Any) -> tuple[str, ...]:
    """Return what the attachments are called by: their targets, or the names that are given for them.

    Named by their place, an attachment whose target moved up would be made before the old one of that target is deleted. To
    register a target twice is no error, and the deletion then takes it out (hashicorp/terraform-provider-aws issue 34605).
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        inner.refuse(kind, "is no list; give them one by one (the list's length has to be known)")
        return ()
    if not value:
        inner.refuse(kind, "is empty: a target group without targets counts as sick; give at least one")
    texts = [entry for entry in value if isinstance(entry, str)]
    _texts_alone(inner, kind, value, texts)
    if inner.args.get("names") is None:
        if len(texts) < len(value) and not inner.refused(kind):
            inner.refuse(
                "names", f"is missing: ids that are Outputs need a name each, in the order of {kind}, to be known again"
            )
        return tuple(texts)
    names = inner.texts("names", TARGET_NAME, "names of letters, digits, dots, dashes and underscores")
    if len(names) != len(value) and not inner.refused("names"):
        inner.refuse("names", f"{len(names)} different names for {len(value)} of {kind}; give each one of its own")
    return names


def _texts_alone(inner: Checks, kind: str, value: Sequence[Any], texts: Sequence[str]) -> None:
    if len(once(value)) < len(value):
        inner.refuse(kind, "names one of them twice; leave one out")
    for entry in value:
        if entry is None or isinstance(entry, int | float | Mapping | list):
            inner.refuse(kind, f"{shown(entry)} is not text")
    if kind == "ip_addresses":
        for text in texts:
            _address(inner, text)


def _address(inner: Checks, text: str) -> None:
    parsed = network(text)
    if parsed is None or "/" in text:
        inner.refuse("ip_addresses", f"{text!r} is no address; give one such as 10.20.0.11")
    elif parsed.version == 4 and not any(parsed.subnet_of(known) for known in map(network, TARGET_NETWORKS) if known):  # type: ignore[arg-type]
        inner.refuse(
            "ip_addresses", f"{text!r} is a public address, which AWS refuses; use one of {', '.join(TARGET_NETWORKS)}"
        )
    elif parsed.version == 6:
        inner.refuse("ip_addresses", f"{text!r} is IPv6, but the target groups are IPv4; give an IPv4 address")


def _health_check(checks: Checks, target_protocol: str) -> Mapping[str, Any]:
    inner = Checks(checks.mapping("health_check"))
    inner.known(tuple(AlbHealthCheck.__annotations__))
    numbers = {argument: inner.whole(argument, *bounds) for argument, *bounds in HEALTH_NUMBERS}
    if numbers["timeout_seconds"] >= numbers["interval_seconds"]:
        # hashicorp/terraform-provider-aws, internal/service/elbv2/target_group.go: ModifyTargetGroup refuses it.
        inner.refuse(
            "timeout_seconds",
            f"{numbers['timeout_seconds']} is not less than the interval, {numbers['interval_seconds']}; use less",
        )
    port = inner.args.get("port")
    found = {
        "enabled": True,
        "path": inner.text("path", "/", HEALTH_PATH, "a path such as /health, of at most 1024 characters"),
        "port": "traffic-port" if port is None else str(inner.whole("port", 80, 1, 65535)),
        "protocol": inner.one_of("protocol", target_protocol, PROTOCOLS),
        "matcher": inner.text("matcher", "200", MATCHER, "codes of 200 to 499 such as 200 or 200-299"),
        "interval": numbers["interval_seconds"],
        "timeout": numbers["timeout_seconds"],
        "healthy_threshold": numbers["healthy_threshold"],
        "unhealthy_threshold": numbers["unhealthy_threshold"],
    }
    checks.problems += inner.under("health_check")
    return found


def _weights(checks: Checks, form: str, record_path: str) -> Decision[Weights] | None:
    """Return the weights in force, from configuration and plan of record; the DNS form has none."""
    if form == "dns":
        for argument in LISTENER_ARGUMENTS:
            if checks.args.get(argument) is not None:
                checks.refuse(argument, "is for form listener; with form dns the weights are those of the records")
        return None
    authority = checks.one_of("weight_authority", "stack", AUTHORITIES)
    allow_both_zero = checks.switch("allow_both_zero", default=False)
    unknown = checks.switch("runtime_unknown", default=False)
    configured, recorded = _pair(checks, "weights"), _pair(checks, "runtime_weights")
    if configured is None:
        if checks.args.get("weights") in (None, {}):
            checks.refuse("weights", f"is missing; give those of blue and green, 0 to {MAX_WEIGHT} each")
        return None
    if configured == Weights(0, 0) and not allow_both_zero:
        checks.refuse("weights", "are both 0: no target group gets requests; raise one, or say allow_both_zero")
    try:
        return decide_weights(authority, configured, RuntimeRecords(weights=recorded, unknown=unknown), record_path)
    except AuthorityError as error:
        checks.refuse(error.argument, error.reason)
        return None


def _pair(checks: Checks, argument: str) -> Weights | None:
    given = checks.mapping(argument)
    if not given:
        return None
    inner = Checks(given)
    inner.known(tuple(AlbWeights.__annotations__))
    for colour in COLOURS:
        if given.get(colour) is None:
            inner.refuse(colour, f"is missing; use 0 to {MAX_WEIGHT}")
    found = Weights(*(inner.whole(colour, 0, 0, MAX_WEIGHT) for colour in COLOURS))
    checks.problems += inner.under(argument)
    return None if inner.problems else found


def _stickiness(checks: Checks, form: str) -> tuple[bool, int]:
    if form == "dns" and checks.args.get("stickiness") is not None:
        checks.refuse("stickiness", "is for form listener; with form dns a client stays as long as it keeps the name's answer")
    inner = Checks(checks.mapping("stickiness"))
    inner.known(tuple(AlbStickiness.__annotations__))
    enabled = inner.switch("enabled", default=False)
    if inner.args and inner.args.get("enabled") is None:
        inner.refuse("enabled", "is missing; say true or false")
    seconds = inner.whole("duration_seconds", DEFAULT_STICKINESS_SECONDS, 1, MAX_STICKINESS_SECONDS)
    checks.problems += inner.under("stickiness")
    return enabled, seconds


def _adopt(checks: Checks, form: str) -> Mapping[str, str]:
    """Return what is taken over, by part and key."""
    inner = Checks(checks.mapping("adopt"))
    inner.known(tuple(AlbAdopt.__annotations__))
    inner.switch("keep_as_found", default=True)
    checked_change(inner)
    found: dict[str, str] = {}
    balancers = (BOTH,) if form == "listener" else COLOURS
    for part, keys in (("load_balancers", balancers), ("target_groups", COLOURS), ("listeners", balancers)):
        for key, arn in inner.mapping(part).items():
            if key not in keys:
                inner.refuse(f"{part}.{key}", f"with form {form} there are {' and '.join(keys)}")
            elif not isinstance(arn, str) or not ARNS[part].fullmatch(arn):
                inner.refuse(f"{part}.{key}", f"{shown(arn)} is no ARN of {ARN_OF[part]}; give it as AWS shows it")
            else:
                found[f"{part}.{key}"] = arn
    group = inner.optional_text("security_group")
    if group is not None and checks.args.get("security_group_ids") is not None:
        inner.refuse(
            "security_group", "cannot be used with security_group_ids: what is brought is not the component's to adopt"
        )
    checks.problems += inner.under("adopt")
    return found | ({} if group is None else {"security_group": group})


def _access_logs(checks: Checks) -> None:
    given = checks.mapping("access_logs")
    inner = Checks(given)
    inner.known(tuple(AlbAccessLogs.__annotations__))
    if given and not given.get("bucket"):
        inner.refuse("bucket", "is missing; give the bucket's name")
    inner.optional_text("prefix")
    checks.problems += inner.under("access_logs")
