"""An emulated AWS for tests of its API: a data plane on paper (no root, no nodes), and short ways to what tests need."""

from __future__ import annotations

import itertools
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pulumi_emulator import aws
from pulumi_emulator.aws.access import new_key
from pulumi_emulator.aws.elasticache import failover
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.serving import make_endpoint
from pulumi_emulator.caches.measure import Reading

REGION = "eu-central-1"
ZONES = ("eu-central-1a", "eu-central-1b")
TOKEN = "an-auth-token-of-twenty"
PASSWORD = "a-password-of-24-letters"
WAIT_SECONDS = 60.0
# Of this process: what moto keeps is of all endpoints that are served in it.
NUMBERS = itertools.count(1)
# What a topic needs so that ElastiCache publishes to it.
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "SNS:Publish",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceOwner": aws.ACCOUNT_ID}},
        }
    ],
}


class PaperPlane:
    """A data plane without nodes: it remembers what it was told, and promotes on paper."""

    def __init__(self, emit: Callable[..., None]) -> None:
        self.emit = emit
        self.specs: dict[str, Any] = {}
        self.made: list[tuple[str, Any]] = []
        self.primaries: dict[str, dict[str, str]] = {}
        self.dark: set[str] = set()
        self.cut: list[tuple[str, list[str]]] = []
        self.leaders: dict[str, str] = {}
        self.says: dict[str, Callable[[], Reading]] = {}
        self.hold = threading.Event()
        self.hold.set()

    def create(self, spec: Any) -> None:
        self.change(spec)

    def change(self, spec: Any) -> None:
        self.hold.wait(WAIT_SECONDS)
        self.made.append((spec.group_id, spec))
        self.specs[spec.group_id] = spec
        known = self.primaries.get(spec.group_id, {})
        present = {node.node_id for node in spec.nodes}
        first = {node.shard: node.node_id for node in reversed(spec.nodes)}
        self.primaries[spec.group_id] = {
            shard: known[shard] if known.get(shard) in present else node_id for shard, node_id in first.items()
        }

    def delete(self, group_id: str) -> None:
        self.hold.wait(WAIT_SECONDS)
        self.specs.pop(group_id, None)

    def roles(self, group_id: str) -> Mapping[str, str]:
        spec = self.specs.get(group_id)
        nodes = spec.nodes if spec else ()
        primaries = self.primaries.get(group_id, {}).values()
        return {
            node.node_id: "gone" if node.zone in self.dark else "primary" if node.node_id in primaries else "replica"
            for node in nodes
        }

    def whole(self, group_id: str) -> bool:
        return "gone" not in self.roles(group_id).values()

    def readings(self, group_id: str) -> Mapping[str, Reading]:
        here = [node_id for node_id, role in self.roles(group_id).items() if role != "gone"]
        return {node_id: self.says[node_id]() for node_id in here if node_id in self.says}

    def addresses(self, group_id: str) -> Mapping[str, str]:
        del group_id
        return {}

    def test_failover(self, group_id: str, shard: str) -> None:
        old = self.primaries[group_id][shard]
        new = next(node.node_id for node in self.specs[group_id].nodes if node.shard == shard and node.node_id != old)
        self.primaries[group_id][shard] = new
        text = f"Failover from primary node {old} to replica node {new} completed"
        self.emit(group_id, "replication-group", group_id, text, "FailoverComplete")

    def hand_over(self, group_id: str, node_id: str) -> None:
        self.primaries[group_id]["0001"] = node_id

    def zone_down(self, zone: str, groups: Sequence[str] | None = None) -> None:
        self.cut.append((zone, list(groups or [])))
        self.dark.add(zone)

    def zone_up(self, zone: str) -> None:
        self.dark.discard(zone)

    def follow(self, group_id: str, leader_id: str) -> None:
        self.hold.wait(WAIT_SECONDS)
        self.leaders[group_id] = leader_id

    def lead(self, group_id: str) -> None:
        self.hold.wait(WAIT_SECONDS)
        self.leaders.pop(group_id, None)

    def promote(self, group_id: str, followers: Sequence[str]) -> None:
        self.lead(group_id)
        self.leaders |= dict.fromkeys(followers, group_id)

    def lag(self, group_id: str) -> float | None:
        return 0.5 if group_id in self.leaders else None

    def listen(self, port: int) -> socket.socket:
        raise AssertionError(f"paper has no network to listen in at {port}")


@contextmanager
def serving() -> Iterator[tuple[aws.Endpoint, Account]]:
    """Serve an emulated AWS in this process whose cache nodes are on paper only: its address, and what it knows."""
    account: Account

    def emit(*event: Any) -> None:
        failover.told(account, *event)

    folder = Path(tempfile.mkdtemp(prefix="aws-world-"))
    account = Account(lambda: PaperPlane(emit), lambda _: None, folder)
    key = new_key()
    server = make_endpoint(account, "127.0.0.1", key)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield aws.Endpoint(f"http://127.0.0.1:{server.server_port}", key), account
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        account.close()
        shutil.rmtree(folder)


