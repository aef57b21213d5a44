"""The resource providers of one command: a gRPC server a package, to which the Pulumi engine attaches.

The engine finds them by PULUMI_DEBUG_PROVIDERS and dials 127.0.0.1 (pulumi/pulumi pkg/resource/plugin/provider_plugin.go).
Attach and GetPluginInfo must succeed for an attached provider; the other calls are those of any provider.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from importlib import metadata
from typing import Any, Final, NoReturn, Self

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from typing_extensions import override

from pulumi_emulator import configuration, rules
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers import FUNCTIONS, HANDLERS, Cloud, Handler
from pulumi_emulator.rules import DEFAULTS_KEY, Change, ResourceType
from pulumi_emulator.values import UNKNOWN, Secret, decode, encode, has_unknown, is_secret, reveal, without_empty

# The engine calls Create for everything that is independent at once; a boot may take some seconds.
SERVER_THREADS: Final = 64
# user_data may have 64 KiB, a program many droplets; the Python SDK uses the same limit (pulumi.runtime._grpc_settings).
MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024

_KIND_BY_WORD: Final = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """The provider of one package."""

    def __init__(self, package: str, cloud: Cloud) -> None:
        self.package = package
        self.version = metadata.version(f"pulumi_{package}") if _installed(f"pulumi_{package}") else "0.0.0"
        self.cloud = cloud
        self.types = rules.load(package)
        # Set when the engine attaches: the runner's proof that the emulator, and no real provider, answers for the package.
        self.attached = threading.Event()
        self.cancelled = threading.Event()
        # What each provider resource of the program configured, by the connection that the engine has for it.
        self.configured: dict[str, dict[str, Any]] = {}
        # Types that the program has asked for, so that the runner can prepare what they need.
        self.seen_types: set[str] = set()
        self.seen_images: set[str] = set()

    # Start-up

    @override
    def Handshake(self, request: Any, context: Any) -> Any:
        del request, context
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=False, accept_outputs=False, supports_autonaming_configuration=True
        )

    @override
    def Attach(self, request: Any, context: Any) -> Any:
        del request, context
        self.attached.set()
        return empty_pb2.Empty()

    @override
    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        del request, context
        return plugin_pb2.PluginInfo(version=self.version)

    @override
    def CheckConfig(self, request: Any, context: Any) -> Any:
        del context
        return provider_pb2.CheckResponse(inputs=request.news)

    @override
    def DiffConfig(self, request: Any, context: Any) -> Any:
        del context
        # Nothing in a provider's configuration makes a difference here.
        same = provider_pb2.DiffResponse.DIFF_NONE
        some = provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=same if request.olds == request.news else some)

    @override
    def Configure(self, request: Any, context: Any) -> Any:
        # The engine dials once for each provider resource (the default one, each explicit one) and makes all of its calls
        # over that connection: pulumi/pulumi pkg/resource/deploy/providers/registry.go. No call names its provider otherwise.
        self.configured[context.peer()] = configuration.read(decode(request.args))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True,
            supportsPreview=True,
            acceptResources=False,
            acceptOutputs=False,
            supports_autonaming_configuration=True,
        )

    @override
    def Cancel(self, request: Any, context: Any) -> Any:
        del request, context
        self.cancelled.set()
        return empty_pb2.Empty()

    @override
    def GetSchema(self, request: Any, context: Any) -> Any:
        del request
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the emulator has no schema of {self.package}: use the provider's own")

    @override
    def Invoke(self, request: Any, context: Any) -> Any:
        if request.tok not in FUNCTIONS:
            known = sorted(token for token in FUNCTIONS if token.startswith(f"{self.package}:"))
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"function {request.tok} is not emulated; emulated look-ups of {self.package}: {', '.join(known) or 'none'}",
            )
        with _answering(context):
            arguments = {name: reveal(value) for name, value in decode(request.args).items()}
            answer = provider_pb2.InvokeResponse()
            # The field is named by a word that Python keeps for itself.
            found = FUNCTIONS[request.tok](self.cloud, self._configuration(context), arguments)
            getattr(answer, "return").CopyFrom(encode(found))
            return answer

    def _configuration(self, context: Any) -> dict[str, Any]:
        known = self.configured.get(context.peer())
        if known is None and len(self.configured) == 1:
            # The engine has dialled again: with one provider there is no doubt.
            known = next(iter(self.configured.values()))
        return known or {}

    @override
    def Call(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"method {request.tok} is not emulated")

    @override
    def Construct(self, request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"component {request.type} is not emulated")

    # Resources

    @override
    def Check(self, request: Any, context: Any) -> Any:
        kind, handler = self._type_of(request.urn, context)
        with _answering(context):
            inputs = without_empty(decode(request.news))
            inputs.pop(DEFAULTS_KEY, None)
            inputs, naming = self._named(kind, request, inputs)
            inputs, missing = configuration.with_region(kind, inputs, self._configuration(context))
            naming += missing
            filled = rules.with_defaults(kind, inputs)
            plain = {name: _plain(value) for name, value in filled.items()}
            failures = {failure.property: failure.reason for failure in naming}
            for failure in [*rules.check(kind, filled), *rules.check_exclusive(kind, filled)]:
                failures.setdefault(failure.property, failure.reason)
            if not failures:
                # Only well-formed inputs reach the handler; it speaks about what the table cannot.
                for failure in handler.check({name: value for name, value in plain.items() if name != DEFAULTS_KEY}):
                    failures.setdefault(failure.property, failure.reason)
            self.seen_types.add(kind.token)
            if isinstance(plain.get("image"), str) and not failures:
                self.seen_images.add(plain["image"])
            filled = configuration.with_tags(kind, filled, self._configuration(context))
            marked = {
                name: Secret(value) if name in kind.secret and not is_secret(value) else value for name, value in filled.items()
            }
            return provider_pb2.CheckResponse(
                inputs=encode(marked),
                failures=[provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures.items()],
            )

    def _named(self, kind: ResourceType, request: Any, inputs: dict[str, Any]) -> tuple[dict[str, Any], list[rules.Failure]]:
        """Give the resource a name when the program gives none: the old one, else one made from the resource's."""
        rule = next(kind.of_kind("autoname"), None)
        if rule is None or rule.property in inputs or rules.conflicting(kind, rule.property) & set(inputs):
            return inputs, []
        defaults = {DEFAULTS_KEY: [rule.property]}
        olds = decode(request.olds)
        if rule.property in (olds.get(DEFAULTS_KEY) or []) and olds.get(rule.property):
            return inputs | {rule.property: olds[rule.property]} | defaults, []
        name = request.urn.rsplit("::", 1)[1]
        options = request.autonaming if request.HasField("autonaming") else None
        modes = provider_pb2.CheckRequest.AutonamingOptions
        if options is not None and options.mode == modes.DISABLE:
            return inputs, [rules.Failure(rule.property, "missing: automatic names are switched off (pulumi:autonaming)")]
        if options is not None and options.proposed_name:
            return inputs | {rule.property: options.proposed_name} | defaults, []
        seed = request.randomSeed or request.urn.encode()
        return inputs | {rule.property: rules.automatic_name(rule, name, hashlib.sha256(seed).hexdigest())} | defaults, []

    @override
    def Diff(self, request: Any, context: Any) -> Any:
        kind, handler = self._type_of(request.urn, context)
        with _answering(context):
            state = decode(request.olds)
            olds, news = decode(request.old_inputs) or state, decode(request.news)
            # What the provider filled in is what the program's new value is compared with; so is a default of its own.
            own = {*kind.kept, *(news.get(DEFAULTS_KEY) or [])}
            filled = {name: state[name] for name in own if name in state and name not in olds}
            found = rules.changes(kind, {**filled, **olds}, news)
            ignored = {path.split(".")[0].split("[")[0] for path in request.ignoreChanges}
            found = [change for change in found if change.property not in ignored]
            found = handler.diff(_all_plain(state), _all_plain(olds), _all_plain(news), found)
            found = [change for change in found if change.property not in ignored]
            due = handler.must_replace({name: _plain(value) for name, value in state.items()})
            if due:
                found.append(Change(due, "update", replaces=True))
            return self._difference(found, delete_first=rules.deleted_first(kind, news))

    @staticmethod
    def _difference(found: list[Change], *, delete_first: bool) -> Any:
        replaces = [change.property for change in found if change.replaces]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and delete_first,
            diffs=[change.property for change in found],
            hasDetailedDiff=True,
            detailedDiff={
                change.property: provider_pb2.PropertyDiff(kind=_KIND_BY_WORD[change.kind, change.replaces], inputDiff=True)
                for change in found
            },
        )

    @override
    def Create(self, request: Any, context: Any) -> Any:
        kind, handler = self._type_of(request.urn, context)
        with _answering(context):
            inputs = _without_internal(decode(request.properties))
            if request.preview:
                unknown = {*kind.computed, *kind.kept} - set(inputs)
                return provider_pb2.CreateResponse(
                    id="", properties=encode(_outputs(kind, inputs, dict.fromkeys(sorted(unknown), UNKNOWN)))
                )
            made = handler.create(self.cloud, _all_plain(inputs))
            return provider_pb2.CreateResponse(id=made.id, properties=encode(_outputs(kind, inputs, made.computed)))

    @override
    def Read(self, request: Any, context: Any) -> Any:
        kind, handler = self._type_of(request.urn, context)
        with _answering(context):
            state = decode(request.properties)
            inputs = decode(request.inputs)
            resource_id = request.id
            if state or not handler.imports_as_read:
                before = _all_plain(state)
                seen = handler.read(self.cloud, request.id, before) if state else handler.import_(self.cloud, request.id)
            else:
                resource_id, before = configuration.for_import(request.id, self._configuration(context))
                seen = handler.read(self.cloud, resource_id, before)
            if seen is None:
                return provider_pb2.ReadResponse(id="")
            # What the program never gave is no drift of its inputs; an import takes everything.
            wanted = set(inputs) if state else {*kind.inputs, *kind.merged_tags}
            given = {name: value for name, value in seen.inputs.items() if name in wanted}
            if state:
                given = {name: rules.as_given(kind, name, inputs[name], value) for name, value in given.items()}
            new_inputs = _merged(kind, inputs, given)
            known = {*kind.inputs, *kind.outputs}
            outputs = _merged(kind, state, {name: value for name, value in seen.outputs.items() if name in known})
            return provider_pb2.ReadResponse(id=resource_id, properties=encode(outputs), inputs=encode(new_inputs))

    @override
    def Update(self, request: Any, context: Any) -> Any:
        kind, handler = self._type_of(request.urn, context)
        with _answering(context):
            state = decode(request.olds)
            inputs = _without_internal(decode(request.news))
            kept = {
                name: value
                for name, value in state.items()
                if name not in kind.inputs or name in inputs or name in kind.kept or name not in decode(request.old_inputs)
            }
            computed: dict[str, Any] = {name: kept[name] for name in kind.computed if name in kept and name not in inputs}
            if request.preview:
                changed = {change.property for change in rules.changes(kind, decode(request.old_inputs), decode(request.news))}
                computed |= dict.fromkeys(handler.uncertain(changed), UNKNOWN)
            else:
                computed |= handler.update(self.cloud, request.id, _all_plain(state), _all_plain(inputs))
            base = {name: value for name, value in kept.items() if name in kind.inputs and name not in inputs}
            return provider_pb2.UpdateResponse(properties=encode(_outputs(kind, base | inputs, computed)))

    @override
    def Delete(self, request: Any, context: Any) -> Any:
        _, handler = self._type_of(request.urn, context)
        with _answering(context):
            handler.delete(self.cloud, request.id, _all_plain(decode(request.properties)))
            return empty_pb2.Empty()

    def _type_of(self, urn: str, context: Any) -> tuple[ResourceType, Handler]:
        token = urn.split("::")[2].rsplit("$", maxsplit=1)[-1]
        if token not in self.types or token not in HANDLERS:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"resource type {token} is not emulated; emulated types of {self.package}: {', '.join(sorted(self.types))}",
            )
        return self.types[token], HANDLERS[token]


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


