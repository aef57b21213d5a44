"""The data plane of the emulated ElastiCache: real redis-server and valkey-server processes behind names that resolve.

Nothing in here knows an API or Pulumi: a `CacheHost` (host.py) is told which groups there are, and tells what happened to them.
"""