class Remote:
    """An endpoint, its clients, and short ways to what most tests need."""

    def __init__(self, endpoint: aws.Endpoint) -> None:
        self.endpoint = endpoint
        self._clients: dict[tuple[str, str], Any] = {}

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def client(self, service: str, region: str = REGION) -> Any:
        key = (service, region)
        if key not in self._clients:
            self._clients[key] = aws.client(self.endpoint, service, region)
        return self._clients[key]

    @property
    def cache(self) -> Any:
        return self.client("elasticache")

    def name(self, prefix: str = "t") -> str:
        return f"{prefix}{next(NUMBERS)}"

    def subnet_group(self, zones: tuple[str, ...] = ZONES, region: str = REGION) -> str:
        """Make a VPC, a subnet a zone and a subnet group."""
        ec2 = self.client("ec2", region)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for index, zone in enumerate(zones)
        ]
        name = self.name("net")
        given = {"CacheSubnetGroupName": name, "CacheSubnetGroupDescription": "net", "SubnetIds": subnets}
        self.client("elasticache", region).create_cache_subnet_group(**given)
        return name

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """Return the input of a small group that is accepted; None takes a member away."""
        given = {
            "ReplicationGroupId": self.name("group"),
            "ReplicationGroupDescription": "a group",
            "Engine": "valkey",
            "EngineVersion": "8.0",
            "CacheNodeType": "cache.t4g.small",
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "MultiAZEnabled": True,
            "TransitEncryptionEnabled": True,
            **changes,
        }
        return {name: value for name, value in given.items() if value is not None}

    def sharded(self, **changes: Any) -> dict[str, Any]:
        """Return the input of a group with cluster mode enabled."""
        return self.arguments(**{"NumCacheClusters": None, "NumNodeGroups": 2, "ReplicasPerNodeGroup": 1, **changes})

    def group(self, **changes: Any) -> str:
        """Make a group and wait until it is available; return its id."""
        given = self.arguments(**changes)
        self.cache.create_replication_group(**given)
        return str(self.available(given["ReplicationGroupId"])["ReplicationGroupId"])

    def shards(self, **changes: Any) -> str:
        """Make a group with cluster mode enabled; return its id."""
        return self.group(**{"NumCacheClusters": None, "NumNodeGroups": 2, "ReplicasPerNodeGroup": 1, **changes})

    def describe(self, group_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cache.describe_replication_groups(ReplicationGroupId=group_id)["ReplicationGroups"][0]
        return found

    def available(self, group_id: str) -> dict[str, Any]:
        found: dict[str, Any] = until(
            lambda: self.describe(group_id), lambda seen: seen["Status"] in {"available", "create-failed"}
        )
        return found

    def modify(self, group_id: str, **changes: Any) -> dict[str, Any]:
        """Change a group at once and wait."""
        self.cache.modify_replication_group(ReplicationGroupId=group_id, ApplyImmediately=True, **changes)
        return self.available(group_id)

    def user(self, name: str, **changes: Any) -> str:
        user_id = self.name("user")
        given = {"Engine": "valkey", "AccessString": "on ~* +@all", "Passwords": [PASSWORD], **changes}
        self.cache.create_user(
            UserId=user_id, UserName=name, **{key: value for key, value in given.items() if value is not None}
        )
        return user_id

    def user_group(self, **changes: Any) -> str:
        """Make a user group of a locked `default` and an `app`."""
        group_id = self.name("users")
        users = [self.user("default", AccessString="off -@all"), self.user("app")]
        self.cache.create_user_group(**{"UserGroupId": group_id, "Engine": "valkey", "UserIds": users, **changes})
        return group_id

    def queue_of(self, topic_arn: str) -> str:
        """Subscribe a new queue to a topic; return its URL."""
        sqs = self.client("sqs")
        url = str(sqs.create_queue(QueueName=self.name("queue"))["QueueUrl"])
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        raw = {"RawMessageDelivery": "true"}
        self.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes=raw)
        return url

    def messages(self, url: str) -> list[str]:
        found = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [message["Body"] for message in found]


class World(Remote):
    """An endpoint that is served in this process."""

    def __init__(self, endpoint: aws.Endpoint, account: Account) -> None:
        super().__init__(endpoint)
        self.account = account

    @property
    def plane(self) -> Any:
        return self.account.plane


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A served endpoint of the test module; a folder's conftest.py or a test file imports it."""
    with serving() as (endpoint, account):
        made = World(endpoint, account)
        yield made
        made.close()


def until(look: Callable[[], Any], good: Callable[[Any], bool]) -> Any:
    """Look until it is good; the last thing seen when the time is up."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = look()
        if good(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)
