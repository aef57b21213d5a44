"""`python -m redis_ha_ops`: the same as the installed command `redis-ha`."""

from redis_ha_ops.cli import main

if __name__ == "__main__":
    main()
