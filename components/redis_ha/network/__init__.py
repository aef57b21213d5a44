"""The network of a stack that brings none."""

import typing

from redis_ha.loading import on_first_use as _on_first_use

if typing.TYPE_CHECKING:
    from .private import PrivateNetwork, PrivateNetworkArgs

__all__ = [
    "PrivateNetwork",
    "PrivateNetworkArgs",
]

__getattr__ = _on_first_use(
    __name__,
    {
        "PrivateNetwork": "private",
        "PrivateNetworkArgs": "private",
    },
)
