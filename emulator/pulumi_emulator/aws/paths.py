"""The endpoint's own paths, which no AWS API uses."""

from typing import Final

HEALTH: Final = "/_emulator/health"
GROUPS: Final = "/_emulator/groups"
GLOBALS: Final = "/_emulator/globals"
ZONES: Final = "/_emulator/zones"
CLOCK: Final = "/_emulator/clock"
SENT: Final = "/_emulator/sent"
