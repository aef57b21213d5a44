"""The `redis-ha` command: see a stack, break it on purpose, and measure what that costs."""

__all__: list[str] = []
