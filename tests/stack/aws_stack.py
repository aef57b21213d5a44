"""This repository's own program with its AWS half, on the emulator: configured by a test, asked by the emulated API."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import yaml

from pulumi_emulator.progress import DONE, PLANNED
from tests.stack.conftest import ROOT, OwnStack
from tests.support.program import lay_out

AWS_BLOCKS = ("aws:region", "redis-ha:network", "redis-ha:elasticache")
# Nothing is refused for want of a fresh connection: a client of a test outlives failovers.
CLIENT = """
import json, sys
import redis_ha_client
documents = json.load(sys.stdin)
client = redis_ha_client.connect(documents["elasticache_connection"], documents["elasticache_credentials"])
"""
CLUSTER_PRIMARIES = """
print(json.dumps([shard["primary"][0] for shard in client.cluster_slots().values()]))
"""


class AwsStack(OwnStack):
    """A stack with the AWS half of one of the stack files, or the blocks `network` and `elasticache` of it."""

    client = CLIENT  # what a program of an application begins with

    def _environment(self) -> dict[str, str]:
        # Nothing is killed here, and a state of 250 resources that is written after each of them is most of the engine's work.
        return {**super()._environment(), "PULUMI_SKIP_CHECKPOINTS": "true"}

    @classmethod
    def of_stack_file(cls, folder: Path, home: Path, stack: str, *, whole: bool = False) -> Self:
        """Lay out the program with Pulumi.<stack>.yaml: the whole of it, or an ElastiCache group that is on its own."""
        lay_out(folder)
        config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        made = cls(folder, home, stack, "redis-ha")
        if whole:
            made._write(config)
            return made
        made._write({key: config[key] for key in AWS_BLOCKS})
        made.configure(global_member=None)
        return made

    @property
    def stack_file(self) -> Path:
        """The stack file of this test."""
        return self.program / f"Pulumi.{self.stack}.yaml"

    def _write(self, config: dict[str, Any]) -> None:
        self.stack_file.write_text(yaml.safe_dump({"config": config}))

    def configure(self, block: str = "elasticache", **changes: Any) -> None:
        """Change arguments of a block; None takes one away."""
        config = yaml.safe_load(self.stack_file.read_text())["config"]
        whole = config[f"redis-ha:{block}"] | changes
        config[f"redis-ha:{block}"] = {key: value for key, value in whole.items() if value is not None}
        self._write(config)

    def unprotect(self) -> None:
        """Take the whole stack's protection off in the stack file, as before a destroy."""
        config = yaml.safe_load(self.stack_file.read_text())["config"]
        self._write({**config, "redis-ha:protect": False})

    def api(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call the emulated API."""
        return dict(json.loads(self.run("aws", "--", service, operation, json.dumps(parameters)).stdout))

    def group(self) -> dict[str, Any]:
        """Return the replication group as the API describes it."""
        found = self.api("elasticache", "describe_replication_groups")["ReplicationGroups"]
        assert len(found) == 1
        return dict(found[0])

    def primaries(self) -> dict[str, str]:
        """Return the primary of each shard; with cluster mode the API tells no roles, so the nodes are asked."""
        members = [
            (shard["NodeGroupId"], member) for shard in self.group()["NodeGroups"] for member in shard["NodeGroupMembers"]
        ]
        told = {shard: member["CacheClusterId"] for shard, member in members if member.get("CurrentRole") == "primary"}
        if told:
            return told
        hosts = json.loads(self.application(CLUSTER_PRIMARIES))
        shard_of = {member["CacheClusterId"]: shard for shard, member in members}
        return {shard_of[host.split(".")[0]]: host.split(".")[0] for host in hosts}

    def start_application(self, code: str) -> subprocess.Popen[str]:
        """Start a program that connects with the stack's documents, where the endpoint names resolve."""
        argv = [*self._argv("exec"), "--on", "aws", "--", sys.executable, "-c", self.client + code]
        started = subprocess.Popen(
            argv,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert started.stdin is not None
        started.stdin.write(json.dumps(self.outputs()))
        started.stdin.close()
        started.stdin = None
        return started

    def application(self, code: str) -> str:
        """Run such a program to its end; return what it prints."""
        started = self.start_application(code)
        output, _ = started.communicate(timeout=120)
        assert started.returncode == 0, output
        return output

    def planned(self) -> dict[str, str]:
        """Return what a preview would do to the children: name -> step, for whatever is not left alone."""
        return steps_of(self.run("preview").stdout)

    def brought_up_to_date(self) -> dict[str, str]:
        """Run `up`; return what it did to the children: name -> step. What is replaced is "created anew"."""
        return steps_of(self.run("up").stdout)

    def refused_application(self, code: str) -> str:
        """Run such a program that has to fail; return what it says."""
        started = self.start_application(code)
        output, _ = started.communicate(timeout=120)
        assert started.returncode != 0, output
        return output


WORDS = "|".join(sorted({*DONE.values(), *PLANNED.values()}, key=len, reverse=True))
STEP = re.compile(rf"  ({WORDS}) [\w-]+(?:\.[\w-]+)+ (\S+)")


def steps_of(output: str) -> dict[str, str]:
    """Return the steps that a command shows, a line each: the emulator's word, a type, and a name."""
    found = (STEP.match(line) for line in output.splitlines())
    return {step[2]: step[1] for step in found if step}
