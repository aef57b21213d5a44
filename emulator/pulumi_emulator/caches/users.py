"""A node's users: those of the group, kept from what ElastiCache keeps from them, and the administrator's own."""

from __future__ import annotations

import hashlib
from typing import Final

from pulumi_emulator.caches.admin import ADMIN_USER
from pulumi_emulator.caches.spec import Access
from pulumi_emulator.errors import EmulatorError

# BGREWRITEAOF to SYNC as in docs.aws.amazon.com/AmazonElastiCache/latest/dg/ClientConfig.RestrictedCommands.html; ACL, CLUSTER,
# MODULE and PSYNC as in AWS's longer list for MemoryDB (docs.aws.amazon.com/memorydb/latest/devguide/restrictedcommands.html).
# FAILOVER, REPLCONF and the other ways to change a cluster are added: with them a user could break what AWS keeps whole.
# On AWS they are unknown commands; here a user may not run them (NOPERM).
RESTRICTED: Final = (
    "acl|deluser",
    "acl|load",
    "acl|save",
    "acl|setuser",
    "bgrewriteaof",
    "bgsave",
    "cluster|addslots",
    "cluster|addslotsrange",
    "cluster|bumpepoch",
    "cluster|delslots",
    "cluster|delslotsrange",
    "cluster|failover",
    "cluster|flushslots",
    "cluster|forget",
    "cluster|links",
    "cluster|meet",
    "cluster|replicate",
    "cluster|reset",
    "cluster|saveconfig",
    "cluster|set-config-epoch",
    "cluster|setslot",
    "config",
    "debug",
    "failover",
    "migrate",
    "module",
    "psync",
    "replconf",
    "replicaof",
    "save",
    "shutdown",
    "slaveof",
    "sync",
)
_DENIED: Final = " ".join(f"-{command}" for command in RESTRICTED)
# For users of a group that follows another with cluster mode on: NOPERM instead of the READONLY that only replicas say.
_READ_ONLY: Final = "-@write"


def acl_file(access: Access, admin_password: str, *, read_only: bool = False) -> str:
    """Return a node's ACL file: passwords only as their hashes. `read_only` keeps all users from writing."""
    denied = f"{_DENIED} {_READ_ONLY}" if read_only else _DENIED
    everything = f"~* &* +@all {denied}"
    lines = [_restricted(line, denied) for line in access.acl]
    if not any(line.split()[1] == "default" for line in lines):
        if access.auth_token:
            lines.append(f"user default on {_hashed(f'>{access.auth_token}')} {everything}")
        elif lines:
            lines.append("user default off resetpass resetkeys resetchannels -@all")
        else:
            lines.append(f"user default on nopass {everything}")
    lines.append(f"user {ADMIN_USER} on {_hashed(f'>{admin_password}')} ~* &* +@all")
    return "\n".join(lines) + "\n"


def _restricted(line: str, denied: str) -> str:
    """Return a user's line with the restrictions behind its own rules, also behind those of each selector."""
    words = line.split()
    if len(words) < 2 or words[0] != "user":
        raise EmulatorError("a line of the users is not `user NAME RULES`; its text is not shown, it may hold a password")
    if words[1] == ADMIN_USER:
        raise EmulatorError(f"the user name {ADMIN_USER} is the emulator's own: choose another")
    rules: list[str] = []
    for word in words[2:]:
        if word.endswith(")") and not word.startswith((">", "#", "<", "!")):
            rules.append(f"{word[:-1]} {denied})")
        else:
            rules.append(_hashed(word))
    selectors = next((at for at, word in enumerate(rules) if word.startswith("(")), len(rules))
    return " ".join([*words[:2], *rules[:selectors], denied, *rules[selectors:]])


def _hashed(word: str) -> str:
    """Return a rule with its password as SHA-256 (valkey.io/commands/acl-setuser: ># and <!)."""
    marks = {">": "#", "<": "!"}
    if word[:1] not in marks:
        return word
    return marks[word[0]] + hashlib.sha256(word[1:].encode()).hexdigest()
