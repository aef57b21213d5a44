"""What is said when something runs already under the id that a program asks for."""

from dataclasses import replace

import pytest

from redis_ha.elasticache.running import Asked, Running, taken
from redis_ha.elasticache.versions import KNOWN_VERSIONS, as_named

GROUP = Asked("group", "group_id", "orders", "engine_version", "valkey", "8.0", KNOWN_VERSIONS["valkey"], "if not, adopt it")
NEW = "for a new, empty group give another group_id"


def test_under_a_new_id_anything_can_be_made() -> None:
    assert taken(GROUP, None) == []


@pytest.mark.parametrize(
    ("asked", "running", "argument", "says"),
    [
        ("valkey 8.0", "valkey 8.1", "engine_version", "AWS runs valkey 8.1, and valkey 8.0 is asked for"),
        ("valkey 8.0", "valkey 8.1", "engine_version", "say engine_version: '8.1'"),
        ("valkey 8.1", "valkey 9.0", "engine_version", "say engine_version: '9.0'"),
        ("redis 6.2", "redis 7.1", "engine_version", "say engine_version: '7.1'"),
        ("redis 7.1", "valkey 8.0", "engine", "say engine: valkey, and say engine_version: '8.0'"),
        ("valkey 8.0", "valkey 10.3", "engine_version", "take a release of redis-ha that knows 10.3"),
        # Another reason than the version: another port, for instance.
        ("valkey 8.0", "valkey 8.0", "group_id", "'orders' exists, and AWS takes an id once"),
        ("valkey 8.1", "valkey 8.0", "group_id", "'orders' exists"),
        ("valkey 8.1", "redis 7.1", "group_id", "'orders' exists"),
    ],
)
def test_refused_by_name_with_what_aws_runs_and_the_remedy(asked: str, running: str, argument: str, says: str) -> None:
    engine, version = asked.split()
    ((refused, reason),) = taken(
        replace(GROUP, engine=engine, version=version, known=KNOWN_VERSIONS[engine]), Running(*running.split())
    )
    assert refused == argument
    assert says in reason
    assert NEW in reason


def test_what_nobody_can_describe_is_taken_all_the_same() -> None:
    ((refused, _),) = taken(GROUP, Running())
    assert refused == "group_id"


def test_a_group_that_the_stack_does_not_know_may_be_taken_over() -> None:
    ((_, reason),) = taken(GROUP, Running("valkey", "8.0"))
    assert "; if not, adopt it; " in reason


@pytest.mark.parametrize(
    ("engine", "says", "named"),
    [("valkey", "8.1.0", "8.1"), ("redis", "7.0.7", "7.0"), ("redis", "6.2.6", "6.2"), ("redis", "5.0.6", "5.0.6")],
)
def test_versions_as_they_are_asked_for(engine: str, says: str, named: str) -> None:
    assert as_named(engine, says) == named
