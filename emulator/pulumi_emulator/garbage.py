"""How often Python's garbage collector looks for cycles in the emulator's processes."""

import gc
from typing import Final

# A process loads SDKs of 270,000 objects, which stay, and makes few that die in cycles. Looking for those every 700 objects, as
# Python does, takes a tenth of a preview's time and a third of the emulated AWS's start.
OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000


def collect_rarely() -> None:
    """Let the collector run less often; before the SDKs are imported."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
