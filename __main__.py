"""The stack: settings -> components -> outputs, and nothing else.

A provider's SDK takes up to half a second to load: a stack loads those that its blocks use.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pulumi

import settings
from redis_ha import elasticache, failover, network, sentinel, traffic
from stages import Earnest, Rehearsal, Stage

if TYPE_CHECKING:
    import pulumi_aws as aws
    import pulumi_digitalocean as digitalocean

    from redis_ha.elasticache import ElastiCacheHaGroup, ElastiCacheHaGroupArgs, GlobalDatastore, GlobalDatastoreArgs
    from redis_ha.failover import FailoverAutomationArgs
    from redis_ha.network import PrivateNetwork
    from redis_ha.sentinel import SentinelClusterArgs
    from redis_ha.traffic import AlbBlueGreen, AlbBlueGreenArgs, LiveColourRecordArgs, WeightedBlueGreenArgs


def administrator_key(stack: str, stage: Stage) -> digitalocean.SshKey:
    """Make a key pair for this stack's operators; the private half is a secret output."""
    import pulumi_digitalocean as digitalocean  # noqa: PLC0415 - only where it is used
    import pulumi_tls as tls  # noqa: PLC0415 - as above

    pair = stage.resource(lambda: tls.PrivateKey("administrator", algorithm="ED25519"))
    stage.export("ssh_private_key", pulumi.Output.secret(pair.private_key_openssh))
    name = f"redis-ha-{stack}"
    return stage.resource(lambda: digitalocean.SshKey("administrator", name=name, public_key=pair.public_key_openssh))


def sentinel_cluster(args: SentinelClusterArgs, key: digitalocean.SshKey | None, stage: Stage) -> None:
    """Make the Sentinel topology and export what clients and operators need of it."""
    if key is not None:
        given = pulumi.Output.from_input(args.get("ssh_key_ids", []))
        keys = pulumi.Output.all(given, key.fingerprint).apply(lambda both: [*both[0], both[1]])
        args = cast("SentinelClusterArgs", {**args, "ssh_key_ids": keys})
    with settings.named("sentinel"):
        cluster = stage.component(sentinel.SentinelCluster, args.get("name", pulumi.get_stack()), args)
    stage.export("sentinel_connection", cluster.connection)
    stage.export("sentinel_credentials", cluster.credentials)
    stage.export("sentinel_desired", cluster.desired)
    stage.export("sentinel_addresses", cluster.addresses)


def private_networks(wanted: settings.Settings, stage: Stage) -> dict[str, PrivateNetwork]:
    """Make the VPCs of a stack that brings none; return them by region."""
    made: dict[str, PrivateNetwork] = {}
    if wanted.network is not None:
        with settings.named("network"):
            made[wanted.network["region"]] = stage.component(network.PrivateNetwork, pulumi.get_stack(), wanted.network)
    for index, args in enumerate(wanted.secondary_networks):
        with settings.named(f"secondary_networks.{index}"):
            name = f"{pulumi.get_stack()}-{args['region']}"
            made[args["region"]] = stage.component(network.PrivateNetwork, name, args)
    return made


def within(networks: Mapping[str, PrivateNetwork], region: str) -> dict[str, Any]:
    """Return the arguments that put something into the stack's own network of a region."""
    network = networks.get(region)
    return {} if network is None else {"vpc_id": network.vpc_id, "subnet_ids": network.subnet_ids}


def private_zone(name: str, networks: Mapping[str, PrivateNetwork], stage: Stage, *, protect: bool) -> aws.route53.Zone:
    """Make a hosted zone that is seen in the stack's networks, whatever their region."""
    import pulumi_aws as aws  # noqa: PLC0415 - only where it is used

    vpcs = [aws.route53.ZoneVpcArgs(vpc_id=network.vpc_id, vpc_region=region) for region, network in networks.items()]
    opts = pulumi.ResourceOptions(protect=protect)
    return stage.resource(lambda: aws.route53.Zone("private-zone", name=name, vpcs=vpcs, opts=opts))


def alarm_topic(region: str, stage: Stage, *, protect: bool) -> pulumi.Output[str]:
    """Make the topic of the group's alarms, to which the failover automation listens, and whoever subscribes."""
    import pulumi_aws as aws  # noqa: PLC0415 - only where it is used

    name, opts = f"redis-ha-{pulumi.get_stack()}-alarms", pulumi.ResourceOptions(protect=protect)
    topic = stage.resource(lambda: aws.sns.Topic("alarms", name=name, region=region, opts=opts))
    stage.export("alarm_topic_arn", topic.arn)
    return topic.arn


