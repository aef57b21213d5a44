"""An emulated AWS served in this process (`world`), and one in a process of its own with real cache nodes (`stack`)."""

from tests.support.aws_stack import stack
from tests.support.aws_world import world

__all__ = ["stack", "world"]
