"""The node's commands, as systemd's units start them: `python3 -m redis_ha_node COMMAND`."""

import sys
from importlib import import_module

COMMANDS = ("install", "gate", "data-agent", "sentinel-agent", "setting-up")

if __name__ == "__main__":
    command = sys.argv[1] if len(sys.argv) == 2 else ""
    if command not in COMMANDS:
        sys.exit(f"one of: {', '.join(COMMANDS)}")
    # Its own module alone: a boot starts several commands, one after the other.
    sys.exit(import_module(f"{__package__}.{command.replace('-', '_')}").main())
