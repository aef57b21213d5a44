"""Exported names: what a package's __init__ lists is what it offers, no more and no less."""

import importlib
import types

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "redis_ha",
        "redis_ha.elasticache",
        "redis_ha.failover",
        "redis_ha.network",
        "redis_ha.sentinel",
        "redis_ha.traffic",
        "redis_ha_client",
        "pulumi_emulator",
        "redis_ha_ops",
    ],
)
def test_all_names_what_is_public(name: str) -> None:
    module = importlib.import_module(name)
    public = {key for key, value in vars(module).items() if not key.startswith("_") and not isinstance(value, types.ModuleType)}
    listed = list(module.__all__)
    assert listed == sorted(listed)
    # What is loaded on first use is in nobody's variables before.
    assert public | {key for key in listed if hasattr(module, key)} == set(listed)
    assert [key for key in listed if not hasattr(module, key)] == []
