"""What moves live traffic, or takes a name or a balancer away from it: the table's rows for blue and green."""

from .danger import (
    AT_CREATION,
    BALANCER,
    HEALTH_CHECK,
    LISTENER,
    PROVIDER,
    PUT_BACK,
    RECORD,
    TARGET_GROUP,
    Danger,
)

_RECORD_SOURCE = f"{PROVIDER}/route53/record.go"
_SHIFT = (
    "shift by the runtime records in small steps (weight_authority runtime); by configuration: small steps, "
    "each a change of its own"
)

TRAFFIC_ROWS: tuple[Danger, ...] = (
    *(
        Danger(
            RECORD,
            name,
            "replace",
            "zone and name are the record's identity: the old name answers no longer",
            f"{PUT_BACK}; a second name beside the old one first, then the clients, then the old one",
            _RECORD_SOURCE,
        )
        for name in ("zoneId", "name")
    ),
    Danger(
        RECORD,
        "",
        "delete",
        "the program no longer has it",
        "weight 0 first, wait for the TTL and for the last clients, then delete it in a change of its own",
        "docs.aws.amazon.com/Route53 routing-policy-weighted: a set that is left alone gets all queries",
    ),
    Danger(
        RECORD,
        "weightedRoutingPolicies",
        "update",
        "live traffic moves within a TTL, and what a tool has shifted since is reverted",
        _SHIFT,
        _RECORD_SOURCE,
    ),
    *(
        Danger(
            RECORD,
            name,
            "update",
            "the name leads elsewhere: whoever looks it up moves within a TTL; of a live colour's name that is every writer",
            "see that the other side has caught up and takes writes; switch in a change of its own, with nothing else in it",
            _RECORD_SOURCE,
        )
        for name in ("records", "aliases")
    ),
    *(
        Danger(
            RECORD,
            name,
            "update",
            "the record set is deleted and made anew in one batch; resolvers keep the old one for a TTL",
            f"{PUT_BACK}, or make a second name",
            _RECORD_SOURCE,
        )
        for name in ("type", "setIdentifier")
    ),
    Danger(
        RECORD,
        "ttl",
        "update",
        "every later shift or switch takes so much longer to reach the clients, the way back too",
        "keep it at 60 s or less; resolvers keep the old answer for the old TTL",
        "docs.aws.amazon.com/Route53 best-practices-dns",
        when="larger",
    ),
    Danger(
        RECORD,
        "healthCheckId",
        "update",
        "a record without a check counts as healthy: a sick colour keeps its share",
        PUT_BACK,
        "docs.aws.amazon.com/Route53 dns-failover-determining-health-of-endpoints",
        when="false",
    ),
    *(
        Danger(
            HEALTH_CHECK,
            name,
            "replace",
            AT_CREATION,
            "make a second check, let the records use it, then delete the first",
            f"{PROVIDER}/route53/health_check.go",
        )
        for name in ("type", "requestInterval", "measureLatency", "routingControlArn", "referenceName")
    ),
    Danger(
        HEALTH_CHECK,
        "",
        "delete",
        "the program no longer has it",
        "take it from the records first; the status of a deleted check that a record still names cannot be predicted",
        "docs.aws.amazon.com/Route53 API DeleteHealthCheck",
    ),
    Danger(
        HEALTH_CHECK,
        "disabled",
        "update",
        "a disabled check counts as healthy: a sick colour keeps its share",
        PUT_BACK,
        "docs.aws.amazon.com/Route53 API UpdateHealthCheck",
        when="true",
    ),
    *(
        Danger(
            BALANCER,
            name,
            "replace",
            AT_CREATION,
            "make a second balancer, give it a colour's record at weight 0, shift, then delete the first",
            f"{PROVIDER}/elbv2/load_balancer.go",
        )
        for name in ("name", "namePrefix", "internal", "loadBalancerType", "customerOwnedIpv4Pool")
    ),
    Danger(
        BALANCER,
        "enableDeletionProtection",
        "update",
        "anybody who may can delete it, and its name with it",
        PUT_BACK,
        "docs.aws.amazon.com/elasticloadbalancing application-load-balancers: deletion protection",
        when="false",
    ),
    *(
        Danger(
            TARGET_GROUP,
            name,
            "replace",
            AT_CREATION,
            "make the other colour's as it should be, shift to it, then replace this one",
            f"{PROVIDER}/elbv2/target_group.go",
        )
        for name in (
            "name",
            "namePrefix",
            "port",
            "protocol",
            "protocolVersion",
            "targetType",
            "vpcId",
            "ipAddressType",
            "targetControlPort",
        )
    ),
    Danger(
        LISTENER,
        "loadBalancerArn",
        "replace",
        "a listener stays with its balancer",
        "keep the balancer",
        f"{PROVIDER}/elbv2/listener.go",
    ),
    Danger(
        LISTENER,
        "defaultActions",
        "update",
        "weights and stickiness: live traffic moves at once, and what a tool has shifted since is reverted",
        f"{_SHIFT}; with stickiness, clients keep their colour until their cookie ends",
        "docs.aws.amazon.com/elasticloadbalancing listener-update-rules",
    ),
    *(
        Danger(
            LISTENER,
            name,
            "update",
            "clients that still speak to the old port, or the old protocol, are cut off",
            "add a second listener, move the clients, then remove the first",
            f"{PROVIDER}/elbv2/listener.go",
        )
        for name in ("port", "protocol")
    ),
)
