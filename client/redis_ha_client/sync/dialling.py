"""Dialling a name that may lead to several nodes: those first that did not fail lately."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on most of the methods that are called here.

import socket
import ssl
from typing import Any

from redis.connection import Connection, SSLConnection

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

    def _connect(self) -> socket.socket:
        """Dial as redis-py does, which goes on to the next address where one refuses. Silence ends the dial: its time is over.

        redis-py gives a TLS handshake the time of a command's answer.
        """
        found = socket.getaddrinfo(self.host, self.port, self.socket_type, socket.SOCK_STREAM)
        failure = OSError(f"{self.host} leads to no address")
        for row in self.addresses.best_first(found, _place_of):
            self.place = _place_of(row)
            try:
                return self._dial(socket.socket(*row[:3]), row[4])
            except ssl.SSLCertVerificationError:
                raise
            except OSError as error:
                self.came_to_nothing()
                if isinstance(error, TimeoutError):
                    raise
                failure = error
        raise failure

    def _dial(self, sock: socket.socket, address: Any) -> socket.socket:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.socket_keepalive:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for option, value in self.socket_keepalive_options.items():
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
            sock.settimeout(self.socket_connect_timeout)
            sock.connect(address)
            if isinstance(self, SSLConnection) and self.uses_tls:
                sock = self._wrap_socket_with_ssl(sock)  # takes the descriptor over
            sock.settimeout(self.socket_timeout)
        except BaseException:
            sock.close()
            raise
        return sock


def _place_of(row: tuple[Any, ...]) -> Place:
    """Read one of getaddrinfo's rows, which end with the address: IPv6 has two more words in it."""
    host, port = row[4][:2]
    return host, port