def with_alarm_topic(args: ElastiCacheHaGroupArgs, stage: Stage, *, protect: bool) -> ElastiCacheHaGroupArgs:
    """Return the group's arguments with a topic for its alarms: a made one, unless the block names some."""
    alarms = args.get("alarms", {})
    if "topic_arns" not in alarms:
        alarms = {**alarms, "topic_arns": [alarm_topic(args["region"], stage, protect=protect)]}
    return {**args, "alarms": alarms}


def elasticache_group(args: ElastiCacheHaGroupArgs, networks: Mapping[str, PrivateNetwork], stage: Stage) -> ElastiCacheHaGroup:
    """Make the ElastiCache group, in the stack's own network unless it names another, and export how it is reached."""
    args = cast("ElastiCacheHaGroupArgs", {**within(networks, args["region"]), **args})
    with settings.named("elasticache"):
        group = stage.component(elasticache.ElastiCacheHaGroup, args.get("group_id", pulumi.get_stack()), args)
    stage.export("elasticache_connection", group.connection)
    stage.export("elasticache_credentials", group.credentials)
    stage.export("elasticache_arn", group.arn)
    stage.export("elasticache_alarm_names", group.alarm_names)
    return group


def global_datastore(
    args: Mapping[str, Any], networks: Mapping[str, PrivateNetwork], group: ElastiCacheHaGroup | None, stage: Stage
) -> GlobalDatastore:
    """Make the secondaries in other regions, of the stack's own group where it has one, and export how all are reached."""
    with settings.named("elasticache"):
        as_primary = {} if group is None else group.as_primary()
    of_group = {name: value for name, value in as_primary.items() if name not in args}
    if "auth" in args:  # the block decides, with users or a token of its own
        of_group = {name: value for name, value in of_group.items() if name not in {"users", "user_engine", "auth_token"}}
    secondaries = {region: {**within(networks, region), **one} for region, one in args["secondaries"].items()}
    args = {**of_group, **args}
    with settings.named("global_datastore", dict.fromkeys(of_group, "elasticache")):
        whole = cast("GlobalDatastoreArgs", {**args, "secondaries": secondaries})
        made = stage.component(elasticache.GlobalDatastore, args.get("name_suffix", pulumi.get_stack()), whole)
    stage.export("global_id", made.global_id)
    stage.export("global_connection", made.connection)
    stage.export("global_credentials", made.credentials)
    return made


def failover_automation(
    args: FailoverAutomationArgs, group: ElastiCacheHaGroup | None, topics: Sequence[pulumi.Input[str]], stage: Stage
) -> None:
    """Make the failover automation, of the stack's own group and its alarms' topics, with what the block says besides."""
    with settings.named("elasticache"):
        own: dict[str, Any] = {"groups": {}} if group is None else group.as_watched()
    groups = {**own["groups"], **{name: {**own["groups"].get(name, {}), **one} for name, one in args.get("groups", {}).items()}}
    filled: dict[str, Any] = {**own, "alarm_topics": {f"alarms-{at}": arn for at, arn in enumerate(topics)}, **args}
    if topics:
        filled["alarms"] = {"topic_arns": topics, **args.get("alarms", {})}
    filled["groups"] = groups
    with settings.named("failover"):
        if group is not None and filled["region"] != own["region"]:
            reason = f"{filled['region']!r}, but the stack's own group lies in {own['region']}: leave it out"
            raise pulumi.InputPropertyError("region", reason)
        made = stage.component(failover.FailoverAutomation, pulumi.get_stack(), cast("FailoverAutomationArgs", filled))
    stage.export("failover_connections", made.connections)
    stage.export("failover_client_policies", made.client_policies)
    stage.export("failover_function_arn", made.function_arn)
    stage.export("failover_event_bus_arn", made.event_bus_arn)
    stage.export("failover_dead_letter_queue_url", made.dead_letter_queue_url)
    stage.export("failover_alarm_names", made.alarm_names)


