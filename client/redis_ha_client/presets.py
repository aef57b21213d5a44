"""Policies by name: the recommended one, one for functions, and those of the tutorials that this package was compared with."""

from collections.abc import Mapping
from types import MappingProxyType

from .errors import DocumentError
from .policy import FailoverPolicy

RECOMMENDED = "recommended"
# A function is frozen between its invocations. A node that was lost without a word within these seconds is seldom replaced by
# then (AWS publishes none: policy.py), so a command waits for the failover in any case. A dial costs milliseconds.
FUNCTION_IDLE_SECONDS = 5.0
_TRIES, _TUTORIAL_CONNECT, _TUTORIAL_READ = 5, 1.0, 2.0
_TUTORIAL_BASE, _TUTORIAL_CAP = 1.0, 30.0

PRESETS: Mapping[str, FailoverPolicy] = MappingProxyType(
    {
        RECOMMENDED: FailoverPolicy(),
        "function": FailoverPolicy(
            total_seconds=3, connect_seconds=1.5, read_seconds=1.5, sentinel_seconds=0.3, idle_seconds=FUNCTION_IDLE_SECONDS
        ),
        # 2 s and 1 s are the recommended time-outs as well. Five more tries with pauses of 1, 2, 4, 8 and 16 s, at most 30.
        "tutorial-5-tries": FailoverPolicy(
            total_seconds=(1 + _TRIES) * (_TUTORIAL_CONNECT + _TUTORIAL_READ)
            + sum(min(_TUTORIAL_CAP, _TUTORIAL_BASE * 2**number) for number in range(_TRIES)),
            connect_seconds=_TUTORIAL_CONNECT,
            read_seconds=_TUTORIAL_READ,
            backoff_base_seconds=_TUTORIAL_BASE,
            backoff_cap_seconds=_TUTORIAL_CAP,
        ),
        "tutorial-2.5s": FailoverPolicy(total_seconds=5, connect_seconds=2.5, read_seconds=2.5),
    }
)


def policy_of(policy: FailoverPolicy | str | None) -> FailoverPolicy:
    """Return a policy by its name, or as it is; an unknown name is a DocumentError."""
    if policy is None:
        return PRESETS[RECOMMENDED]
    if isinstance(policy, FailoverPolicy):
        return policy
    if not isinstance(policy, str) or policy not in PRESETS:
        raise DocumentError(f"policy is {policy!r}: known are {', '.join(PRESETS)}, or give a FailoverPolicy of your own")
    return PRESETS[policy]
