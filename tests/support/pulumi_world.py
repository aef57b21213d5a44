"""Registering resources without an engine: mocks that answer like the providers, and a monitor that keeps the options."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc, rpc_manager, settings
from pulumi.runtime.stack import run_pulumi_func, wait_for_rpcs


class Providers(pulumi.runtime.Mocks):
    """Answers creations as DigitalOcean, random and AWS do; `known` False is a preview: computed values are not known."""

    def __init__(self, *, known: bool = True) -> None:
        self.known = known
        self.addresses = 1

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        outputs = dict(args.inputs)
        if self.known and args.typ == "digitalocean:index/droplet:Droplet":
            self.addresses += 1
            outputs["ipv4AddressPrivate"] = f"10.20.0.{self.addresses}"
            outputs["ipv4Address"] = f"203.0.113.{self.addresses}"
            outputs["dropletUrn"] = f"do:droplet:{self.addresses}"
        if self.known and args.typ == "random:index/randomPassword:RandomPassword":
            outputs["result"] = pulumi.Output.secret(f"{args.name}-{'g' * 20}")
        if self.known and args.typ == "random:index/randomId:RandomId":
            outputs["hex"] = "0a1b2c3d"
        if self.known and args.typ.startswith("aws:"):
            outputs |= of_aws(args.typ, args.name, args.inputs)
        return (f"{args.name}-id" if self.known else ""), outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        if args.token == "aws:index/getCallerIdentity:getCallerIdentity":
            return {"accountId": "123456789012"}, []
        raise AssertionError(f"a component asked a provider: {args.token}")


def of_aws(kind: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """What AWS adds to what it was told."""
    service = kind.split(":")[1].split("/", maxsplit=1)[0]
    found = {"arn": f"arn:aws:{service}:{inputs.get('region')}:123456789012:{name}"}
    if "name" not in inputs:
        found["name"] = name
    if kind == "aws:elasticache/replicationGroup:ReplicationGroup":
        group = inputs["replicationGroupId"]
        # A secondary of a global datastore is not told the mode; only the cluster's words for its replicas show it.
        inherits_it = "globalReplicationGroupId" in inputs and "replicasPerNodeGroup" in inputs
        if inputs.get("clusterMode") == "enabled" or inherits_it:
            found["configurationEndpointAddress"] = f"clustercfg.{group}.abc123.euc1.cache.amazonaws.com"
        else:
            found["primaryEndpointAddress"] = f"master.{group}.abc123.euc1.cache.amazonaws.com"
            found["readerEndpointAddress"] = f"replica.{group}.abc123.euc1.cache.amazonaws.com"
        members: Any = [f"{group}-002", f"{group}-001"]
        found["memberClusters"] = members
    if kind == "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup":
        found["arn"] = (
            f"arn:aws:elasticache::123456789012:globalreplicationgroup:iudkw-{inputs['globalReplicationGroupIdSuffix']}"
        )
        found["globalReplicationGroupId"] = f"iudkw-{inputs['globalReplicationGroupIdSuffix']}"
    if kind == "aws:elasticache/serverlessCache:ServerlessCache":
        found["arn"] = f"arn:aws:{service}:{inputs.get('region')}:123456789012:serverlesscache:{inputs['name']}"
        host = f"{inputs['name']}-abc123.serverless.euc1.cache.amazonaws.com"
        endpoints: Any = ([{"address": host, "port": 6379}], [{"address": host, "port": 6380}])
        found["endpoints"], found["readerEndpoints"] = endpoints
    if kind == "aws:sqs/queue:Queue":
        found["url"] = f"https://sqs.{inputs.get('region')}.amazonaws.com/123456789012/{inputs['name']}"
    if kind == "aws:route53/zone:Zone":
        found["zoneId"] = "Z0123456789ABCDEFGHIJ"
    if kind.startswith("aws:lb/"):
        found |= of_load_balancing(kind, inputs)
    return found


def of_load_balancing(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """What Elastic Load Balancing adds: ARNs, the suffixes that metrics are published under, a balancer's name and zone."""
    region = inputs.get("region")
    prefix = f"arn:aws:elasticloadbalancing:{region}:123456789012:"
    if kind == "aws:lb/loadBalancer:LoadBalancer":
        suffix = f"app/{inputs['name']}/50dc6c495c0c9188"
        return {
            "arn": f"{prefix}loadbalancer/{suffix}",
            "arnSuffix": suffix,
            "dnsName": f"internal-{inputs['name']}-1234567890.{region}.elb.amazonaws.com",
            "zoneId": "Z215JYRZR1TBD5",
        }
    if kind == "aws:lb/targetGroup:TargetGroup":
        suffix = f"targetgroup/{inputs['name']}/73e2d6bc24d8a067"
        return {"arn": prefix + suffix, "arnSuffix": suffix}
    if kind == "aws:lb/listener:Listener":
        balancer = str(inputs["loadBalancerArn"]).replace(":loadbalancer/", ":listener/")
        return {"arn": f"{balancer}/f2f7dc8efc522ab2"}
    return {}


