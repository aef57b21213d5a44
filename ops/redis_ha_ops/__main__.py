"""`python -m redis_ha_ops`: the same as the installed command `redis-ha`."""

import sys

from .errors import USER_ERROR


def start() -> None:
    """Run the command; Ctrl-C while modules are loaded is one line too."""
    try:
        from redis_ha_ops.cli import main  # noqa: PLC0415 - takes most of a second

        main()
    except KeyboardInterrupt:
        sys.stderr.write("redis-ha: interrupted\n")
        sys.exit(USER_ERROR)


if __name__ == "__main__":
    start()
