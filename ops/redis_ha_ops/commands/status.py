"""`redis-ha status`: what a stack looks like from its nodes and from AWS's API.

For an emulated stack a second process looks from inside its network; this one then loads nothing that asks nodes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from redis_ha_ops.blocks import BLOCKS, blocks_of
from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.errors import OpsError
from redis_ha_ops.inside import run_inside
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.ranges import Range

if TYPE_CHECKING:
    from rich.console import Console

    from redis_ha_ops.cloud import Ask
    from redis_ha_ops.status import AnyLook


@click.command("status")
@stack_options
@click.option("--raw", is_flag=True, help="Also show every answer that was read, unjudged.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object on standard output.")
@click.option("--wait", type=Range(min=0), metavar="SECONDS", help="Look again until it is healthy, at most so long.")
@click.option("--via", metavar="USER@HOST", help="Reach the private nodes through this machine, by ssh (Sentinel topology).")
@click.option(
    "--block",
    type=click.Choice(BLOCKS),
    help="Only this one of a stack that has several. Default: every one it has.",
)
@click.pass_obj
def status_command(  # noqa: PLR0913, PLR0917 - click hands over every option
    call: Call,
    stack: str,
    emulated: bool | None,
    program: Path,
    raw: bool,
    as_json: bool,
    wait: float | None,
    via: str | None,
    block: str | None,
) -> None:
    """Draw the topology as the Sentinels and the nodes see it, or an ElastiCache group as its endpoints show it.

    A Global Datastore, and what blue and green get of the traffic, are drawn as AWS's API tells.

    Exit code 0: healthy. 1: degraded, or a disagreement. 2: could not look.
    """
    if via:
        from redis_ha_ops import tunnel  # noqa: PLC0415 - speaks to nodes

        tunnel.check_via(via)
    on_this_machine = is_emulated(stack, emulated)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    blocks = [block] if block else blocks_of(outputs)
    if as_json and len(blocks) > 1:
        raise OpsError(f"stack {stack} has {' and '.join(blocks)}, and --json shows one: say --block {blocks[0]}, for instance")
    if via and "sentinel" not in blocks:
        raise OpsError("--via reaches the nodes of a Sentinel topology; run this where the cache's endpoint names lead to it")
    places = {"sentinel": "public" if via else "client", "elasticache": "aws"}
    codes = []
    for one in blocks:
        if on_this_machine and call.outside is None and one in places:
            arguments = [*call.arguments, "--block", one]
            codes.append(run_inside(arguments, stack=stack, program=program, on=places[one], outputs=outputs))
        elif one in {"global", "traffic"}:
            from redis_ha_ops import cloud  # noqa: PLC0415 - asks AWS

            ask = cloud.ask_of(stack, program, emulated=on_this_machine)
            show = _global_status if one == "global" else _traffic_status
            codes.append(show(stack, outputs, ask, emulated=on_this_machine, as_json=as_json, wait=wait))
        elif one == "elasticache":
            from redis_ha_ops import cloud  # noqa: PLC0415 - asks AWS

            ask = cloud.ask_of(stack, program, emulated=on_this_machine)
            codes.append(_managed_status(stack, outputs, ask, emulated=on_this_machine, as_json=as_json, wait=wait))
        else:
            how = {"emulated": on_this_machine, "raw": raw, "as_json": as_json}
            codes.append(_sentinel_status(stack, outputs, via, program, wait=wait, **how))
    sys.exit(max(codes))


def _global_status(
    name: str, outputs: Mapping[str, Any], ask: Ask, *, emulated: bool, as_json: bool, wait: float | None
) -> int:
    from rich.console import Console  # noqa: PLC0415 - as in all of these: loaded by the process that looks

    from redis_ha_ops import world  # noqa: PLC0415

    made = world.world_of(name, outputs, emulated=emulated)
    seen = _seen(lambda: world.look(made, ask), wait)
    if as_json:
        click.echo(json.dumps(world.as_json(made, seen), indent=2))
    else:
        world.draw(made, seen, Console())
    return seen.exit_code


def _traffic_status(
    name: str, outputs: Mapping[str, Any], ask: Ask, *, emulated: bool, as_json: bool, wait: float | None
) -> int:
    from rich.console import Console  # noqa: PLC0415

    from redis_ha_ops import traffic  # noqa: PLC0415

    seen = _seen(lambda: traffic.look(name, outputs, ask), wait)
    if as_json:
        click.echo(json.dumps(traffic.as_json(name, seen, emulated=emulated), indent=2))
    else:
        traffic.draw(name, seen, Console(), emulated=emulated)
    return seen.exit_code


def _managed_status(
    name: str, outputs: Mapping[str, Any], ask: Ask, *, emulated: bool, as_json: bool, wait: float | None
) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from redis_ha_ops import managed  # noqa: PLC0415
    from redis_ha_ops.runbook import places  # noqa: PLC0415

    group = managed.managed_of(name, outputs, emulated=emulated)
    seen = _seen(lambda: managed.look(group), wait)
    region = str(outputs.get("elasticache_arn") or "").split(":")[3:4]
    runbook = places.under_way(ask, name, "elasticache", region[0], datetime.now(UTC)) if region else None
    if as_json:
        click.echo(json.dumps(managed.as_json(group, seen) | {"runbook": runbook}, indent=2))
        return seen.exit_code
    console = Console()
    managed.draw(group, seen, console)
    _tell_runbook(runbook, console)
    return seen.exit_code


def _tell_runbook(runbook: str | None, console: Console) -> None:
    if runbook is not None:
        console.print(f"runbook: {runbook}", highlight=False, markup=False, soft_wrap=True)


def _sentinel_status(
    name: str,
    outputs: Mapping[str, Any],
    via: str | None,
    program: Path,
    *,
    wait: float | None,
    emulated: bool,
    raw: bool,
    as_json: bool,
) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415

    from rich.console import Console  # noqa: PLC0415

    from redis_ha_ops import drawing, status, tunnel  # noqa: PLC0415
    from redis_ha_ops.runbook import places  # noqa: PLC0415
    from redis_ha_ops.stack import stack_of  # noqa: PLC0415

    stack = stack_of(name, outputs, emulated=emulated)
    with tunnel.dialling(via, stack) as dial:
        seen = _seen(lambda: status.look(stack, dial), wait)
    runbook = places.under_way_here(name, program, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps(drawing.as_json(seen.topology, seen.findings, stack) | {"runbook": runbook}, indent=2))
    else:
        console = Console()
        if raw:
            drawing.print_raw(seen.answers, console)
        drawing.draw(seen.topology, seen.findings, stack, console)
        _tell_runbook(runbook, console)
    return seen.exit_code


def _seen(again: Callable[[], AnyLook], wait: float | None) -> AnyLook:
    from rich.console import Console  # noqa: PLC0415

    from redis_ha_ops import status  # noqa: PLC0415

    return again() if wait is None else status.wait_until_healthy(again, wait, Console(stderr=True))
