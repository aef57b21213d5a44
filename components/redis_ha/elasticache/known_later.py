"""Which arguments of a group may be known only when other resources are made, at the top and in nested ones. No Pulumi."""

from collections.abc import Mapping, Sequence
from typing import Any

# Everything else decides which resources there are, and Pulumi cannot preview what depends on a value that is not known yet.
MAY_BE_KNOWN_LATER = frozenset(
    {
        "auth_token",
        "client_prefix_list_ids",
        "client_security_group_ids",
        "kms_key_id",
        "parameter_group_name",
        "restore_snapshot_arns",
        "restore_snapshot_name",
        "security_group_ids",
        "subnet_group_name",
        "subnet_ids",
        "user_group_id",
        "vpc_id",
    }
)
# The same of a GlobalDatastore itself.
GLOBAL_KNOWN_LATER = frozenset({"auth_token", "parameter_group_name", "primary_connection", "primary_replication_group_id"})
# The same of nested arguments; `*` is any name.
NESTED_KNOWN_LATER = {
    "users": (("*", "passwords"),),
    "logs": (("kms_key_id",), ("slow_log_destination",), ("engine_log_destination",)),
    "alarms": (("topic_arns",),),
    "notifications": (("topic_arn",), ("subscriptions", "*", "endpoint")),
    "experiment": (("stop_alarm_arns",), ("role_arn",)),
    "record": (("zone_id",),),
}


def shape_of(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without the nested values that may be known later."""
    found = dict(args)
    for argument, paths in NESTED_KNOWN_LATER.items():
        for path in paths:
            found[argument] = _without(found.get(argument), path)
    return {argument: value for argument, value in found.items() if argument in args}


def shape_of_global(args: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return a GlobalDatastore's arguments, those of its groups one by one, and which of all of them may be known later."""
    found = {argument: value for argument, value in args.items() if argument not in {"primary", "secondaries"}}
    later = set(GLOBAL_KNOWN_LATER)
    groups = {"primary": args.get("primary")}
    secondaries = args.get("secondaries")
    if isinstance(secondaries, Mapping):
        groups |= {f"secondaries.{region}": group for region, group in secondaries.items()}
    elif secondaries is not None:
        found["secondaries"] = secondaries
    for path, group in groups.items():
        if isinstance(group, Mapping):
            found |= {f"{path}.{argument}": value for argument, value in shape_of(group).items()}
            later |= {f"{path}.{argument}" for argument in MAY_BE_KNOWN_LATER}
        elif group is not None:
            found[path] = group
    return shape_of(found), later


def _without(value: Any, path: Sequence[str]) -> Any:
    if not isinstance(value, Mapping):
        return value
    first, *rest = path
    keep = {key: entry for key, entry in value.items() if first not in {"*", key}}
    if not rest:
        return keep
    return {key: _without(entry, rest) if first in {"*", key} else entry for key, entry in value.items()}
