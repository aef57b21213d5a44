"""A stack's outputs and a healthy topology as plain data, for tests of redis_ha_ops."""

from typing import Any

from redis_ha_ops.stack import Stack
from redis_ha_ops.topology import Attached, DataNode, Peer, SentinelNode, Topology

SECRET = "never-to-be-seen"


def outputs_of(name: str = "local") -> dict[str, Any]:
    slots = [
        {
            "name": f"{name}-data-{at}",
            "kind": "data",
            "slot": at,
            "private_ip": f"10.0.0.{2 + at}",
            "public_ip": "",
            "port": 6379,
        }
        for at in range(3)
    ] + [
        {
            "name": f"{name}-sentinel-{at}",
            "kind": "sentinel",
            "slot": at,
            "private_ip": f"10.0.0.{5 + at}",
            "public_ip": "",
            "port": 26379,
            "sentinel_id": f"{at + 1:040x}",
        }
        for at in range(3)
    ]
    return {
        "sentinel_connection": {
            "version": 1,
            "kind": "sentinel",
            "master_name": name,
            "sentinels": [{"host": row["private_ip"], "port": 26379} for row in slots[3:]],
            "tls": False,
            "failover": {"down_after_ms": 1000, "failover_timeout_ms": 5000, "min_replicas_to_write": 1},
        },
        "sentinel_credentials": {
            "version": 1,
            "username": "application",
            "password": SECRET,
            "sentinel_username": "application",
            "sentinel_password": SECRET,
        },
        "sentinel_desired": {
            "version": 1,
            "name": name,
            "master_name": name,
            "quorum": 2,
            "region": "ams3",
            "slots": slots,
            "admin": {"username": "admin", "password": SECRET},
            "users": {},
            "redis": {"maxmemory": "256mb", "appendonly": "yes", "masterauth": SECRET},
            "sentinel": {"down-after-milliseconds": "1000"},
        },
    }


def healthy_topology(stack: Stack) -> Topology:
    data, sentinels = stack.of_kind("data"), stack.of_kind("sentinel")
    settings = {
        "maxmemory": str(256 * 1024**2),
        "appendonly": "yes",
        "min-replicas-to-write": "1",
        "min-replicas-max-lag": "10",
        "maxmemory-policy": "noeviction",
        "replica-priority": "100",
    }
    common: dict[str, Any] = {"version": "8.0.2", "used_bytes": 10, "maximum_bytes": 1000, "settings": settings}
    master = DataNode(
        data[0],
        role="master",
        offset=100,
        attached=tuple(Attached(slot.address, "online", 90, 0) for slot in data[1:]),
        good_replicas=2,
        **common,
    )
    replicas = [
        DataNode(slot, role="replica", follows=data[0].address, link="connected", offset=90, good_replicas=0, **common)
        for slot in data[1:]
    ]
    watchers = [
        SentinelNode(
            slot,
            watches=True,
            my_id=slot.sentinel_id,
            master=data[0].address,
            epoch=3,
            flags=("master",),
            quorum=2,
            replicas=tuple(Peer(one.address, ("slave",)) for one in data[1:]),
            sentinels=tuple(Peer(one.address, ("sentinel",)) for one in sentinels if one is not slot),
            quorum_ok=True,
            quorum_text="OK 3 usable Sentinels",
            version="8.0.2",
            settings={"down-after-milliseconds": "1000", "quorum": "2"},
        )
        for slot in sentinels
    ]
    return Topology((master, *replicas), tuple(watchers))
