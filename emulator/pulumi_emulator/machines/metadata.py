"""The metadata service of a stack's droplets at http://169.254.169.254/metadata (docs.digitalocean.com/reference/api/metadata).

`python -m pulumi_emulator.machines.metadata FOLDER`, detached, in the router's namespace. A droplet is told by the address it
asks from, which the router's filter does not let it choose.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from pulumi_emulator.machines import network
from pulumi_emulator.machines.images import RESOLVERS
from pulumi_emulator.machines.nft import METADATA_ADDRESS
from pulumi_emulator.machines.state import MachineRecord, State, StateStore

VENDOR_DATA: Final = "#cloud-config\ndisable_root: false\nmanage_etc_hosts: true\n"
PREFIX: Final = "/metadata/v1"


def document(prefix: str, record: MachineRecord, ip_range: str) -> dict[str, Any]:
    """Return a droplet's v1.json. A Debian droplet's id is a number; an id of another form is given as it is."""
    spec = record.spec
    private = {
        "ipv4": {
            "ip_address": record.private_ip,
            "netmask": network.vpc_netmask(ip_range),
            "gateway": network.vpc_gateway(ip_range),
        },
        "mac": network.mac_address(prefix, record.index, "private"),
        "type": "private",
    }
    interfaces: dict[str, Any] = {"private": [private]}
    if record.public_ip is not None:
        interfaces["public"] = [
            {
                "ipv4": {
                    "ip_address": record.public_ip,
                    "netmask": str(network.PUBLIC_RANGE.netmask),
                    "gateway": network.PUBLIC_GATEWAY,
                },
                "anchor_ipv4": {
                    "ip_address": record.anchor_ip,
                    "netmask": str(network.ANCHOR_RANGE.netmask),
                    "gateway": network.ANCHOR_GATEWAY,
                },
                "mac": network.mac_address(prefix, record.index, "public"),
                "type": "public",
            }
        ]
    return {
        "droplet_id": int(spec.machine_id) if spec.machine_id.isdigit() else spec.machine_id,
        "hostname": spec.name,
        "vendor_data": VENDOR_DATA,
        "user_data": spec.user_data,
        "public_keys": list(spec.ssh_public_keys),
        "auth_key": "",
        "region": spec.region,
        "interfaces": interfaces,
        "floating_ip": {"ipv4": {"active": False}},
        "reserved_ip": {"ipv4": {"active": False}},
        "dns": {"nameservers": list(RESOLVERS)},
        "tags": list(spec.tags),
        "features": {"dhcp_enabled": False},
    }


def tree(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the single paths below /metadata/v1 as nested folders, leaves as text."""
    interfaces: dict[str, Any] = {}
    for kind, entries in content["interfaces"].items():
        interfaces[kind] = {
            str(number): {
                key: {"address" if name == "ip_address" else name: text for name, text in value.items()}
                if isinstance(value, dict)
                else value
                for key, value in entry.items()
            }
            for number, entry in enumerate(entries)
        }
    return {
        "id": str(content["droplet_id"]),
        "hostname": content["hostname"],
        "user-data": content["user_data"],
        "vendor-data": content["vendor_data"],
        "public-keys": "\n".join(content["public_keys"]),
        "region": content["region"],
        "interfaces": interfaces,
        "dns": {"nameservers": "\n".join(content["dns"]["nameservers"])},
        "floating_ip": {"ipv4": {"active": "false"}},
        "reserved_ip": {"ipv4": {"active": "false"}},
        "tags": "\n".join(content["tags"]),
        "features": {"dhcp_enabled": "false"},
    }


def answer(content: Mapping[str, Any], path: str) -> str | None:
    """Return what the service says at a path; None when there is nothing there."""
    if path == f"{PREFIX}.json":
        return json.dumps(content)
    parts = [part for part in path.removeprefix(PREFIX).split("/") if part]
    if path != PREFIX and not path.startswith(f"{PREFIX}/"):
        return None
    place: Any = tree(content)
    for part in parts:
        if not isinstance(place, dict) or part not in place:
            return None
        place = place[part]
    if isinstance(place, dict):
        return "\n".join(f"{name}/" if isinstance(entry, dict) or name == "tags" else name for name, entry in place.items())
    return str(place)


def asker(state: State, address: str) -> MachineRecord | None:
    """Return the droplet that has this address."""
    return next((record for record in state.machines.values() if address in (record.public_ip, record.private_ip)), None)


class _Handler(BaseHTTPRequestHandler):
    store: StateStore

    def do_GET(self) -> None:
        """Answer a droplet."""
        state = self.store.load()
        record = asker(state, self.client_address[0])
        text = None
        if record is not None:
            prefix = network.names_of(self.store.folder).prefix
            vpc = state.vpcs[record.spec.vpc_id]
            text = answer(document(prefix, record, vpc.ip_range), self.path.partition("?")[0])
        body = ("not found" if text is None else text).encode()
        self.send_response(404 if text is None else 200)
        self.send_header("Content-Type", "application/json" if self.path.endswith(".json") else "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Write nothing: the log would only grow."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main(arguments: list[str]) -> None:
    """Serve until killed."""
    handler = type("Handler", (_Handler,), {"store": StateStore(Path(arguments[0]))})
    _Server((METADATA_ADDRESS, 80), handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
