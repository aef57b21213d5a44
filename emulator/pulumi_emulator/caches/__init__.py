"""The data plane of the emulated ElastiCache: real redis-server and valkey-server processes behind names that resolve.

Nothing in here knows an API or Pulumi: a `CacheHost` is told which groups there are, and tells what happened to them.
"""

from pulumi_emulator.caches.host import CacheHost as CacheHost
from pulumi_emulator.caches.removal import leftovers as leftovers
from pulumi_emulator.caches.removal import remove as remove
from pulumi_emulator.caches.spec import Access as Access
from pulumi_emulator.caches.spec import GroupSpec as GroupSpec
from pulumi_emulator.caches.spec import NodeSpec as NodeSpec
