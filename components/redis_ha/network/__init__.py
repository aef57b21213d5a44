"""The network of a stack that brings none."""

from .private import PrivateNetwork, PrivateNetworkArgs

__all__ = ["PrivateNetwork", "PrivateNetworkArgs"]
