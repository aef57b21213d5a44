"""Pulumi programs on this machine: cloud providers that are emulated, machines that really boot, the real engine."""

__all__: list[str] = []
