"""Global Datastores through the provider: the global object, its members, a promotion beside the program, and the way out."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest
from rich.console import Console

from pulumi_emulator import inspection
from pulumi_emulator.recovery import _rank
from tests.support.aws_provider import EmulatedAccount, RefusedError, Resource

GROUP = "elasticache.ReplicationGroup"
GLOBAL = "elasticache.GlobalReplicationGroup"
WEST = "eu-west-1"
NUMBERS = itertools.count(1)


class Store:
    """A primary, a Global Datastore, and on demand a secondary: resources as a program has them."""

    def __init__(self, account: EmulatedAccount, *, group: dict[str, Any] | None = None, **more: Any) -> None:
        self.account = account
        self.tail = next(NUMBERS)
        self.group = {**self.member(f"first-{self.tail}"), **self.own(), **(group or {})}
        self.primary = account.resource(GROUP, name="primary")
        self.primary.create(self.group)
        self.inputs = {
            "globalReplicationGroupIdSuffix": f"store-{self.tail}",
            "primaryReplicationGroupId": self.primary.id,
            **more,
        }
        self.store = account.resource(GLOBAL)

    def made(self) -> Store:
        self.store.create(self.inputs)
        return self

    @staticmethod
    def member(group_id: str) -> dict[str, Any]:
        return {
            "replicationGroupId": group_id,
            "description": "orders",
            "numCacheClusters": 2,
            "automaticFailoverEnabled": True,
            "multiAzEnabled": True,
            "applyImmediately": True,
        }

    @staticmethod
    def own() -> dict[str, Any]:
        return {"engine": "valkey", "engineVersion": "8.0", "nodeType": "cache.r7g.large"}

    def second_inputs(self) -> dict[str, Any]:
        joins = {"globalReplicationGroupId": self.store.id, "region": WEST}
        return {**self.member(f"second-{self.tail}"), **joins}

    def secondary(self) -> Resource:
        resource = self.account.resource(GROUP, name="secondary")
        resource.create(self.second_inputs())
        return resource

    def call(self, operation: str, region: str = "eu-central-1", **given: Any) -> Any:
        return getattr(self.account.cloud.aws_client("elasticache", region), operation)(**given)

    def promote(self, resource: Resource, region: str) -> None:
        given = {"PrimaryRegion": region, "PrimaryReplicationGroupId": resource.id}
        self.call("failover_global_replication_group", GlobalReplicationGroupId=self.store.id, **given)
        self.rest()

    def rest(self) -> None:
        waiting = self.store.provider.cloud
        assert waiting is self.account.cloud
        for _ in range(3000):
            found = self.call("describe_global_replication_groups", GlobalReplicationGroupId=self.store.id)
            if found["GlobalReplicationGroups"][0]["Status"] in {"available", "primary-only"}:
                return
        raise AssertionError("the datastore does not come to rest")


def test_the_global_object_is_of_the_primary(account: EmulatedAccount) -> None:
    made = Store(account).made()
    state = made.store.state
    assert made.store.id == f"iudkw-store-{made.tail}"
    assert (state["globalReplicationGroupId"], state["primaryReplicationGroupId"]) == (made.store.id, made.primary.id)
    assert (state["engine"], state["engineVersion"], state["engineVersionActual"]) == ("valkey", "8.0", "8.0.1")
    assert (state["cacheNodeType"], state["automaticFailoverEnabled"]) == ("cache.r7g.large", True)
    assert (state["clusterEnabled"], state["numNodeGroups"], state["globalNodeGroups"]) == (False, 0, [])
    assert "globalReplicationGroupDescription" not in state
    assert made.store.read() == {}
    assert made.store.diff(made.inputs) == {}
    # An empty description is the space that AWS keeps.
    assert made.store.diff({**made.inputs, "globalReplicationGroupDescription": ""}) == {}


def test_what_differs_from_the_primary_is_changed_after_the_creation(account: EmulatedAccount) -> None:
    wanted = {
        "engine": "valkey",
        "engineVersion": "8.1",
        "cacheNodeType": "cache.r7g.xlarge",
        "automaticFailoverEnabled": False,
    }
    made = Store(account, group={"multiAzEnabled": False}, **wanted).made()
    assert {name: made.store.state[name] for name in wanted} == wanted
    # The primary has it too; its program learns of the datastore at the next refresh, and lets go then.
    assert made.primary.state.get("globalReplicationGroupId") == ""
    assert made.primary.diff(made.group) == {}
    drift = made.primary.read()
    assert drift == {"engineVersion": "8.1", "nodeType": "cache.r7g.xlarge", "automaticFailoverEnabled": False}
    assert made.primary.diff(made.group) == {"nodeType": False}
    assert made.primary.state["globalReplicationGroupId"] == made.store.id
    with pytest.raises(RefusedError, match="is part of a global cluster"):
        made.primary.update(made.group)


def test_redis_is_the_engine_of_a_version_without_one(account: EmulatedAccount) -> None:
    with pytest.raises(RefusedError, match="cannot be changed from valkey to redis"):
        Store(account, engineVersion="7.1").made()


def test_one_call_for_each_changed_field(account: EmulatedAccount) -> None:
    made = Store(account, engine="valkey", engineVersion="7.2", group={"engineVersion": "7.2"}).made()
    parameters = account.made("elasticache.ParameterGroup", name=f"of-{made.tail}", family="valkey8")
    changed = {
        **made.inputs,
        "engineVersion": "8.0",
        "parameterGroupName": parameters.id,
        "cacheNodeType": "cache.r7g.xlarge",
        "globalReplicationGroupDescription": "ours",
    }
    handler = made.store
    assert handler.diff(changed) == {
        "engineVersion": False,
        "parameterGroupName": False,
        "cacheNodeType": False,
        "globalReplicationGroupDescription": False,
    }
    state = handler.update(changed)
    assert (state["engineVersion"], state["globalReplicationGroupDescription"]) == ("8.0", "ours")
    assert handler.read() == {}
    # Left as it was given, it is ignored; the members have copies.
    assert handler.diff(changed) == {}
    copy = made.primary
    copy.read()
    assert copy.state["parameterGroupName"].startswith(f"global-datastore-store-{made.tail}-iudkw")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"engineVersion": "7.2"}, "a downgrade needs the replacement"),
        ({"engineVersion": "8.1", "parameterGroupName": "mine"}, "without a new major engine version"),
    ],
)
def test_what_the_provider_refuses_in_a_plan(account: EmulatedAccount, change: dict[str, Any], words: str) -> None:
    made = Store(account, engine="valkey", engineVersion="8.0").made()
    with pytest.raises(RefusedError, match=words):
        made.store.diff({**made.inputs, **change})


def test_what_the_provider_refuses_in_the_inputs(account: EmulatedAccount) -> None:
    resource = account.resource(GLOBAL)
    needed = {"globalReplicationGroupIdSuffix": "x", "primaryReplicationGroupId": "a"}
    assert list(resource.check({**needed, "engineVersion": "8"})) == ["engineVersion"]
    assert list(resource.check({**needed, "engine": "memcached"})) == ["engine"]
    assert list(resource.check({**needed, "primaryReplicationGroupId": "two--hyphens"})) == ["primaryReplicationGroupId"]
    assert list(resource.check({**needed, "parameterGroupName": "mine"})) == ["parameterGroupName"]


def test_the_newest_six_is_any_six(account: EmulatedAccount) -> None:
    redis = {"engine": "redis", "engineVersion": "6.2"}
    made = Store(account, group=redis, engine="redis", engineVersion="6.2").made()
    assert made.store.diff({**made.inputs, "engineVersion": "6.x"}) == {}


def test_shards_up_and_down(account: EmulatedAccount) -> None:
    shards = {"numCacheClusters": None, "numNodeGroups": 2, "replicasPerNodeGroup": 1, "clusterMode": "enabled"}
    made = Store(account, group=shards, numNodeGroups=3)
    made.group = {name: value for name, value in made.group.items() if value is not None}
    made.made()
    names = [item["globalNodeGroupId"] for item in made.store.state["globalNodeGroups"]]
    assert names == [f"{made.store.id}-000{number}" for number in (1, 2, 3)]
    state = made.store.update({**made.inputs, "numNodeGroups": 1})
    assert [item["globalNodeGroupId"] for item in state["globalNodeGroups"]] == names[:1]
    assert state["globalNodeGroups"][0]["slots"] == "0-16383"


def test_a_secondary_has_what_the_datastore_has(account: EmulatedAccount) -> None:
    made = Store(account).made()
    conflict = account.resource(GROUP, name="conflict")
    for name, value in {**made.own(), "transitEncryptionEnabled": True, "parameterGroupName": "mine"}.items():
        assert set(conflict.check({**made.second_inputs(), name: value})) & {name, "globalReplicationGroupId"}, name
    second = made.secondary()
    state = second.state
    assert (state["engine"], state["engineVersion"], state["nodeType"]) == ("valkey", "8.0", "cache.r7g.large")
    assert state["globalReplicationGroupId"] == made.store.id
    assert state["arn"].split(":")[3] == WEST
    assert second.read() == {}
    assert second.diff(made.second_inputs()) == {}
    # What an upgrade of the datastore changes is no difference of a member.
    made.store.update({**made.inputs, "engine": "valkey", "engineVersion": "8.1"})
    assert second.read() == {}
    assert second.diff(made.second_inputs()) == {}
    # Its replicas are its own.
    assert second.diff({**made.second_inputs(), "numCacheClusters": 3}) == {"numCacheClusters": False}
    assert second.update({**made.second_inputs(), "numCacheClusters": 3})["numCacheClusters"] == 3
    # Clearing the id does nothing, another one replaces (hashicorp/terraform-provider-aws#32804).
    without = {**made.second_inputs(), "numCacheClusters": 3}
    del without["globalReplicationGroupId"]
    assert second.diff(without) == {}
    assert second.diff({**without, "globalReplicationGroupId": "iudkw-other"}) == {"globalReplicationGroupId": True}


def test_a_promotion_beside_the_program_shows_as_a_replacement_unless_it_is_ignored(account: EmulatedAccount) -> None:
    made = Store(account).made()
    second = made.secondary()
    made.promote(second, WEST)
    assert made.store.diff(made.inputs) == {}, "before a refresh nothing is known"
    assert made.store.read() == {"primaryReplicationGroupId": second.id}
    assert made.store.diff(made.inputs) == {"primaryReplicationGroupId": True}
    assert made.store.diff(made.inputs, ignore=("primaryReplicationGroupId",)) == {}
    assert second.read() == {}
    assert made.primary.read() == {}


def test_destroy_in_the_program_s_order(account: EmulatedAccount) -> None:
    made = Store(account).made()
    second = made.secondary()
    copy = second.state["parameterGroupName"]
    second.delete()
    assert second.read() is None
    names = made.call("describe_cache_parameter_groups", WEST)["CacheParameterGroups"]
    assert copy not in [group["CacheParameterGroupName"] for group in names]
    made.store.delete()
    assert made.store.read() is None
    # The primary's state may know the datastore, which is gone: that is no error.
    made.primary.read()
    made.primary.delete()
    assert made.primary.read() is None
    assert account.cloud.world.all(f"aws:elasticache/replicationGroup:{GROUP.split('.')[1]}") == {}


def test_after_a_promotion_the_program_s_order_is_refused_until_it_is_taken_back(account: EmulatedAccount) -> None:
    made = Store(account).made()
    second = made.secondary()
    made.promote(second, WEST)
    # What was made as the secondary leads now, and a primary is not taken out; nor does the datastore go before its members.
    with pytest.raises(RefusedError, match="only a secondary can be disassociated"):
        second.delete()
    with pytest.raises(RefusedError, match="Cannot delete a global replication group in available state"):
        made.store.delete()
    with pytest.raises(RefusedError, match="is part of a global cluster"):
        made.primary.delete()
    made.promote(made.primary, "eu-central-1")
    for resource in (second, made.store, made.primary):
        resource.delete()
        assert resource.read() is None


def test_or_the_other_member_leaves_first(account: EmulatedAccount) -> None:
    made = Store(account).made()
    second = made.secondary()
    made.promote(second, WEST)
    leaves = {"ReplicationGroupId": made.primary.id, "ReplicationGroupRegion": "eu-central-1"}
    made.call("disassociate_global_replication_group", GlobalReplicationGroupId=made.store.id, **leaves)
    made.rest()
    made.store.delete()
    # The provider's words for a datastore that is gone are no error.
    second.delete()
    made.primary.delete()
    assert second.read() is None


def test_a_member_that_left_goes_without_a_word(account: EmulatedAccount) -> None:
    made = Store(account).made()
    second = made.secondary()
    leaves = {"ReplicationGroupId": second.id, "ReplicationGroupRegion": WEST}
    made.call("disassociate_global_replication_group", WEST, GlobalReplicationGroupId=made.store.id, **leaves)
    made.rest()
    second.read()
    assert second.state["globalReplicationGroupId"] == made.store.id, "the provider keeps what it knew"
    second.delete()
    assert second.read() is None


def test_an_import_finds_the_suffix(account: EmulatedAccount) -> None:
    made = Store(account).made()
    other = account.resource(GLOBAL, name="other")
    inputs = other.import_(made.store.id)
    assert inputs is not None
    assert inputs["globalReplicationGroupIdSuffix"] == f"store-{made.tail}"
    assert inputs["primaryReplicationGroupId"] == made.primary.id
    assert other.diff(made.inputs) == {}
    assert account.resource(GLOBAL, name="none").import_("iudkw-none") is None


def test_what_was_made_and_not_noted_goes_from_the_outside_in(account: EmulatedAccount) -> None:
    made = Store(account).made()
    second = made.secondary()
    tokens = {"primary": made.primary, "store": made.store, "second": second}
    ranks = {
        name: _rank(account.cloud, resource.urn.split("$")[1].split("::")[0], resource.id) for name, resource in tokens.items()
    }
    assert sorted(ranks, key=lambda name: ranks[name]) == ["second", "store", "primary"]


def test_what_status_prints() -> None:
    about = {"region": "eu-central-1", "status": "associated"}
    members = [
        {"id": "first", "role": "PRIMARY", "lag": None, **about},
        {"id": "second", "role": "SECONDARY", "lag": 0.52, **about},
        {"id": "third", "role": "SECONDARY", "lag": None, **about},
    ]
    entry = {"id": "iudkw-orders", "status": "available", "failure": None, "members": members}
    description = {"project": "p", "stack": "dev", "resources": 3, "engine": "v1", "pending_operations": 0, "machines": []}
    console = Console(record=True, width=200, file=io.StringIO())
    inspection.show({**description, "caches": [], "global_datastores": [entry], "aws_ahead_seconds": 0}, console)
    rows = [line.split() for line in console.export_text().splitlines()[2:]]
    assert [row[2:] for row in rows] == [
        ["first", "eu-central-1", "primary", "associated", "-"],
        ["second", "eu-central-1", "secondary", "associated", "0.5", "s", "ago"],
        ["third", "eu-central-1", "secondary", "associated", "no", "link"],
    ]
