"""The smallest application: writes a key to the cluster and reads it back.

    python -m pulumi_emulator output --stack local --json --show-secrets |
        python -m pulumi_emulator exec --stack local -- python examples/hello/hello.py

On a real stack the outputs come from `pulumi stack output --json --show-secrets`; in production an application gets the two
documents from where the platform keeps its secrets.
"""

import json
import sys

import redis_ha_client


def main() -> None:
    """Connect with the stack's two documents, write and read."""
    outputs = json.load(sys.stdin)
    client = redis_ha_client.connect(outputs["sentinel_connection"], outputs["sentinel_credentials"])
    client.set("hello", "redis-ha", ex=60)
    sys.stdout.write(f"hello = {client.get('hello')!r}, written to the master that the Sentinels name\n")


if __name__ == "__main__":
    main()