@contextmanager
def _answering(context: Any) -> Iterator[None]:
    """Turn errors into the call's answer: a user's error as its one line, a defect of the emulator as what it is."""
    try:
        yield
    except EmulatorError as error:
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the engine must get an answer
        _defect(context, error)


def _defect(context: Any, error: Exception) -> NoReturn:
    # Frames only: a message may hold a property's value.
    frames = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)[-3:]))
    print(f"defect of the emulator: {type(error).__name__}\n{frames}", file=sys.stderr)
    context.abort(grpc.StatusCode.INTERNAL, f"defect of the emulator: {type(error).__name__} (see the frames above)")
    raise AssertionError  # abort has raised


def _plain(value: Any) -> Any:
    """Return the value without secret marks; unknown as a whole stays `UNKNOWN`."""
    return reveal(value)


def _all_plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: reveal(value) for name, value in _without_internal(properties).items()}


def _without_internal(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if not name.startswith("__")}


def _outputs(kind: ResourceType, inputs: Mapping[str, Any], computed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of a resource: its inputs as they came, what the provider adds or changes, secret where it must be."""
    never = {rule.property for rule in kind.of_kind("write_only")}
    known = {name: value for name, value in computed.items() if name in {*kind.inputs, *kind.outputs}}
    return _merged(kind, {name: value for name, value in inputs.items() if name not in never}, known)


def _merged(kind: ResourceType, base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Lay new values over marked ones: equal values keep their marks, what was secret or must be secret is marked."""
    merged = dict(base)
    for name, value in changed.items():
        old = base.get(name)
        if name in base and not has_unknown(old) and reveal(old) == value:
            continue
        merged[name] = Secret(reveal(value)) if name in base and is_secret(old) else value
    return {
        name: Secret(value) if name in kind.secret and not isinstance(value, Secret) else value
        for name, value in merged.items()
    }


class Providers:
    """The running servers of all emulated packages."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.by_package = {package: Provider(package, cloud) for package in rules.PACKAGES}
        self._servers: list[grpc.Server] = []
        self.ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES), ("grpc.max_send_message_length", MAX_MESSAGE_BYTES)]
        for package, provider in self.by_package.items():
            server = grpc.server(futures.ThreadPoolExecutor(max_workers=SERVER_THREADS), options=options)
            provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
            self.ports[package] = server.add_insecure_port("127.0.0.1:0")
            server.start()
            self._servers.append(server)
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop(grace=None)

    @property
    def debug_providers(self) -> str:
        """The value of PULUMI_DEBUG_PROVIDERS."""
        return ",".join(f"{package}:{port}" for package, port in self.ports.items())

    def seen(self, choose: Callable[[Provider], set[str]]) -> set[str]:
        """Return the union over all packages of what the programs have asked for."""
        return set().union(*(choose(provider) for provider in self.by_package.values()))
