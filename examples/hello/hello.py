"""The smallest application: writes a key and reads it back.

    python -m pulumi_emulator output --stack local --json --show-secrets |
        python -m pulumi_emulator exec --stack local -- python examples/hello/hello.py

`hello.py elasticache` takes the stack's ElastiCache group instead of its Sentinels, `hello.py global` its global datastore.
On a real stack the outputs come from `pulumi stack output --json --show-secrets`; in production an application gets the two
documents from where the platform keeps its secrets.
"""

import json
import sys

import redis_ha_client


def main() -> None:
    """Connect with a component's two documents, write and read."""
    component = sys.argv[1] if len(sys.argv) > 1 else "sentinel"
    outputs = json.load(sys.stdin)
    connection = outputs[f"{component}_connection"]
    client = redis_ha_client.connect(connection, outputs[f"{component}_credentials"])
    client.set("hello", "redis-ha", ex=60)
    sys.stdout.write(f"hello = {client.get('hello')!r}, by way of {connection['kind']}\n")


if __name__ == "__main__":
    main()
