"""What redis-py's cluster client says when it fails, and what that means: shared by the sync and the asyncio client.

redis-py reports a cluster that cannot be reached and a mistake of the caller by the same exceptions, which are no RedisError.
"""

import re
import time
from collections.abc import Set as AbstractSet

from redis import exceptions
from redis.cluster import LoadBalancingStrategy

from .budget import FINAL_ERRORS, current_budget
from .errors import RefusedError, wrong_kind
from .words import text_of
from .world import Writer

# redis-py 8.1.0 cluster.py and asyncio/cluster.py, NodesManager.initialize: what time may heal. The causes hang on __cause__.
UNREACHABLE = (
    "Redis Cluster cannot be connected",
    "All slots are not covered",
    "startup_nodes could not agree",
    "Cluster mode is not enabled on this node",
)
EXHAUSTED = "TTL exhausted."  # 16 redirections for one command: the nodes disagree about a slot that moves
# redis/redis src/cluster.c clusterCommand
NO_CLUSTER = "This instance has cluster support disabled"
# What redis-py sends by itself around the user's command. Its loss says nothing about the command.
OWN_COMMANDS = frozenset({"CLUSTER SLOTS", "COMMAND", "COMMAND GETKEYS", "ASKING", "READONLY"})


# The same as an ACL calls them: what they lack, no other region has.
_OWN_NAMES = frozenset(f"'{command.lower().replace(' ', '|')}'" for command in OWN_COMMANDS)


# redis/redis src/acl.c getAclErrorMessage: what is about keys or channels says "to access" instead.
_COMMAND = re.compile(r"to run the '([^']+)' command")


class NotPermittedHereError(RefusedError):
    """The user may not run the command in this region; raised inside the retry only, which asks for another region."""


def not_permitted_here(error: Exception) -> NotPermittedHereError | None:
    """Return what NOPERM may mean in a global datastore; None for any other error.

    Servers in cluster mode follow no other cluster by themselves: a region may be kept from taking writes by its users' ACL.
    """
    told = str(error)
    if not isinstance(error, exceptions.NoPermissionError) or any(name in told for name in _OWN_NAMES):
        return None
    return NotPermittedHereError(told)


def note_not_permitted(error: Exception, region: str | None) -> None:
    """Note when a region first said NOPERM to the running command."""
    budget = current_budget()
    if isinstance(error, NotPermittedHereError) and region is not None and budget is not None:
        budget.not_permitted.setdefault(region, time.monotonic())


def acl_name(command: object) -> str:
    """Return what an ACL calls a command that redis-py sends: "XGROUP CREATE" is xgroup|create."""
    return text_of(command).lower().replace(" ", "|")


def waits_for_writer(error: Exception, permitted_before: AbstractSet[str]) -> bool:
    """Tell whether NOPERM is about a command that was permitted before: then a promotion is under way.

    What is about a key or a channel is not: a region is kept from writing by the commands that its users may run.
    """
    told = _COMMAND.search(str(error))
    return told is not None and told[1] in permitted_before


def look_again_at_once(error: Exception, permitted_before: AbstractSet[str]) -> bool:
    """Tell whether the writer's next answer decides that NOPERM is the caller's mistake."""
    return isinstance(error, NotPermittedHereError) and not waits_for_writer(error, permitted_before)


def callers_mistake(
    error: Exception, region: str | None, writer: Writer, permitted_before: AbstractSet[str]
) -> BaseException | None:
    """Return the NOPERM that no other region would take back; None for any other error, and while that is not known.

    The writer has to name the region again, asked after its first NOPERM. Who asked does not matter: this command when it was
    refused or before its next attempt, or another one of this client.
    """
    budget = current_budget()
    if region is None or budget is None or not look_again_at_once(error, permitted_before):
        return None
    named_again = writer.region == region and writer.named_at >= budget.not_permitted.get(region, float("inf"))
    return error.__cause__ if named_again else None


class ReadsOnElsewhere:
    """What redis-py's cluster client and pipeline need so that a read whose replica did not answer may go to the primary.

    A cluster of one shard calls no replica failed, so CLUSTER SLOTS goes on naming a dead one: a primary decides that when it
    hears of the node from another one (Redis 7.0 src/cluster.c, clusterProcessGossipSection).
    """

    _reads: LoadBalancingStrategy | None

    @property
    def load_balancing_strategy(self) -> LoadBalancingStrategy | None:
        """How the node of a read is chosen: replicas in turn, after a failed attempt the primary as well."""
        budget = current_budget()
        if self._reads is LoadBalancingStrategy.ROUND_ROBIN_REPLICAS and budget is not None and budget.causes:
            return LoadBalancingStrategy.ROUND_ROBIN
        return self._reads

    @load_balancing_strategy.setter
    def load_balancing_strategy(self, given: LoadBalancingStrategy | None) -> None:
        self._reads = given


class UnreachableError(exceptions.ConnectionError):
    """The cluster's layout could not be read now; raised inside the retry only."""


def translated(error: Exception, address: str, username: str | None) -> Exception:
    """Return what the caller, or the retry, should see in place of an error of redis-py's cluster client."""
    if isinstance(error, exceptions.SlotNotCoveredError):
        return RefusedError(f"no node serves the slot: {error}")
    if isinstance(error, exceptions.ClusterError) and str(error) == EXHAUSTED:
        return RefusedError("the nodes send this command round in circles: they disagree about who serves its slot")
    if isinstance(error, exceptions.RedisClusterException) and str(error).startswith(UNREACHABLE):
        return _unreachable(error, address, username)
    return error


def _unreachable(error: Exception, address: str, username: str | None) -> Exception:
    causes = _causes(error)
    final = next((cause for cause in causes if isinstance(cause, (*FINAL_ERRORS, exceptions.ResponseError))), None)
    if isinstance(final, FINAL_ERRORS):
        return final
    if isinstance(final, exceptions.NoPermissionError):
        return exceptions.NoPermissionError(
            f"user {username!r} may not read the cluster's layout at {address} ({final}): "
            "allow it (ACL: +cluster|slots +command)"
        )
    if final is not None and NO_CLUSTER in str(final):
        return wrong_kind(address, "cluster")
    told = str(causes[0] if causes else error)
    return UnreachableError(f"the cluster's layout cannot be read at {address}: {told}")


def _causes(error: BaseException) -> list[BaseException]:
    """Return what `error` was raised from, nearest first; chains of re-raised errors may run in a circle."""
    found: list[BaseException] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and all(cause is not one for one in found):
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found