def alb_blue_green(args: AlbBlueGreenArgs, networks: Mapping[str, PrivateNetwork], stage: Stage) -> AlbBlueGreen:
    """Make the load balancers of blue and green."""
    args = cast("AlbBlueGreenArgs", {**within(networks, args["region"]), **args})
    with settings.named("alb_blue_green"):
        made = stage.component(traffic.AlbBlueGreen, pulumi.get_stack(), args)
    names = {"dns_names": made.dns_names, "target_group_arns": made.target_group_arns}
    stage.export("alb_blue_green", pulumi.Output.all(names, made.traffic).apply(lambda known: {**known[0], **known[1]}))
    return made


def weighted_blue_green(
    args: WeightedBlueGreenArgs, in_zone: Mapping[str, Any], balancers: AlbBlueGreen | None, stage: Stage
) -> None:
    """Make the weighted records, of the stack's own balancers where they name no others."""
    filled = {} if balancers is None else balancers.as_targets()
    names = {name: {**filled, **one} for name, one in args["names"].items()}
    args = cast("WeightedBlueGreenArgs", {**in_zone, **args, "names": names})
    with settings.named("weighted_blue_green"):
        made = stage.component(traffic.WeightedBlueGreen, pulumi.get_stack(), args)
    stage.export("weighted_blue_green", made.traffic)


def live_colour_record(args: LiveColourRecordArgs, filled: Mapping[str, Any], stage: Stage) -> None:
    """Make the writer's name."""
    args = cast("LiveColourRecordArgs", {**filled, **args})
    with settings.named("live_colour_record"):
        made = stage.component(traffic.LiveColourRecord, pulumi.get_stack(), args)
    stage.export("live_colour_record", made.traffic)


def regions_as_colours(made: GlobalDatastore, secondaries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the targets of a writer's name: blue is the region that writes at first, green the first secondary."""
    blue = pulumi.Output.all(made.endpoints, made.primary_region).apply(lambda known: known[0][known[1]])
    return {"targets": {"blue": blue, "green": made.endpoints[next(iter(secondaries))]}}


def aws_half(wanted: settings.Settings, stage: Stage) -> None:
    """Build what the stack file asks for on AWS."""
    networks = private_networks(wanted, stage)
    in_zone: dict[str, Any] = {}
    if wanted.private_zone is not None:
        zone = private_zone(wanted.private_zone, networks, stage, protect=wanted.protect)
        in_zone = {"zone_id": zone.zone_id, "zone_name": wanted.private_zone}
    group = None
    cache = wanted.elasticache
    if cache is not None:
        if wanted.failover is not None:
            cache = with_alarm_topic(cache, stage, protect=wanted.protect)
        group = elasticache_group(cache, networks, stage)
    if wanted.failover is not None:
        topics = [] if cache is None else cache.get("alarms", {}).get("topic_arns", [])
        failover_automation(wanted.failover, group, topics, stage)
    targets: dict[str, Any] = {}
    if wanted.global_datastore is not None:
        args: dict[str, Any] = {**wanted.global_datastore}
        if wanted.live_colour_record is not None:
            args.setdefault("writer", {"record": wanted.live_colour_record["name"]})
        made = global_datastore(args, networks, group, stage)
        targets = regions_as_colours(made, args["secondaries"])
    balancers = alb_blue_green(wanted.alb_blue_green, networks, stage) if wanted.alb_blue_green is not None else None
    if wanted.weighted_blue_green is not None:
        records_in: dict[str, Any] = {} if "zone_id" in wanted.weighted_blue_green else {**in_zone, "private": True}
        weighted_blue_green(wanted.weighted_blue_green, records_in, balancers, stage)
    if wanted.live_colour_record is not None:
        records_in = {} if "zone_id" in wanted.live_colour_record else in_zone
        live_colour_record(wanted.live_colour_record, {**records_in, **targets}, stage)


def build(wanted: settings.Settings, stage: Stage) -> None:
    """Build what the stack file asks for."""
    key = administrator_key(pulumi.get_stack(), stage) if wanted.generate_ssh_key else None
    if wanted.sentinel is not None:
        sentinel_cluster(wanted.sentinel, key, stage)
    aws_half(wanted, stage)


def main() -> None:
    """Read the stack file, check everything, then build it."""
    wanted = settings.load(os.environ)
    for stage in (Rehearsal(), Earnest()):
        build(wanted, stage)


main()