class Hooks:
    """Keeps resource hooks, which mocks never run, instead of serving them: a server for every test's loop ends in crashes."""

    def __init__(self) -> None:
        self.by_name: dict[str, pulumi.ResourceHook] = {}

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        self.by_name[hook.name] = hook


class Monitor(mocks.MockMonitor):
    """Keeps each registration as it was requested: the options are nowhere else to be seen without an engine."""

    def __init__(self, providers: Providers) -> None:
        super().__init__(providers)
        self.requests: dict[str, Any] = {}
        self.order: list[str] = []
        self.outputs: dict[str, Any] = {}
        self.hooks = Hooks()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the protocol's name
        if request.type != "pulumi:pulumi:Stack":
            self.requests[request.name] = request
            self.order.append(request.name)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802  the protocol's name
        self.outputs[request.urn] = request.outputs
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def names(self, kind: str) -> list[str]:
        return [name for name in self.order if self.requests[name].type.endswith(f":{kind}")]


def inputs(monitor: Monitor, name: str) -> dict[str, Any]:
    """What a resource was registered with."""
    found: dict[str, Any] = rpc.deserialize_properties(monitor.requests[name].object, keep_unknowns=True)
    return found


def run(
    program: Callable[..., Any], *, known: bool = True, prepare: Callable[[], Awaitable[Any]] | None = None
) -> tuple[Monitor, Any]:
    """Run a program in an event loop of its own and return the monitor and what the program's result became.

    `prepare` is awaited first, and the program gets its result. The program has a thread of its own: Pulumi notes the whole
    stack of each registration, and most of that stack would be pytest's.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_run, program, known=known, prepare=prepare).result()


def _run(program: Callable[..., Any], *, known: bool, prepare: Callable[[], Awaitable[Any]] | None) -> tuple[Monitor, Any]:
    monitor = Monitor(Providers(known=known))
    loops: list[asyncio.AbstractEventLoop] = []

    def loop_of_thread() -> None:
        """The mock monitor wants a loop in each thread that it answers in, and closes none of those it makes itself."""
        loops.append(asyncio.new_event_loop())
        loops[-1].set_exception_handler(tell_what_somebody_asked_for)
        asyncio.set_event_loop(loops[-1])

    loop_of_thread()
    loop = loops[0]
    executor = ThreadPoolExecutor(initializer=loop_of_thread)
    loop.set_default_executor(executor)
    found: list[Any] = []
    try:
        settings.SETTINGS.rpc_manager = rpc_manager.RPCManager()  # type: ignore[no-untyped-call]
        mocks.set_mocks(monitor.mocks, project="redis-ha", stack="test", preview=not known, monitor=monitor)
        settings.SETTINGS.callbacks = monitor.hooks
        settings.SETTINGS.outputs.clear()  # of Outputs that a test made outside of any program

        async def whole() -> None:
            given = () if prepare is None else (await prepare(),)

            async def body() -> None:
                found.append(program(*given))
                await _all_outputs()

            await run_pulumi_func(body)

        loop.run_until_complete(whole())
        result = found[0] if found else None
        return monitor, loop.run_until_complete(_resolve(result))
    finally:
        # A program that failed leaves what was waiting for its outputs; the next test's loop is another one.
        settings.SETTINGS.outputs.clear()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        executor.shutdown()
        for each in loops:
            each.close()
        asyncio.set_event_loop(None)


def tell_what_somebody_asked_for(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report an error of a loop, but not the exceptions that the outputs of a failed program hold and nobody reads.

    asyncio reports those when they are collected as garbage, which is in the middle of anything. It writes their traceback,
    and that parses source. While something else is being parsed, CPython 3.11 then ends it with "AST constructor recursion
    depth mismatch".
    """
    if "never retrieved" not in context["message"]:
        loop.default_exception_handler(context)


async def _all_outputs() -> None:
    """Wait until every output has its value, or one has failed.

    Pulumi waits too, but each time that one is done it begins again with all that are left: a quarter of the time of a large
    program. After this it finds none, or the one that failed.
    """
    await wait_for_rpcs(await_all_outstanding_tasks=False)
    while waiting := [output for output in settings.SETTINGS.outputs if not output.done()]:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        if any(output.cancelled() or output.exception() for output in done):
            return
        await wait_for_rpcs(await_all_outstanding_tasks=False)


async def _resolve(value: Any) -> Any:
    """What became of each Output: (value or None when unknown, is it known, is it secret)."""
    if isinstance(value, dict):
        return {key: await _resolve(entry) for key, entry in value.items()}
    if isinstance(value, pulumi.Output):
        return (await value.future(with_unknowns=False), await value.is_known(), await value.is_secret())
    return value
