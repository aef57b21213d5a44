"""Dialling a name that may lead to several nodes, as in sync/dialling.py."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Any

from redis.asyncio.connection import Connection

from redis_ha_client.addresses import Addresses, Place


class Dialling(Connection):
    """A connection that looks its name up at every dial and remembers, with all others of its client, where nobody answers."""

    def __init__(self, *, addresses: Addresses, **kwargs: Any) -> None:
        self.addresses = addresses
        self.place: Place | None = None  # dialled last
        super().__init__(**kwargs)

    @property
    def uses_tls(self) -> bool:
        """Whether the next dial uses TLS, where the class can."""
        return True

    def came_to_nothing(self) -> None:
        """Remember that the dial failed, up to the end of the handshake."""
        if self.place is not None:
            self.addresses.failed(self.place)

    async def _connect(self) -> None:
        """Dial the next address where one refuses. Silence ends the dial: its time is over.

        redis-py gives all addresses together the time of one, which the first takes whole if it is silent.
        """
        failure = OSError(f"{self.host} leads to no address")
        for place in await self._look_up():
            self.place = place
            try:
                await super()._connect()
            except ssl.SSLCertVerificationError:
                raise
            except OSError as error:
                self.came_to_nothing()
                if isinstance(error, TimeoutError):
                    raise
                failure = error
            else:
                return
        raise failure

    async def _look_up(self) -> list[Place]:
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            pass
        else:
            return [(self.host, self.port)]  # needs no thread of the resolver's
        async with asyncio.timeout(self.socket_connect_timeout):
            rows = await asyncio.get_running_loop().getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        places = [(str(row[4][0]), int(row[4][1])) for row in rows]
        return self.addresses.best_first(places, lambda place: place)

    def _connection_arguments(self) -> Mapping[str, Any]:
        """Return what asyncio dials: one address, whose certificate has to have the name."""
        # redis-py's class for TLS makes a context, which reads the system's authorities.
        own = super()._connection_arguments() if self.uses_tls else Connection._connection_arguments(self)  # noqa: SLF001
        arguments = dict(own)
        if self.place is not None:
            arguments["host"] = self.place[0]
        if "ssl" in arguments:
            arguments["server_hostname"] = self.host
        return arguments
