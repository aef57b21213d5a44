"""Makes settings.schema.json, the schema of a stack file, from the components' own schema (components/schema.json)."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from settings import snake_case  # noqa: E402  the stack's modules lie beside this folder

# One structured key a component: the key of the stack file -> the component's token.
BLOCKS = {
    "redis-ha:elasticache": "redis-ha:index:ElastiCacheHaGroup",
    "redis-ha:network": "redis-ha:index:PrivateNetwork",
    "redis-ha:sentinel": "redis-ha:index:SentinelCluster",
}


def value_schema(spec: dict[str, Any], package: dict[str, Any]) -> dict[str, Any]:
    """Translate one property of a Pulumi schema into JSON Schema."""
    if "$ref" in spec:
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


def stack_file_schema(package: dict[str, Any], project: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of a whole stack file: the project's scalar keys and one structured key a component."""
    scalars = {
        f"{project['name']}:{key}": {"type": one["type"], "description": one["description"]}
        for key, one in project["config"].items()
    }
    blocks = {key: object_schema(package["resources"][token], package, "inputProperties") for key, token in BLOCKS.items()}
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
