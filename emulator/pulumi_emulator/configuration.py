"""What a provider's configuration gives to its resources: the region that they live in, the tags that all of them carry."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from pulumi_emulator.rules import Failure, ResourceType
from pulumi_emulator.values import UNKNOWN, Secret, has_unknown, is_secret, reveal

# An import of something in another region than the provider's names it: "ID@eu-central-1"
# (hashicorp/terraform-provider-aws website/docs/guides/enhanced-region-support.html.markdown).
IMPORT_REGION: Final = re.compile(r"(.+)@([a-z]{2}(?:-[a-z]+)+-\d)")


def read(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a provider's configuration as plain values; nested ones come from the SDK as JSON text."""
    found = {}
    for name, value in arguments.items():
        plain = reveal(value)
        if isinstance(plain, str) and plain[:1] in ("{", "["):
            with contextlib.suppress(ValueError):
                plain = json.loads(plain)
        found[name] = plain
    return found


def with_region(
    kind: ResourceType, inputs: Mapping[str, Any], configuration: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Failure]]:
    """Give a resource the provider's region when the program gives none (pulumi/pulumi-aws provider/region.go)."""
    rule = next(kind.of_kind("provider_region"), None)
    if rule is None or reveal(inputs.get(rule.property)) is not None:
        return dict(inputs), []
    region = configuration.get("region")
    if not region:
        where = "set it for the stack (aws:region), in the provider's arguments, or in the resource's"
        return dict(inputs), [Failure(rule.property, f"missing: {where}")]
    return {**inputs, rule.property: region}, []


def with_tags(kind: ResourceType, inputs: Mapping[str, Any], configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the program's tags over the provider's default ones, without those to be ignored (provider/tags.go)."""
    rule = next(kind.of_kind("merged_tags"), None)
    if rule is None:
        return dict(inputs)
    own = inputs.get("tags") or {}
    if has_unknown(own) or has_unknown(configuration.get("defaultTags")):
        return {**inputs, rule.property: UNKNOWN}
    defaults = (configuration.get("defaultTags") or {}).get("tags") or {}
    ignored = configuration.get("ignoreTags") or {}
    keys, prefixes = set(ignored.get("keys") or []), tuple(ignored.get("keyPrefixes") or [])
    together = {**defaults, **reveal(own)}
    kept = {key: text for key, text in together.items() if key not in keys and not (prefixes and key.startswith(prefixes))}
    return {**inputs, rule.property: Secret(kept) if is_secret(own) else kept}


def for_import(given: str, configuration: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the id of what is imported and what is known of it: only where it lives, which `ID@REGION` may say."""
    found = IMPORT_REGION.fullmatch(given)
    if found:
        return found[1], {"region": found[2]}
    return given, {"region": configuration["region"]} if configuration.get("region") else {}
