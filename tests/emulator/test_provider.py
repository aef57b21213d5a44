"""The provider's answers to the engine's calls, without an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from pulumi_emulator import rules
from pulumi_emulator.provider import Provider
from pulumi_emulator.rules import DEFAULTS_KEY
from pulumi_emulator.values import UNKNOWN, Secret, decode, encode
from tests.support.stand_in_host import StandInHost, stand_in_cloud

DROPLET = {"name": "d", "image": "debian-13-x64", "size": "s-1vcpu-1gb", "region": "ams3"}


class AbortedError(Exception):
    pass


class Context:
    """What gRPC gives a servicer, as far as it is used."""

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise AbortedError(f"{code.name}: {details}")


CONTEXT = Context()


@pytest.fixture
def cloud_and_host(tmp_path: Path) -> tuple[Any, StandInHost]:
    return stand_in_cloud(tmp_path)


@pytest.fixture
def digitalocean(cloud_and_host: tuple[Any, StandInHost]) -> Provider:
    return Provider("digitalocean", cloud_and_host[0])


def urn(token: str, name: str = "n") -> str:
    return f"urn:pulumi:dev::p::my:Component${token}::{name}"


TAG, DROPLET_URN = urn("digitalocean:index/tag:Tag"), urn("digitalocean:index/droplet:Droplet")
FIREWALL = urn("digitalocean:index/firewall:Firewall")


def test_a_name_is_made_kept_proposed_or_asked_for(digitalocean: Provider) -> None:
    def name(news: dict[str, Any] | None = None, **request: Any) -> Any:
        answer = digitalocean.Check(pb.CheckRequest(urn=TAG, news=encode(news or {}), randomSeed=b"seed", **request), CONTEXT)
        assert not answer.failures
        return decode(answer.inputs)

    made = name()
    assert made["name"].startswith("n-")
    assert len(made["name"]) == len("n-") + 7
    assert made[DEFAULTS_KEY] == ["name"]
    assert name() == made, "preview and up agree"
    assert name(olds=encode(made | {"name": "n-old"}))["name"] == "n-old"
    assert name({"name": "given"}, olds=encode(made))["name"] == "given"
    assert name(olds=encode({"name": "was-given", DEFAULTS_KEY: []}))["name"] == made["name"]
    options = pb.CheckRequest.AutonamingOptions
    assert name(autonaming=options(proposed_name="proposed", mode=options.PROPOSE))["name"] == "proposed"
    answer = digitalocean.Check(pb.CheckRequest(urn=TAG, news=encode({}), autonaming=options(mode=options.DISABLE)), CONTEXT)
    assert [failure.property for failure in answer.failures] == ["name"]


def test_secrets_are_marked_wherever_they_must_be(digitalocean: Provider, cloud_and_host: tuple[Any, StandInHost]) -> None:
    random = Provider("random", cloud_and_host[0])
    password_urn = urn("random:index/randomPassword:RandomPassword")
    made = decode(random.Create(pb.CreateRequest(urn=password_urn, properties=encode({"length": 9})), CONTEXT).properties)
    assert isinstance(made["result"], Secret)
    assert isinstance(made["bcryptHash"], Secret)
    # Secret user data: what the provider stores in its place is secret too.
    inputs = encode(DROPLET | {"userData": Secret("x"), DEFAULTS_KEY: []})
    answer = digitalocean.Create(pb.CreateRequest(urn=DROPLET_URN, properties=inputs), CONTEXT)
    made = decode(answer.properties)
    assert made["userData"] == Secret("11f6ad8ec52a2984abaafd7c3b516503785c2072")
    assert made["image"] == "debian-13-x64"
    read = digitalocean.Read(
        pb.ReadRequest(
            id=answer.id, urn=DROPLET_URN, properties=answer.properties, inputs=encode(DROPLET | {"userData": Secret("x")})
        ),
        CONTEXT,
    )
    assert decode(read.properties)["userData"] == made["userData"]
    assert decode(read.inputs) == DROPLET | {"userData": Secret("x")}


def test_a_preview_knows_no_more_than_it_can(digitalocean: Provider, cloud_and_host: tuple[Any, StandInHost]) -> None:
    answer = digitalocean.Create(pb.CreateRequest(urn=DROPLET_URN, properties=encode(DROPLET), preview=True), CONTEXT)
    planned = decode(answer.properties)
    assert planned["ipv4Address"] is UNKNOWN
    assert planned["name"] == "d"
    assert answer.id == ""
    assert cloud_and_host[1].booted == {}
    random = Provider("random", cloud_and_host[0])
    request = pb.CreateRequest(
        urn=urn("random:index/randomPassword:RandomPassword"), properties=encode({"length": 9}), preview=True
    )
    assert decode(random.Create(request, CONTEXT).properties)["result"] == Secret(UNKNOWN)


def test_an_update_changes_what_it_is_told_and_keeps_the_rest(digitalocean: Provider) -> None:
    inputs = DROPLET | {"tags": ["a"], "userData": "x"}
    made = digitalocean.Create(pb.CreateRequest(urn=DROPLET_URN, properties=encode(inputs)), CONTEXT)
    news = {name: value for name, value in inputs.items() if name != "tags"} | {"size": "s-1vcpu-2gb"}
    request = {"id": made.id, "urn": DROPLET_URN, "olds": made.properties, "old_inputs": encode(inputs), "news": encode(news)}
    planned = decode(digitalocean.Update(pb.UpdateRequest(**request, preview=True), CONTEXT).properties)
    assert (planned["size"], planned["ipv4Address"]) == ("s-1vcpu-2gb", decode(made.properties)["ipv4Address"])
    changed = decode(digitalocean.Update(pb.UpdateRequest(**request), CONTEXT).properties)
    assert (changed["memory"], changed["tags"], changed["userData"]) == (2048, [], decode(made.properties)["userData"])
    assert changed["vpcUuid"] == decode(made.properties)["vpcUuid"]


def test_a_difference_says_what_replaces_and_respects_what_is_ignored(digitalocean: Provider) -> None:
    def difference(news: dict[str, Any], *ignored: str) -> Any:
        request = pb.DiffRequest(id="1", urn=DROPLET_URN, old_inputs=encode(DROPLET), news=encode(news), ignoreChanges=ignored)
        return digitalocean.Diff(request, CONTEXT)

    assert difference(DROPLET).changes == pb.DiffResponse.DIFF_NONE
    answer = difference(DROPLET | {"userData": "x", "size": "s-1vcpu-2gb"})
    assert answer.changes == pb.DiffResponse.DIFF_SOME
    assert (sorted(answer.diffs), list(answer.replaces)) == (["size", "userData"], ["userData"])
    assert answer.detailedDiff["userData"].kind == pb.PropertyDiff.ADD_REPLACE
    assert difference(DROPLET | {"userData": "x"}, "userData").changes == pb.DiffResponse.DIFF_NONE


def test_a_replacement_under_a_name_that_the_program_gave_deletes_first(digitalocean: Provider) -> None:
    def deletes_first(old: dict[str, Any], new: dict[str, Any]) -> bool:
        request = pb.DiffRequest(id="1", urn=DROPLET_URN, old_inputs=encode(old), news=encode(new))
        return bool(digitalocean.Diff(request, CONTEXT).deleteBeforeReplace)

    replaced = DROPLET | {"userData": "x"}
    assert deletes_first(DROPLET, replaced)
    assert deletes_first(DROPLET, replaced | {"name": "other"})
    assert not deletes_first(DROPLET, DROPLET | {"size": "s-1vcpu-2gb"})
    made_up = {"__defaults": ["name"]}
    assert not deletes_first(DROPLET | made_up, replaced | made_up)
    cache = rules.load("aws")["aws:elasticache/serverlessCache:ServerlessCache"]
    assert not rules.deleted_first(cache, {"name": "given"})


def test_a_droplet_is_adopted_without_what_is_a_default(digitalocean: Provider) -> None:
    wanted = {name: value for name, value in DROPLET.items() if name != "region"}
    checked = digitalocean.Check(pb.CheckRequest(urn=DROPLET_URN, news=encode(wanted)), CONTEXT).inputs
    made = digitalocean.Create(pb.CreateRequest(urn=DROPLET_URN, properties=checked), CONTEXT)
    adopted = digitalocean.Read(pb.ReadRequest(id=made.id, urn=DROPLET_URN), CONTEXT)
    assert decode(adopted.inputs).keys() == {"name", "image", "size", "region", "vpcUuid"}
    assert (decode(adopted.properties)["backups"], decode(adopted.properties)["resizeDisk"]) == (False, True)
    given = {"olds": adopted.properties, "old_inputs": adopted.inputs, "news": checked}
    differs = digitalocean.Diff(pb.DiffRequest(id=made.id, urn=DROPLET_URN, **given), CONTEXT)
    # The provider does not know how a droplet that it did not make shall be ended.
    assert (list(differs.diffs), list(differs.replaces)) == (["gracefulShutdown"], [])


def test_a_firewall_s_droplets_are_numbers_however_they_are_given(digitalocean: Provider) -> None:
    droplet = digitalocean.Create(pb.CreateRequest(urn=DROPLET_URN, properties=encode(DROPLET)), CONTEXT).id
    rules = [{"protocol": "icmp", "sourceDropletIds": [droplet]}]
    inputs = encode({"name": "f", "dropletIds": [droplet], "inboundRules": rules})
    made = digitalocean.Create(pb.CreateRequest(urn=FIREWALL, properties=inputs), CONTEXT)
    state = decode(made.properties)
    assert (state["dropletIds"], state["inboundRules"][0]["sourceDropletIds"]) == ([int(droplet)], [int(droplet)])
    seen = digitalocean.Read(pb.ReadRequest(id=made.id, urn=FIREWALL, properties=made.properties, inputs=inputs), CONTEXT)
    assert (seen.inputs, seen.properties) == (inputs, made.properties), "the same droplets are no drift"


def test_what_is_gone_reads_as_gone(digitalocean: Provider) -> None:
    request = pb.ReadRequest(id="1", urn=DROPLET_URN, properties=encode(DROPLET), inputs=encode(DROPLET))
    assert digitalocean.Read(request, CONTEXT).id == ""


def test_errors_name_the_type_and_never_a_value(
    digitalocean: Provider, cloud_and_host: tuple[Any, StandInHost], capsys: Any
) -> None:
    with pytest.raises(
        AbortedError, match=r"UNIMPLEMENTED: resource type digitalocean:index/domain:Domain is not emulated; .*:Vpc"
    ):
        digitalocean.Check(pb.CheckRequest(urn=urn("digitalocean:index/domain:Domain"), news=encode({})), CONTEXT)
    with pytest.raises(AbortedError, match="UNKNOWN: ssh_keys: '7' is neither id nor fingerprint"):
        digitalocean.Create(pb.CreateRequest(urn=DROPLET_URN, properties=encode(DROPLET | {"sshKeys": ["7"]})), CONTEXT)

    def fail(spec: Any) -> Any:
        raise ValueError(spec.user_data)

    cloud_and_host[1].create_machine = fail  # type: ignore[method-assign]
    with pytest.raises(AbortedError, match="INTERNAL: defect of the emulator: ValueError") as caught:
        digitalocean.Create(pb.CreateRequest(urn=DROPLET_URN, properties=encode(DROPLET | {"userData": "hunter2"})), CONTEXT)
    captured = capsys.readouterr()
    assert "hunter2" not in str(caught.value) + captured.out + captured.err
    assert "test_provider.py" in captured.err
