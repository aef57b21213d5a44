"""What may not happen to living records in one update, and which records may not be made: judged in preview, before anything.

The inputs are those of `aws:route53/record:Record`, in the schema's names. A value not known yet is an Output: nothing is
refused because of what it may be.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pulumi

from redis_ha.adopting import Adoption
from redis_ha.guard import Judge, Refusals, all_of, guard

from .names import Held, normal

Inputs = Mapping[str, Any]


class RefusedCreationError(ValueError):
    """A record that must not be made like this."""

    def __init__(self, record: str, reason: str) -> None:
        super().__init__(f"the creation of {record} is refused: {reason}")


def identity_changes(old: Inputs, new: Inputs) -> Refusals:
    """Refuse what the provider can only do record by record and Route 53 only for the whole set, or what tools rely on."""
    found: Refusals = []
    before, after = _known(old, "setIdentifier"), _known(new, "setIdentifier")
    if before is not None and after is not None and before != after:
        way = "they are named once, when records are adopted; to rename one, do it in a change batch and adopt the new record"
        found.append(("set_identifiers", f"{before!r} -> {after!r}: tools find the live records by them; {way}"))
    ttl, new_ttl = _known(old, "ttl"), _known(new, "ttl")
    if before is not None and ttl is not None and new_ttl is not None and int(ttl) != int(new_ttl):
        # hashicorp/terraform-provider-aws issue 1961.
        way = "change both records in one change batch (aws route53 change-resource-record-sets), then run up with --refresh"
        found.append(
            (
                "ttl_seconds",
                f"{int(ttl)} -> {int(new_ttl)}: Route 53 wants one value in the set, Pulumi writes one record a call; {way}",
            )
        )
    return found


def weight_changes(old: Inputs, new: Inputs, reason: str) -> Refusals:
    """Refuse another weight, with the reason."""
    before, after = _weight(old), _weight(new)
    if before is None or after is None or before == after:
        return []
    return [("weights", f"{before} -> {after}: {reason}")]


def any_change(argument: str, warning: str) -> Judge:
    """Return what refuses every update: the provider writes whole records, with what the state has instead of what is live."""
    way = "make the look-up possible, or run up without a change of these records"
    return lambda _old, _new: [(argument, f"{warning}, and an update would write that over what may be live; {way}")]


def value_changes(old: Inputs, new: Inputs, reason: str) -> Refusals:
    """Refuse that a name leads elsewhere, with the reason."""
    before, after = _known(old, "records"), _known(new, "records")
    if not before or not after or any(isinstance(value, pulumi.Output) for value in (*before, *after)):
        return []
    first, second = normal(str(before[0])), normal(str(after[0]))
    return [] if first == second else [("live", f"{first} -> {second}: {reason}")]


def foreign(new: Inputs, known: Collection[Held] | None, remedy: str) -> str | None:
    """Return why a record cannot be made: the zone, as far as somebody looked, has it already; None when it can."""
    name, kind = _known(new, "name"), _known(new, "type")
    if not known or not isinstance(name, str) or not isinstance(kind, str):
        return None
    wanted = Held(normal(name), kind, _known(new, "setIdentifier"))
    if wanted not in known:
        return None
    which = "" if wanted.set_identifier is None else f" with set identifier {wanted.set_identifier!r}"
    return f"the zone has a record {wanted.name} {wanted.type}{which} that this stack did not make; {remedy}"


def adopted_record(adoption: Adoption) -> Judge:
    """Return what judges the update of a record that exists already. Its health check is the component's own."""

    def judge(old: Inputs, new: Inputs) -> Refusals:
        name = _known(new, "name")
        return adoption.judge(normal(name), ("healthCheckId",))(old, new) if isinstance(name, str) else []

    return judge


def record_guard(
    name: str, judges: Sequence[Judge], adoption: Adoption, known: Collection[Held] | None, remedy: str
) -> pulumi.ResourceHookBinding:
    """Return the hooks that judge every update and every creation of a component's records."""

    def check(made: pulumi.ResourceHookArgs) -> None:
        reason = foreign(made.new_inputs or {}, known, remedy)
        if reason is not None:
            raise RefusedCreationError(made.name, reason)

    binding = guard(f"{name}-changes", all_of(*judges, adopted_record(adoption)), after=adoption.settled)
    creation = pulumi.ResourceHook(f"{name}-creation", check, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_create=[creation], before_update=binding.before_update)


def _known(inputs: Inputs, name: str) -> Any:
    """Return a value, None when it is absent or nobody can know it yet."""
    value = inputs.get(name)
    return None if isinstance(value, pulumi.Output) else value


def _weight(inputs: Inputs) -> int | None:
    policies = _known(inputs, "weightedRoutingPolicies")
    if not policies or not isinstance(policies[0], Mapping):
        return None
    weight = policies[0].get("weight")
    return None if weight is None or isinstance(weight, pulumi.Output) else int(weight)
