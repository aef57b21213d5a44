"""Which arguments of an AlbBlueGreen may be known only when other resources are made. No Pulumi."""

from collections.abc import Mapping
from typing import Any

# Everything else decides which resources there are, and Pulumi cannot preview what depends on a value that is not known yet.
MAY_BE_KNOWN_LATER = frozenset(
    {
        "certificate_arn",
        "client_prefix_list_ids",
        "client_security_group_ids",
        "security_group_ids",
        "subnet_ids",
        "target_security_group_ids",
        "vpc_id",
    }
)
# The same of nested arguments.
OF_TARGETS = frozenset({"instance_ids", "ip_addresses", "autoscaling_group_name"})
OF_NESTED = {"access_logs": frozenset({"bucket"}), "alarms": frozenset({"topic_arns"})}


def shape_of(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without the nested values that may be known later."""
    found = dict(args)
    for argument, names in OF_NESTED.items():
        if argument in args:
            found[argument] = _less(args[argument], names)
    targets = args.get("targets")
    if isinstance(targets, Mapping):
        found["targets"] = {colour: _less(entry, OF_TARGETS) for colour, entry in targets.items()}
    return found


def _less(value: Any, names: frozenset[str]) -> Any:
    return {key: entry for key, entry in value.items() if key not in names} if isinstance(value, Mapping) else value
