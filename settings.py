"""The stack's configuration: read, checked and turned into component arguments in this one place.

One structured key a component (`redis-ha:sentinel`), scalar keys for the stack itself. What keys there are and of what type is
`settings.schema.json`, made from the components' own schema (`make schema`); limits and defaults live in the components alone.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pulumi
from pulumi.runtime import config as runtime_config

from redis_ha.arguments import kind_of, shown, snake_case
from redis_ha.traffic import authority
from redis_ha.traffic.alb_checks import MAX_WEIGHT as MAX_LISTENER_WEIGHT

if TYPE_CHECKING:
    from redis_ha.elasticache import ElastiCacheHaGroupArgs, GlobalDatastoreArgs
    from redis_ha.failover import FailoverAutomationArgs
    from redis_ha.network import PrivateNetworkArgs
    from redis_ha.sentinel import SentinelClusterArgs
    from redis_ha.traffic import AlbBlueGreenArgs, LiveColourRecordArgs, WeightedBlueGreenArgs

SCHEMA_FILE = Path(__file__).with_name("settings.schema.json")
PROJECT = "redis-ha"
TOKEN_KEY = "digitalocean:token"  # noqa: S105  the key's name, not its value
# Where the DigitalOcean provider looks for its token when the stack has none: pulumi-digitalocean's installation page.
TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
SECRET_NAMES = re.compile(
    r"(.*_)?(password|passwords|token|webhook_url|routing_key)"
)  # how secret arguments are named, wherever they stand


class SettingsError(pulumi.RunError):
    """The configuration cannot be used; the message names stack, key, value (never a secret's) and remedy."""


PROTECTIONS = ("protect", "deletion_protection")  # by Pulumi, by AWS
BLOCKS = (
    "sentinel",
    "elasticache",
    "global_datastore",
    "weighted_blue_green",
    "live_colour_record",
    "alb_blue_green",
    "failover",
    "network",
)


@dataclass(frozen=True)
class Shifted:
    """What tools may shift of a block: the argument that names the authority, the runtime record, the highest weight."""

    argument: str
    record: str
    highest: int = authority.MAX_WEIGHT


SHIFTED = {
    "weighted_blue_green": Shifted("weight_authority", authority.WEIGHTS),
    "live_colour_record": Shifted("live_authority", authority.LIVE),
    "alb_blue_green": Shifted("weight_authority", authority.WEIGHTS, MAX_LISTENER_WEIGHT),
}


@dataclass(frozen=True)
class Settings:
    """What the stack is made of; a block that the stack file leaves out is None, and holds its component's arguments otherwise.

    `network`: the PrivateNetwork that everything of its region lives in when it names no other; `secondary_networks`: those of
    other regions. `private_zone`: name of a hosted zone to make for these networks. `protect`: whether what is no component's
    is protected; when false, every block has `protect: false`. `generate_ssh_key`: make an administrator's key pair in the
    stack.
    """

    sentinel: SentinelClusterArgs | None
    elasticache: ElastiCacheHaGroupArgs | None
    global_datastore: GlobalDatastoreArgs | None
    weighted_blue_green: WeightedBlueGreenArgs | None
    live_colour_record: LiveColourRecordArgs | None
    alb_blue_green: AlbBlueGreenArgs | None
    failover: FailoverAutomationArgs | None
    network: PrivateNetworkArgs | None
    secondary_networks: Sequence[PrivateNetworkArgs]
    private_zone: str | None
    protect: bool
    generate_ssh_key: bool


def nearest(name: str, known: list[str]) -> str:
    """Return a remedy for an unknown name: the nearest known one, else all of them."""
    match = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {match[0]!r}?" if match else f"known: {', '.join(sorted(known))}"


def _problems(key: str, value: Any, schema: Mapping[str, Any], *, secret: bool) -> Iterator[str]:
    """Yield one line for each way in which a key's value does not fit its schema.

    Nothing of a key that is secret is shown, nothing below a secret's name, and no block that could hold one.
    """
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        path = [key, *(str(step) for step in error.absolute_path)]
        where = ".".join(path)
        asked = f"must be of type {error.validator_value}"
        if any(SECRET_NAMES.fullmatch(step) for step in path):
            yield f"{where}: {asked if error.validator == 'type' else 'has another form'}"
        elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
            known = list(error.schema.get("properties", {}))
            for name in sorted(set(error.instance) - set(known)):
                yield f"{where}.{name}: unknown key; {nearest(name, known)}"
        elif error.validator == "required":
            yield f"{where}: {error.message}; add it to the stack file"
        else:
            # Text in a block's place may be a secret that belongs into it.
            tell = kind_of if error.validator_value in {"object", "array"} else shown
            yield f"{where}: {'the value' if secret else tell(error.instance)} is not allowed: {asked}"


def parse(raw: Mapping[str, str], secret_keys: frozenset[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Check the project's raw configuration and return its values by key, without the project's prefix.

    `raw` holds each key as the engine hands it over: text for scalars, JSON text for structured keys, secrets decrypted.
    Raises SettingsError with every problem that was found.
    """
    known: Mapping[str, Any] = schema["properties"]["config"]["properties"]
    values: dict[str, Any] = {}
    problems: list[str] = []
    for key, text in sorted(raw.items()):
        if not key.startswith(f"{PROJECT}:"):
            continue
        if key not in known:
            problems.append(f"{key}: unknown key; {nearest(key, list(known))}")
            continue
        try:
            value = json.loads(text) if known[key]["type"] != "string" else text
        except ValueError:
            what = "the value" if key in secret_keys or known[key]["type"] in {"object", "array"} else repr(text)
            problems.append(f"{key}: {what} is not a value of type {known[key]['type']}")
            continue
        problems += _problems(key, value, known[key], secret=key in secret_keys)
        values[key.removeprefix(f"{PROJECT}:")] = value
        if key not in secret_keys:
            problems += [
                f"{path}: a secret in plain text; set it with `pulumi config set --secret --path '{path}'`"
                for path in sorted(_secrets(key, value))
            ]
    if problems:
        raise SettingsError("\n".join(problems))
    return values


def _secrets(path: str, value: Any) -> Iterator[str]:
    """Yield the path of every secret in a block."""
    items = value.items() if isinstance(value, dict) else ()
    for name, entry in items:
        inner = f"{path}.{name}"
        if not SECRET_NAMES.fullmatch(name):
            yield from _secrets(inner, entry)
        elif isinstance(entry, list):
            yield from (f"{inner}[{index}]" for index in range(len(entry)))
        else:
            yield inner


def _sealed(value: Any, *, secret: bool = False) -> Any:
    """Mark what is secret in a block at the input, so that nothing made from it is ever plain."""
    if isinstance(value, dict):
        return {name: _sealed(entry, secret=SECRET_NAMES.fullmatch(name) is not None) for name, entry in value.items()}
    if secret and isinstance(value, list):
        return [pulumi.Output.secret(entry) for entry in value]
    return pulumi.Output.secret(value) if secret else value


def _check_token(raw: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Refuse an `up` that the provider would refuse half-way for want of its token; a preview needs none."""
    if pulumi.runtime.is_dry_run() or raw.get(TOKEN_KEY) or any(environment.get(name) for name in TOKEN_VARIABLES):
        return
    raise SettingsError(
        f"{TOKEN_KEY}: missing; set it with `pulumi config set --secret {TOKEN_KEY}` or the environment's {TOKEN_VARIABLES[0]}"
    )


def load(environment: Mapping[str, str]) -> Settings:
    """Read the running stack's configuration.

    `environment` is the process's (only looked into for the provider's token). Raises SettingsError, before any resource
    is registered, with one line for each problem: stack, key, value and remedy.
    """
    raw = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    secret_keys = frozenset(key for key in raw if runtime_config.is_config_secret(key)) | frozenset(
        runtime_config.get_config_secret_keys_env()
    )
    stack = pulumi.get_stack()
    try:
        values = parse(raw, secret_keys, json.loads(SCHEMA_FILE.read_text()))
        if values.get("sentinel") is not None:
            _check_token(raw, environment)
    except SettingsError as error:
        raise SettingsError("\n".join(f"stack {stack!r}: {line}" for line in str(error).splitlines())) from None
    _check_regions(stack, values)
    if not values.get("protect", True):
        values = _unprotected(stack, values)
    blocks: dict[str, Any] = {block: None if values.get(block) is None else _sealed(values[block]) for block in BLOCKS}
    for block, what in SHIFTED.items():
        args = blocks[block]
        # In form dns the balancers have no weights: the records have.
        if args is not None and (block != "alb_blue_green" or args.get("form") == "listener"):
            blocks[block] = {**args, **_runtime_records(stack, block, what, args)}
    return Settings(
        **blocks,
        secondary_networks=_sealed(values.get("secondary_networks", [])),
        private_zone=values.get("private_zone") or None,
        protect=values.get("protect", True),
        generate_ssh_key=values.get("generate_ssh_key", False),
    )


def _unprotected(stack: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with every block's protection off. Raises SettingsError where a block asks for it by itself."""
    said = sorted(path for key, value in values.items() for path in _protected(key, value) if key != "protect")
    if said:
        reason = f"true, but {PROJECT}:protect is false; leave one of them out"
        raise SettingsError("\n".join(f"stack {stack!r}: {PROJECT}:{path}: {reason}" for path in said))
    networks = [{**network, "protect": False} for network in values.get("secondary_networks", [])]
    blocks = {block: {**values[block], "protect": False} for block in BLOCKS if values.get(block) is not None}
    return {**values, **blocks, "secondary_networks": networks}


def _protected(path: str, value: Any) -> Iterator[str]:
    """Yield the path of every protection that is switched on below a key."""
    if isinstance(value, dict):
        for name, entry in value.items():
            if name in PROTECTIONS and entry is True:
                yield f"{path}.{name}"
            yield from _protected(f"{path}.{name}", entry)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _protected(f"{path}.{index}", entry)


def _check_regions(stack: str, values: Mapping[str, Any]) -> None:
    """Refuse a second network in a region: what lives there would not know in which."""
    networks = [values["network"]] if values.get("network") else []
    seen = {network["region"] for network in networks}
    for index, network in enumerate(values.get("secondary_networks", [])):
        region = network["region"]
        if region in seen:
            where = f"stack {stack!r}: {PROJECT}:secondary_networks.{index}.region"
            raise SettingsError(f"{where}: {region!r} has a network already; give each region one")
        seen.add(region)


def _runtime_records(stack: str, block: str, what: Shifted, args: Mapping[str, Any]) -> dict[str, Any]:
    """Look up what tools have shifted since, and what stands in the zone; return the arguments that say so.

    Raises SettingsError, for an `up` only, while a shift is running, and where tools have the say and cannot be asked: it would
    have to guess what is live.
    """
    key = f"stack {stack!r}: {PROJECT}:{block}"
    path = args.get("record_path") or f"/{PROJECT}/{stack}/{block}"
    try:
        records = authority.read_records(path, _parameters(path, args["region"]), what.highest)
    except authority.InvalidDocumentError as error:
        raise SettingsError(f"{key}: {error}") from None
    found: dict[str, Any] = {"record_path": path, "runtime_unknown": records.unknown}
    if records.unknown and args.get(what.argument) == "runtime" and not pulumi.runtime.is_dry_run():
        raise SettingsError(
            f"{key}.{what.argument}: runtime, but the parameters below {path} could not be looked up, and without them `up` "
            "could undo a shift; let the caller read them (ssm:GetParametersByPath)"
        )
    refusal = authority.lease_refusal(records.lease, datetime.now(UTC), path)
    if refusal is not None:
        if not pulumi.runtime.is_dry_run():
            raise SettingsError(f"{key}: {refusal}")
        pulumi.warn(f"{key}: {refusal}; `up` will be refused until then")
    if what.record == authority.LIVE and records.live is not None:
        found["runtime_live"] = records.live
    if what.record == authority.WEIGHTS and records.weights is not None:
        found["runtime_weights"] = {"blue": records.weights.blue, "green": records.weights.green}
    if isinstance(args.get("zone_id"), str):
        held = _records(args["zone_id"])
        if held is not None:
            found["known_records"] = held
    return found


def _parameters(path: str, region: str) -> dict[str, str] | None:
    """Return the SSM parameters directly below a path, or None when nobody can be asked (no credentials, no permission)."""
    import pulumi_aws as aws  # noqa: PLC0415 - a stack without AWS does not load its SDK

    try:
        found = aws.ssm.get_parameters_by_path(path=path, region=region)
    except Exception as error:  # noqa: BLE001  the engine gives no narrower one for a failed look-up
        pulumi.warn(f"the parameters below {path} could not be looked up: {error}")
        return None
    return dict(zip(found.names, found.values, strict=True))


def _records(zone_id: str) -> list[dict[str, str]] | None:
    """Return what stands in a hosted zone, or None when nobody can be asked."""
    import pulumi_aws as aws  # noqa: PLC0415 - as above

    try:
        found = aws.route53.get_records(zone_id=zone_id)
    except Exception as error:  # noqa: BLE001  the engine gives no narrower one for a failed look-up
        pulumi.warn(f"the records of zone {zone_id} could not be looked up: {error}")
        return None
    rows = [{"name": row.name, "type": row.type, "set_identifier": row.set_identifier} for row in found.resource_record_sets]
    return [{name: value for name, value in row.items() if value} for row in rows]


@contextmanager
def named(block: str, elsewhere: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn a component's refusal of its arguments into one that names the stack and the key of the stack file.

    `block` is the structured key without its prefix; `elsewhere` names the blocks of arguments that come from others. Raises
    SettingsError, one line for each refused argument.
    """
    try:
        yield
    except pulumi.InputPropertyError as error:
        refusals = [(error.property_path, error.reason)]
    except pulumi.InputPropertiesError as error:
        refusals = [(one["property_path"], one["reason"]) for one in error.errors or []] or [("", error.message)]
    else:
        return
    lines: list[str] = []
    for path, reason in refusals:
        argument = snake_case(path)
        found = (elsewhere or {}).get(argument.split(".")[0], block)
        lines.append(f"stack {pulumi.get_stack()!r}: {PROJECT}:{found}.{argument}: {reason}")
    raise SettingsError("\n".join(lines))
