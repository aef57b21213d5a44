"""How types are shown."""

from __future__ import annotations

import pytest

from pulumi_emulator.handlers import HANDLERS
from pulumi_emulator.type_names import type_name


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("aws:elasticache/parameterGroup:ParameterGroup", "aws.elasticache.ParameterGroup"),
        ("aws:rds/parameterGroup:ParameterGroup", "aws.rds.ParameterGroup"),
        ("digitalocean:index/droplet:Droplet", "digitalocean.Droplet"),
        ("redis-ha:index:SentinelCluster", "redis-ha.SentinelCluster"),
        ("my:Component", "my.Component"),
    ],
)
def test_a_type_is_shown_as_programs_write_it(token: str, shown: str) -> None:
    assert type_name(token) == shown


def test_no_two_emulated_types_look_alike() -> None:
    shown = [type_name(token) for token in HANDLERS]
    assert len(set(shown)) == len(shown)
