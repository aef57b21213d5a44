"""Makes components/schema.json, the Pulumi schema of the hosted components, as the provider would serve it.

python tools/component_schema.py            writes the file
python tools/component_schema.py --check    ends with 1 when the file is not what the components say
"""

import json
import runpy
import sys
from pathlib import Path

COMPONENTS = Path(__file__).resolve().parent.parent / "components"
SCHEMA = COMPONENTS / "schema.json"


def render() -> str:
    """Give the text of schema.json."""
    hosted = runpy.run_path(str(COMPONENTS / "__main__.py"), run_name="hosted")
    schema = json.loads(hosted["provider"]().schema or "{}")
    # Versions of the SDKs installed here are no part of the components' surface.
    for dependency in schema.get("dependencies", []):
        dependency.pop("version", None)
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write the file, or with --check compare it."""
    if "--check" in sys.argv[1:]:
        if SCHEMA.read_text() == render():
            return 0
        sys.stderr.write(f"{SCHEMA.name} is not what the components say: run `make schema`\n")
        return 1
    SCHEMA.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
