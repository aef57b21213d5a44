"""The node's commands, as systemd's units start them: `python3 -m redis_ha_node install|gate|data-agent|sentinel-agent`."""

import sys

from . import data_agent, gate, install, sentinel_agent

COMMANDS = {"install": install.main, "gate": gate.main, "data-agent": data_agent.main, "sentinel-agent": sentinel_agent.main}

if __name__ == "__main__":
    command = COMMANDS.get(sys.argv[1] if len(sys.argv) == 2 else "")
    sys.exit(f"one of: {', '.join(COMMANDS)}" if command is None else command())
