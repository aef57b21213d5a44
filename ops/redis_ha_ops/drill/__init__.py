"""Drills: break a stack on purpose, under load, and count what it cost."""

__all__: list[str] = []
