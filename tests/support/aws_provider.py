"""The aws provider without an engine: what the engine would ask of it for one resource, and an emulated AWS behind it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from pulumi_emulator import aws
from pulumi_emulator.handlers import HANDLERS, Cloud
from pulumi_emulator.handlers.base import AwsAccess
from pulumi_emulator.provider import Provider
from pulumi_emulator.values import decode, encode, reveal
from pulumi_emulator.world import World
from tests.support.aws_world import serving

TOKENS = {
    ".".join([token.split(":")[1].split("/")[0], token.rsplit(":", 1)[1]]): token for token in HANDLERS if token[:4] == "aws:"
}
REGION = "eu-central-1"
# One client for all accounts of an endpoint: to read a service's model takes a tenth of a second.
client_of = functools.cache(aws.client)


class RefusedError(Exception):
    """What the provider answered instead of doing it."""


class Context:
    """One connection of the engine's."""

    def __init__(self, peer: str = "ipv4:127.0.0.1:1") -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise RefusedError(f"{code.name}: {details}")


class Resource:
    """One resource of a program, as the engine sees it."""

    def __init__(self, provider: Provider, kind: str, context: Context, name: str = "it") -> None:
        self.provider, self.kind, self.context = provider, kind, context
        self.urn = f"urn:pulumi:dev::p::my:Component${TOKENS[kind]}::{name}"
        self.id = ""
        self.inputs: dict[str, Any] = {}
        self.state: dict[str, Any] = {}

    def check(self, inputs: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with inputs by property; keep what the provider makes of them."""
        request = pb.CheckRequest(urn=self.urn, news=encode(inputs), olds=encode(self.inputs), randomSeed=b"seed")
        answer = self.provider.Check(request, self.context)
        self.checked = decode(answer.inputs)
        return {failure.property: failure.reason for failure in answer.failures}

    def preview(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the state that a preview would show for a new resource."""
        assert self.check(inputs) == {}
        request = pb.CreateRequest(urn=self.urn, properties=encode(self.checked), preview=True)
        return decode(self.provider.Create(request, self.context).properties)

    def create(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Make it; return its state without secret marks."""
        assert self.check(inputs) == {}
        answer = self.provider.Create(pb.CreateRequest(urn=self.urn, properties=encode(self.checked)), self.context)
        self.id, self.inputs, self.state = answer.id, self.checked, decode(answer.properties)
        return dict(reveal(self.state))

    def diff(self, inputs: Mapping[str, Any], ignore: tuple[str, ...] = ()) -> dict[str, bool]:
        """Return what other inputs would change, and whether each change replaces."""
        assert self.check(inputs) == {}
        request = pb.DiffRequest(
            id=self.id,
            urn=self.urn,
            olds=encode(self.state),
            old_inputs=encode(self.inputs),
            news=encode(self.checked),
            ignoreChanges=ignore,
        )
        answer = self.provider.Diff(request, self.context)
        return {name: name in answer.replaces for name in answer.diffs}

    def update(self, inputs: Mapping[str, Any], *, preview: bool = False) -> dict[str, Any]:
        """Change it in place; return its state."""
        assert self.check(inputs) == {}
        request = pb.UpdateRequest(
            id=self.id,
            urn=self.urn,
            olds=encode(self.state),
            old_inputs=encode(self.inputs),
            news=encode(self.checked),
            preview=preview,
        )
        state = decode(self.provider.Update(request, self.context).properties)
        if not preview:
            self.inputs, self.state = self.checked, state
        return dict(reveal(state)) if not preview else state

    def read(self) -> dict[str, Any] | None:
        """Refresh: take over what is there; return the inputs that were found otherwise, None when it is gone."""
        request = pb.ReadRequest(id=self.id, urn=self.urn, properties=encode(self.state), inputs=encode(self.inputs))
        answer = self.provider.Read(request, self.context)
        if not answer.id:
            return None
        found = decode(answer.inputs)
        drift = {name: value for name, value in reveal(found).items() if value != reveal(self.inputs).get(name)}
        self.inputs, self.state = found, decode(answer.properties)
        return drift

    def import_(self, resource_id: str) -> dict[str, Any] | None:
        """Adopt what exists; return its inputs as found."""
        answer = self.provider.Read(pb.ReadRequest(id=resource_id, urn=self.urn), self.context)
        if not answer.id:
            return None
        self.id, self.inputs, self.state = answer.id, decode(answer.inputs), decode(answer.properties)
        return dict(reveal(self.inputs))

    def delete(self) -> None:
        """Remove it."""
        request = pb.DeleteRequest(id=self.id, urn=self.urn, properties=encode(self.state), old_inputs=encode(self.inputs))
        self.provider.Delete(request, self.context)


class EmulatedAccount:
    """A provider whose AWS is served in this process."""

    def __init__(self, folder: Path, endpoint: aws.Endpoint | None) -> None:
        self.endpoint = endpoint
        self.starts = 0
        # What the endpoint's own place for it would say; here tests say it.
        self.caches: list[dict[str, Any]] = []
        access = AwsAccess(self._ensure, lambda: self.endpoint, client_of, lambda: self.caches)
        self.cloud = Cloud(World(folder / "world.json"), _no_host, lambda _: None, access)
        self.provider = Provider("aws", self.cloud)
        self.context = Context()
        self.configure({"region": REGION})

    def _ensure(self) -> aws.Endpoint:
        self.starts += 1
        assert self.endpoint is not None, "a real operation only"
        return self.endpoint

    def configure(self, configuration: Mapping[str, Any], context: Context | None = None) -> Context:
        """Configure as the engine does for one provider resource: over a connection of its own."""
        context = context or self.context
        self.provider.Configure(pb.ConfigureRequest(args=encode(configuration)), context)
        return context

    def resource(self, kind: str, context: Context | None = None, name: str = "it") -> Resource:
        """Return a resource of a type, named as in the SDK: "elasticache.User"."""
        return Resource(self.provider, kind, context or self.context, name)

    def made(self, kind: str, called: str = "it", /, **inputs: Any) -> Resource:
        """Make a resource; `called` is its name in the program."""
        resource = self.resource(kind, name=called)
        resource.create(inputs)
        return resource


def _no_host() -> NoReturn:
    raise AssertionError("no machine is wanted")


@contextmanager
def served() -> Iterator[aws.Endpoint]:
    """Serve an emulated AWS in this process whose cache nodes are on paper only."""
    with serving() as (made, _):
        yield made


# --- fixtures: a folder's conftest.py imports those that it wants ---


@pytest.fixture(scope="module")
def endpoint() -> Iterator[aws.Endpoint]:
    """A served endpoint of the test module."""
    with served() as made:
        yield made


@pytest.fixture(scope="module")
def account(endpoint: aws.Endpoint, tmp_path_factory: pytest.TempPathFactory) -> EmulatedAccount:
    """The emulated provider in front of it. One for all tests: clients of a service are dear, and each test has own names."""
    return EmulatedAccount(tmp_path_factory.mktemp("account"), endpoint)


@pytest.fixture(scope="module")
def route53(endpoint: aws.Endpoint) -> Iterator[Any]:
    """A client of its DNS."""
    client = aws.client(endpoint, "route53", "us-east-1")
    yield client
    client.close()
