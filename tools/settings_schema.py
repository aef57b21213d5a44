"""Makes settings.schema.json, the schema of a stack file, from the components' own schema (components/schema.json)."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from redis_ha.arguments import snake_case

ROOT = Path(__file__).resolve().parent.parent

# One structured key a component: the key of the stack file -> the component's token.
BLOCKS = {
    "redis-ha:alb_blue_green": "redis-ha:index:AlbBlueGreen",
    "redis-ha:elasticache": "redis-ha:index:ElastiCacheHaGroup",
    "redis-ha:failover": "redis-ha:index:FailoverAutomation",
    "redis-ha:global_datastore": "redis-ha:index:GlobalDatastore",
    "redis-ha:live_colour_record": "redis-ha:index:LiveColourRecord",
    "redis-ha:network": "redis-ha:index:PrivateNetwork",
    "redis-ha:sentinel": "redis-ha:index:SentinelCluster",
    "redis-ha:weighted_blue_green": "redis-ha:index:WeightedBlueGreen",
}
# Keys that hold a list of a component's arguments.
LISTS = {"redis-ha:secondary_networks": "redis-ha:index:PrivateNetwork"}
# Required by the component, and filled in by `__main__.py` from what else the stack makes when the stack file leaves it out;
# `*` stands for every entry.
FILLED = {
    "redis-ha:alb_blue_green": ("vpc_id", "subnet_ids"),
    "redis-ha:failover": ("region", "groups"),
    "redis-ha:live_colour_record": ("zone_id", "zone_name", "targets"),
    "redis-ha:weighted_blue_green": ("zone_id", "zone_name", "names.*.blue", "names.*.green"),
}


def value_schema(spec: dict[str, Any], package: dict[str, Any]) -> dict[str, Any]:
    """Translate one property of a Pulumi schema into JSON Schema."""
    schema: dict[str, Any]
    if spec.get("$ref") == "pulumi.json#/Any":
        schema = {}
    elif "$ref" in spec:
        target = package["types"][spec["$ref"].removeprefix("#/types/")]
        schema = {"enum": [item["value"] for item in target["enum"]]} if "enum" in target else object_schema(target, package)
    elif spec["type"] == "array":
        schema = {"type": "array", "items": value_schema(spec["items"], package)}
    elif spec["type"] == "object":
        schema = {"type": "object", "additionalProperties": value_schema(spec["additionalProperties"], package)}
    else:
        schema = {"type": spec["type"]}
    return {**schema, "description": spec["description"]} if "description" in spec else schema


def object_schema(spec: dict[str, Any], package: dict[str, Any], properties: str = "properties") -> dict[str, Any]:
    """Translate an object type, or with `inputProperties` a component's arguments."""
    required = spec.get("requiredInputs" if properties == "inputProperties" else "required", [])
    return {
        "type": "object",
        "properties": {snake_case(name): value_schema(one, package) for name, one in sorted(spec[properties].items())},
        "required": sorted(snake_case(name) for name in required),
        "additionalProperties": False,
    }


def make_optional(schema: dict[str, Any], path: str) -> None:
    """Take an argument out of the required ones."""
    *steps, last = path.split(".")
    for step in steps:
        schema = schema["additionalProperties"] if step == "*" else schema["properties"][step]
    schema["required"].remove(last)


def stack_file_schema(package: dict[str, Any], project: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of a whole stack file: the project's scalar keys and one structured key a component."""
    scalars = {
        f"{project['name']}:{key}": {"type": one["type"], "description": one["description"]}
        for key, one in project["config"].items()
    }
    blocks = {key: object_schema(package["resources"][token], package, "inputProperties") for key, token in BLOCKS.items()}
    for key, token in LISTS.items():
        items = object_schema(package["resources"][token], package, "inputProperties")
        blocks[key] = {"type": "array", "items": items}
    for key, paths in FILLED.items():
        for path in paths:
            make_optional(blocks[key], path)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack file of redis-ha",
        "type": "object",
        "properties": {"config": {"type": "object", "properties": {**scalars, **blocks}}},
    }


def render() -> str:
    """Give the text of settings.schema.json."""
    package = json.loads((ROOT / "components" / "schema.json").read_text())
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
    return json.dumps(stack_file_schema(package, project), indent=2) + "\n"


if __name__ == "__main__":
    (ROOT / "settings.schema.json").write_text(render())
    sys.stdout.write("wrote settings.schema.json\n")
