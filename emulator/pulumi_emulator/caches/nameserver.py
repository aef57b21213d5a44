"""The name server inside the namespace: the stack's endpoint names, and nothing else.

Its sockets are made in the namespace and served from threads outside, so it ends with the process that made it.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from typing import Final

from dnslib import QTYPE, RCODE, RR, SOA, A, DNSRecord  # type: ignore[import-untyped]
from dnslib.dns import DNSError  # type: ignore[import-untyped]

from pulumi_emulator.caches.names import DOMAIN
from pulumi_emulator.caches.site import NAME_SERVER, Site

PORT: Final = 53
# Seconds; the emulator's choice (AWS states none): a client that keeps an address longer is seen to miss a failover.
TTL: Final = 5
POLL: Final = 0.1  # seconds until a server sees that it shall end

# Addresses of a name, or None when there is no such name. The second argument says whether addresses were asked for: clients
# ask for IPv6 beside, and a name that takes turns would then show every second address only.
Lookup = Callable[[str, bool], "list[str] | None"]


class NameServer:
    """Answers questions by `lookup` until `stop`."""

    def __init__(self, site: Site, lookup: Lookup) -> None:
        self._servers: list[_Udp | _Tcp] = []
        for kind in (_Udp, _Tcp):
            server = site.within(lambda kind=kind: kind((NAME_SERVER, PORT)))  # type: ignore[misc]
            server.lookup = lookup
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True, name="cache names").start()

    def stop(self) -> None:
        """End and give the sockets back."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Udp(socketserver.UDPServer):
    lookup: Lookup

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _UdpQuestion)


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    lookup: Lookup

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _TcpQuestion)


class _UdpQuestion(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        data, connection = self.request
        reply = answer(data, self.server.lookup)
        if reply is not None:
            connection.sendto(reply, self.client_address)


class _TcpQuestion(socketserver.StreamRequestHandler):
    server: _Tcp
    timeout = 5

    def handle(self) -> None:
        try:
            size = self.rfile.read(2)
            while len(size) == 2:
                reply = answer(self.rfile.read(struct.unpack("!H", size)[0]), self.server.lookup)
                if reply is None:
                    return
                self.wfile.write(struct.pack("!H", len(reply)) + reply)
                size = self.rfile.read(2)
        except OSError:
            return


def answer(data: bytes, lookup: Lookup) -> bytes | None:
    """Return the answer to one question; None to what is no question."""
    try:
        question = DNSRecord.parse(data)
        name = str(question.q.qname).rstrip(".").lower()
    except (DNSError, IndexError):
        return None
    reply = question.reply()
    wanted = question.q.qtype in (QTYPE.A, QTYPE.ANY)
    addresses = lookup(name, wanted)
    if addresses is None:
        reply.header.rcode = RCODE.NXDOMAIN
    elif wanted:
        for address in addresses:
            reply.add_answer(RR(question.q.qname, QTYPE.A, rdata=A(address), ttl=TTL))
    if not reply.rr:
        # Names without an address of the asked kind: said with how long that may be believed (RFC 2308).
        reply.add_auth(RR(DOMAIN, QTYPE.SOA, rdata=SOA(f"ns.{DOMAIN}", f"nobody.{DOMAIN}", (1, TTL, TTL, TTL, TTL)), ttl=TTL))
    packed: bytes = reply.pack()
    return packed
