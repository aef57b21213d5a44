"""Highly available Redis as Pulumi components, a sub-package for each shape."""

__all__: list[str] = []
