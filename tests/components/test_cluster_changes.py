"""What one update may do to a living SentinelCluster: at most one machine stops."""

from typing import Any

import pytest

from redis_ha.sentinel.changes import Out, recorded, refusals, resized
from redis_ha.sentinel.topology import make_plan

GOOD: dict[str, Any] = {"region": "ams3", "vpc_ip_range": "10.20.0.0/24"}
L, XL = "s-4vcpu-8gb", "s-8vcpu-16gb"


def record(**changes: Any) -> dict[str, Any]:
    args = {key: value for key, value in (GOOD | changes).items() if value is not ...}
    return recorded(make_plan("local", args), args.get("vpc_id"))


def refused(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    return dict(refusals(record(**old), record(**new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        ({}, {"sizes": {"data-2": L}}),
        ({"sizes": {"data-2": L}}, {"sizes": {"data-2": L, "data-1": L}}),
        # The last step: all have the size, which becomes the cluster's.
        ({"sizes": {"data-0": L, "data-1": L, "data-2": L}}, {"data_size": L}),
        ({}, {"sizes": {"sentinel-0": L}}),
        ({}, {"sizes": {"data-2": L}, "resize_disk": ["data-2"]}),
        ({}, {"resize_disk": ["data-2"]}),
        ({"resize_disk": ["data-1", "data-2"]}, {}),
        ({}, {"generations": {"data-1": 1}}),
        ({}, {"generations": {"data-1": 1}, "sizes": {"data-1": L}}),
        ({"replicas": 3}, {"replicas": 2}),
        ({"replicas": 1}, {"replicas": 3, "generations": {"data-2": 1, "data-3": 1}}),
        ({"generations": {"data-0": 1}}, {"replicas": 3, "generations": {"data-0": 1, "data-3": 1}}),
        ({"sentinels": 3}, {"sentinels": 7}),
        ({"sentinels": 5}, {"sentinels": 3}),
        ({"sentinels": 7}, {"sentinels": 5}),
        ({}, {"maxmemory_mb": 100, "tags": ["more"], "down_after_ms": 1000, "image": "debian-12-x64"}),
    ],
)
def test_one_machine_may_stop(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert refused(old, new) == {}


@pytest.mark.parametrize(
    ("old", "new", "arguments", "says"),
    [
        ({}, {"data_size": L}, {"sizes"}, "data-0 s-2vcpu-4gb -> s-4vcpu-8gb"),
        ({}, {"data_size": L}, {"sizes"}, "sizes: {data-2: s-4vcpu-8gb}"),
        ({}, {"sentinel_size": "s-1vcpu-2gb"}, {"sizes"}, "3 machines would stop at once"),
        ({}, {"sizes": {"data-0": L, "sentinel-0": L}}, {"sizes"}, "2 machines would stop at once"),
        ({}, {"sizes": {"data-0": L, "sentinel-0": L}}, {"sizes"}, "such as sizes: {data-0: s-4vcpu-8gb}"),
        ({}, {"resize_disk": ["data-0", "data-1"]}, {"sizes"}, "data-0 s-2vcpu-4gb -> s-2vcpu-4gb with its disk"),
        ({"sizes": {"data-1": L}}, {"data_size": XL}, {"sizes"}, "data-1 s-4vcpu-8gb -> s-8vcpu-16gb"),
        ({}, {"generations": {"data-0": 1, "data-1": 2}}, {"generations"}, "data-0 0 -> 1, data-1 0 -> 2"),
        ({}, {"generations": {"sentinel-0": 1, "sentinel-1": 1, "sentinel-2": 1}}, {"generations"}, "3 machines"),
        ({}, {"generations": {"data-0": 1}, "sizes": {"data-1": L}}, {"generations", "sizes"}, "2 machines"),
        ({"replicas": 3}, {"replicas": 1}, {"replicas"}, "data-2, data-3 removed"),
        ({"replicas": 3}, {"replicas": 2, "sizes": {"data-0": L}}, {"replicas", "sizes"}, "lower replicas by one"),
        ({"sentinels": 7}, {"sentinels": 3}, {"sentinels"}, "lower sentinels by two"),
        ({"sentinels": 5}, {"sentinels": 3, "generations": {"data-0": 1}}, {"sentinels", "generations"}, "3 machines"),
    ],
)
def test_more_than_one_may_not(old: dict[str, Any], new: dict[str, Any], arguments: set[str], says: str) -> None:
    found = refused(old, new)
    assert found.keys() == arguments
    assert any(says in reason for reason in found.values()), found


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ({}, {"replicas": 3}, "data-3 would be told of no other node and never join; set generations: {data-3: 1}"),
        ({"replicas": 1}, {"replicas": 3}, "set generations: {data-2: 1, data-3: 1}"),
        (
            {"generations": {"data-0": 2, "data-1": 2, "data-2": 1}},
            {"replicas": 3, "generations": {"data-0": 2, "data-1": 2, "data-2": 1, "data-3": 1}},
            "{data-3: 2}",
        ),
    ],
)
def test_a_node_that_nobody_could_tell_of_the_others_is_refused(old: dict[str, Any], new: dict[str, Any], says: str) -> None:
    """OT-CONTAINER-KIT/redis-operator#836, spotahome/redis-operator#589."""
    assert says in refused(old, new)["replicas"]


@pytest.mark.parametrize(
    ("old", "new", "argument"),
    [
        ({}, {"region": "fra1"}, "region"),
        ({}, {"name": "other", "master_name": "local"}, "name"),
        ({}, {"master_name": "other"}, "master_name"),
        ({}, {"vpc_ip_range": "10.21.0.0/24"}, "vpc_ip_range"),
        ({"vpc_ip_range": ..., "vpc_id": "one"}, {"vpc_ip_range": ..., "vpc_id": "two"}, "vpc_id"),
    ],
)
def test_what_is_chosen_at_creation_stays(old: dict[str, Any], new: dict[str, Any], argument: str) -> None:
    assert refused(old, new).keys() == {argument}


def test_a_cluster_of_an_earlier_version_has_no_record() -> None:
    assert refusals({}, record(data_size=L)) == []


def test_who_gets_another_size() -> None:
    assert resized(record(), record(sizes={"data-1": L}, replicas=3)) == ["data-1"]
    assert resized({}, record()) == []


SMALL, LARGE = {"size": "s-2vcpu-4gb", "resizeDisk": False}, {"size": L, "resizeDisk": False}


def test_droplets_say_themselves_what_is_still_to_come() -> None:
    """After an `up` that failed half-way the record has both sizes already, one droplet has the old one."""
    out = Out()
    assert out.updates("data-0")(LARGE, LARGE) == []
    assert out.updates("data-1")(SMALL, LARGE) == []
    assert [name for name, _ in out.updates("data-2")(SMALL, LARGE)] == ["sizes"]
    assert [name for name, _ in out.updates("data-0")(LARGE, LARGE | {"resizeDisk": True})] == ["sizes"]
    # A droplet of an earlier version, which named no resize_disk: nothing stops.
    assert Out().updates("data-3")({"size": L}, LARGE) == []


def out_after(old: dict[str, Any] | None, **new: Any) -> Out:
    """What the droplets' hooks know after an `up` that asked for `old`; None: this run asks for the same."""
    out = Out()
    if old is not None:
        out.look(record(**old), record(**new))
    return out


def test_no_machine_is_replaced_while_another_one_is_still_to_be_made() -> None:
    """The `up` that raised data-2 failed: the record has it, its droplet is the old one, and the next `up` replaces it."""
    out = out_after({"generations": {"data-2": 1}}, generations={"data-1": 1, "data-2": 1})
    assert refused({"generations": {"data-2": 1}}, {"generations": {"data-1": 1, "data-2": 1}}) == {}
    assert out.creation("data-1") == []
    [(argument, reason)] = out.creation("data-2")
    assert argument == "generations"
    assert reason.startswith("data-2 is still to be made (an earlier `up` did not finish, or the machine was lost), and data-1")
    # In the other order too, and beside a size.
    turned = out_after({"generations": {"data-2": 1}}, generations={"data-1": 1, "data-2": 1})
    assert [name for name, _ in turned.creation("data-2")] == ["generations"]
    resizing = out_after(None)
    assert resizing.creation("data-2") == []
    assert [name for name, _ in resizing.updates("data-1")(SMALL, LARGE)] == ["sizes"]


@pytest.mark.parametrize(
    ("before", "after", "pending", "argument", "leaves"),
    [
        ({"replicas": 3, "generations": {"data-1": 1}}, {"generations": {"data-1": 1}}, "data-1", "replicas", "data-3 stops"),
        ({"replicas": 3}, {}, "sentinel-0", "replicas", "data-3 stops"),  # a machine that was lost
        (
            {"sentinels": 5, "generations": {"sentinel-1": 1}},
            {"generations": {"sentinel-1": 1}},
            "sentinel-1",
            "sentinels",
            "sentinel-3, sentinel-4 stop",
        ),
    ],
)
def test_no_slot_goes_while_another_one_is_still_to_be_made(
    before: dict[str, Any], after: dict[str, Any], pending: str, argument: str, leaves: str
) -> None:
    """The `up` that raised a slot failed. The record alone has nothing against one slot less, or two Sentinels less."""
    assert refused(before, after) == {}
    [(told, reason)] = out_after(before, **after).creation(pending)
    assert told == argument
    assert reason.startswith(f"{pending} is still to be made")
    assert leaves in reason
    assert f"put {argument} of that back" in reason


def test_no_machine_is_resized_while_a_slot_goes() -> None:
    """After a failed `up` the record does not know who is resized, the droplets do."""
    old, new = record(replicas=3, data_size=L), record(data_size=L)
    assert refusals(old, new, finished=False) == []
    out = out_after({"replicas": 3, "data_size": L}, data_size=L)
    [(argument, reason)] = out.updates("data-1")(SMALL, LARGE)
    assert argument == "sizes"
    assert reason.startswith("data-1, data-3 would stop in one `up`")


def test_a_slot_that_goes_may_be_one_that_is_not_there() -> None:
    """It is not made, so nothing is asked; and those that are unchanged are not stopped by it."""
    out = out_after({"replicas": 3}, replicas=2)
    assert out.updates("data-1")(LARGE, LARGE) == []
    assert out.creation("data-9") == []


def test_what_is_not_there_may_be_made_again_all_at_once() -> None:
    """Lost machines, a first `up` that failed, the rest of one that failed half-way, new slots."""
    for out in (out_after(None), out_after({}, client_tags=["web"])):
        assert [out.creation(f"data-{number}") for number in range(3)] == [[], [], []]
    assert out_after({"generations": {"data-2": 1}}, generations={"data-2": 1}).creation("data-2") == []
    added = {"replicas": 3, "generations": {"data-1": 1, "data-3": 1}}
    out = out_after({}, **added)
    assert (out.creation("data-1"), out.creation("data-3")) == ([], [])
    assert Out(known=frozenset()).creation("data-0") == []


def test_a_size_that_no_droplet_got_can_be_taken_back_everywhere() -> None:
    """The first `up` failed for a size that the region does not have: nothing would stop, the droplets say so."""
    old, new = record(data_size=XL), record(data_size=L)
    assert [name for name, _ in refusals(old, new)] == ["sizes"]
    assert refusals(old, new, finished=False) == []
    assert refusals(record(), record(generations={"data-0": 1, "data-1": 1}), finished=False) != []
