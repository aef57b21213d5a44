"""The node's commands, as systemd's units start them: `python3 -m redis_ha_node COMMAND`."""

import sys

from . import data_agent, gate, install, sentinel_agent, setting_up

COMMANDS = {
    "install": install.main,
    "gate": gate.main,
    "data-agent": data_agent.main,
    "sentinel-agent": sentinel_agent.main,
    "setting-up": setting_up.main,
}

if __name__ == "__main__":
    command = COMMANDS.get(sys.argv[1] if len(sys.argv) == 2 else "")
    sys.exit(f"one of: {', '.join(COMMANDS)}" if command is None else command())
