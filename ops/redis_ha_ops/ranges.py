"""Numbers on the command line."""

from __future__ import annotations

import math
from typing import Any

import click


class Range(click.FloatRange):
    """A number within limits. Click's own takes `nan`, which is neither below nor above any limit."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a number; click.BadParameter for one that is none or beyond the limits."""
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value} is no number.", param, ctx)
        return found
