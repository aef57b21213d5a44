"""The name server inside the namespace: the stack's endpoint names, and names that lead to them.

Its sockets are made in the namespace and served from threads outside, so it ends with the process that made it.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from typing import Final

from dnslib import CNAME, QTYPE, RCODE, RR, SOA, A, DNSRecord  # type: ignore[import-untyped]
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
# Where another name leads to and for how many seconds, or None when it is no such name.
Alias = Callable[[str], "tuple[str, int] | None"]
LONGEST_CHAIN: Final = 8  # the emulator's choice: records that lead to each other end somewhere


def no_alias(_: str) -> None:
    """Know no other names."""


class NameServer:
    """Answers questions by `alias` and `lookup` until `stop`."""

    def __init__(self, site: Site, lookup: Lookup, alias: Alias = no_alias) -> None:
        self._servers: list[_Udp | _Tcp] = []
        for kind in (_Udp, _Tcp):
            server = site.within(lambda kind=kind: kind((NAME_SERVER, PORT)))  # type: ignore[misc]
            server.lookup, server.alias = lookup, alias
            self._servers.append(server)
            threading.Thread(target=server.serve_forever, args=(POLL,), daemon=True, name="cache names").start()

    def stop(self) -> None:
        """End and give the sockets back."""
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Udp(socketserver.UDPServer):
    lookup: Lookup
    alias: Alias

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _UdpQuestion)


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    lookup: Lookup
    alias: Alias

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address, _TcpQuestion)


class _UdpQuestion(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        data, connection = self.request
        reply = answer(data, self.server.lookup, self.server.alias)
        if reply is not None:
            connection.sendto(reply, self.client_address)


class _TcpQuestion(socketserver.StreamRequestHandler):
    server: _Tcp
    timeout = 5

    def handle(self) -> None:
        try:
            size = self.rfile.read(2)
            while len(size) == 2:
                reply = answer(self.rfile.read(struct.unpack("!H", size)[0]), self.server.lookup, self.server.alias)
                if reply is None:
                    return
                self.wfile.write(struct.pack("!H", len(reply)) + reply)
                size = self.rfile.read(2)
        except OSError:
            return


def answer(data: bytes, lookup: Lookup, alias: Alias = no_alias) -> bytes | None:
    """Return the answer to one question; None to what is no question."""
    try:
        question = DNSRecord.parse(data)
        name = str(question.q.qname).rstrip(".").lower()
    except (DNSError, IndexError):
        return None
    reply, owner = question.reply(), question.q.qname
    for _ in range(LONGEST_CHAIN):
        other = alias(name)
        if other is None:
            break
        reply.add_answer(RR(owner, QTYPE.CNAME, rdata=CNAME(other[0]), ttl=other[1]))
        name = owner = other[0]
        if question.q.qtype == QTYPE.CNAME:
            break
    wanted = question.q.qtype in (QTYPE.A, QTYPE.ANY)
    addresses = lookup(name, wanted)
    if addresses is None:
        # With a CNAME before it, it is that name which does not exist (RFC 6604).
        reply.header.rcode = RCODE.NXDOMAIN
    elif wanted:
        for address in addresses:
            reply.add_answer(RR(owner, QTYPE.A, rdata=A(address), ttl=TTL))
    if not reply.rr:
        # Names without an address of the asked kind: said with how long that may be believed (RFC 2308).
        reply.add_auth(RR(DOMAIN, QTYPE.SOA, rdata=SOA(f"ns.{DOMAIN}", f"nobody.{DOMAIN}", (1, TTL, TTL, TTL, TTL)), ttl=TTL))
    packed: bytes = reply.pack()
    return packed
