"""Root file systems a machine can boot, by the cloud's image slug."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Recipe:
    """How an image is made: a Debian suite."""

    suite: str


IMAGES: Final[dict[str, Recipe]] = {"debian-13-x64": Recipe("trixie"), "debian-12-x64": Recipe("bookworm")}
