#!/bin/sh
# pulumi 3.272.0 (Python): what registering a resource costs in calls to the engine.
#
# Guessed: a resource is one call to the resource monitor. What the SDK has to say to those who debug it stays in the program
# unless `pulumi up --debug` asks for it.
# Seen: it is sent to the engine whatever was asked: four calls of Engine.Log with severity DEBUG for each resource, beside the one
# that registers it. The program's thread waits for the answer of each; nothing tells the program whether anybody will see them.
# Why it matters: these calls are most of what a large program sends. Of the CPU time of a preview of 256 resources whose program
# and engine ran on one machine, they took a sixth.
#
# Fails when this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install pulumi==3.272.0
cat > "$folder/seen.py" <<'PYTHON'
import asyncio
import collections
from concurrent import futures

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime import run_in_stack
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc
from pulumi.runtime.settings import Settings, configure

RESOURCES = 20
calls = collections.Counter()


class Engine(engine_pb2_grpc.EngineServicer):
    def Log(self, request, context):
        calls["log " + engine_pb2.LogSeverity.Name(request.severity).lower()] += 1
        return empty_pb2.Empty()


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    def SupportsFeature(self, request, context):
        return resource_pb2.SupportsFeatureResponse(hasSupport=True)

    def RegisterResource(self, request, context):
        calls["register"] += 1
        urn = f"urn:pulumi:dev::shop::{request.type}::{request.name}"
        return resource_pb2.RegisterResourceResponse(urn=urn, id=request.name, object=request.object)

    def RegisterResourceOutputs(self, request, context):
        return empty_pb2.Empty()

    def SignalAndWaitForShutdown(self, request, context):
        return empty_pb2.Empty()


class Cache(pulumi.CustomResource):
    def __init__(self, name):
        super().__init__("seen:index:Cache", name, {"size": 1})


def program():
    for number in range(RESOURCES):
        Cache(f"cache-{number}")


server = grpc.server(futures.ThreadPoolExecutor(4))
engine_pb2_grpc.add_EngineServicer_to_server(Engine(), server)
resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
configure(Settings(project="shop", stack="dev", monitor=f"127.0.0.1:{port}", engine=f"127.0.0.1:{port}"))
asyncio.run(run_in_stack(program))
server.stop(None).wait()
print(dict(calls), "for", RESOURCES, "resources and their stack")
assert calls["register"] == RESOURCES + 1, "this has changed"
assert 4 <= calls["log debug"] / calls["register"] < 6, "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/seen.py"
echo "as seen before"
