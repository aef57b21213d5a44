"""Generated argument sets through the real engine and the emulated providers: what components refuse, and what goes through."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from redis_ha.arguments import camel_case
from tests.support.elasticache_sets import argument_sets
from tests.support.emulated import Emulated, shared_home

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

SETS = 20
PROGRAM = """
import json
from pathlib import Path

import pulumi

from redis_ha.elasticache import ElastiCacheHaGroup

HERE = Path(__file__).parent
refused = {}
for number, args in json.loads((HERE / "sets.json").read_text()).items():
    try:
        ElastiCacheHaGroup(f"set-{number}", args)
    except pulumi.InputPropertiesError as error:
        refused[number] = [problem["property_path"] for problem in error.errors]
(HERE / "refused.json").write_text(json.dumps(refused))
"""


def test_accepted_sets_are_previewed_and_refused_ones_name_the_argument(tmp_path: Path) -> None:
    sets = argument_sets(SETS)
    files = {"sets.json": json.dumps({str(one.number): one.args for one in sets})}
    config = "config:\n  aws:region: eu-central-1\n"
    program = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), PROGRAM, config=config, files=files)
    result = program.run("preview")
    refused = json.loads((program.program / "refused.json").read_text())
    for one in sets:
        if one.wrong is None:
            assert str(one.number) not in refused, one
        else:
            assert camel_case(one.wrong) in refused[str(one.number)], one
    made = re.search(r"would be: (\d+) create", result.stdout)
    assert made, result.stdout
    # A group has far more than ten parts: subnet group, users, alarms.
    assert int(made[1]) > 10 * sum(one.wrong is None for one in sets)


def test_what_only_the_provider_knows_stops_the_preview(tmp_path: Path) -> None:
    """A look behind the component's back: the same plan with one input changed is refused by the rule tables."""
    spoiled = PROGRAM.replace(
        'ElastiCacheHaGroup(f"set-{number}", args)',
        'ElastiCacheHaGroup(f"set-{number}", args, pulumi.ResourceOptions(transforms=[spoil]))',
    ).replace(
        "refused = {}",
        "def spoil(args):\n"
        '    if args.type_ == "aws:elasticache/replicationGroup:ReplicationGroup":\n'
        '        return pulumi.ResourceTransformResult(args.props | {"automaticFailoverEnabled": False}, args.opts)\n'
        "    return None\n\n\nrefused = {}",
    )
    good = argument_sets(1)[0]
    files = {"sets.json": json.dumps({"0": good.args})}
    config = "config:\n  aws:region: eu-central-1\n"
    program = Emulated.create(tmp_path / "program", shared_home(tmp_path / "home"), spoiled, config=config, files=files)
    assert "utomatic" in program.fails("preview")
