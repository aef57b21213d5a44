"""What is decided without a process: names, users, slots, answers of the name server. Needs no root."""

import hashlib
from dataclasses import replace

import pytest
from dnslib import RCODE, DNSRecord  # type: ignore[import-untyped]

from pulumi_emulator.caches.group import Group
from pulumi_emulator.caches.host import CacheHost
from pulumi_emulator.caches.names import HostName, answers, certificate_names, host_names, short_region
from pulumi_emulator.caches.nameserver import TTL, answer
from pulumi_emulator.caches.node import OWN_PARAMETERS, settable
from pulumi_emulator.caches.resharding import moves
from pulumi_emulator.caches.spec import Access, NodeSpec, as_ranges, check, ranges, slots_of
from pulumi_emulator.caches.users import RESTRICTED, acl_file
from pulumi_emulator.errors import EmulatorError
from tests.support.cache_groups import Told, cluster_spec, group_spec


@pytest.mark.parametrize(
    ("region", "short"),
    [
        ("us-east-1", "use1"),
        ("eu-central-1", "euc1"),
        ("ap-northeast-1", "apne1"),
        ("ap-southeast-2", "apse2"),
        ("sa-east-1", "sae1"),
        ("us-gov-west-1", "usgw1"),
    ],
)
def test_regions_are_shortened_as_in_aws_host_names(region: str, short: str) -> None:
    assert short_region(region) == short


def test_host_names_have_aws_patterns() -> None:
    tls = group_spec("prod")
    assert [name.name for name in host_names(tls)] == [
        "master.prod.abc123.euc1.cache.amazonaws.com",
        "replica.prod.abc123.euc1.cache.amazonaws.com",
        "prod-001.prod.abc123.euc1.cache.amazonaws.com",
        "prod-002.prod.abc123.euc1.cache.amazonaws.com",
    ]
    assert [name.name for name in host_names(replace(tls, tls=False))] == [
        "prod.abc123.ng.0001.euc1.cache.amazonaws.com",
        "prod-ro.abc123.ng.0001.euc1.cache.amazonaws.com",
        "prod-001.abc123.0001.euc1.cache.amazonaws.com",
        "prod-002.abc123.0001.euc1.cache.amazonaws.com",
    ]
    assert host_names(cluster_spec("prod"))[0].name == "clustercfg.prod.abc123.euc1.cache.amazonaws.com"
    assert host_names(cluster_spec("prod", tls=False))[0].name == "prod.abc123.clustercfg.euc1.cache.amazonaws.com"
    assert {name.kind for name in host_names(cluster_spec("prod"))} == {"configuration", "node"}
    assert {name.kind for name in host_names(cluster_spec("prod", shards=1))} == {"configuration", "primary", "reader", "node"}


def test_every_name_of_a_group_is_in_its_certificate() -> None:
    for spec in (group_spec("prod", plain=True), cluster_spec("prod", plain=True)):
        listed = certificate_names(spec)
        for name in host_names(spec):
            assert name.name in listed or f"*.{name.name.partition('.')[2]}" in listed


def test_names_lead_to_roles_and_a_nodes_own_name_stays() -> None:
    addresses = {"a": "198.18.1.1", "b": "198.18.1.2", "c": "198.18.1.3"}
    roles = {"a": "gone", "b": "primary", "c": "replica"}
    assert answers(HostName("n", "primary"), addresses, roles, 0) == ["198.18.1.2"]
    assert answers(HostName("n", "reader"), addresses, roles, 5) == ["198.18.1.3"]
    assert answers(HostName("n", "node", "a"), addresses, roles, 0) == ["198.18.1.1"]
    assert answers(HostName("n", "configuration"), addresses, roles, 1) == ["198.18.1.3", "198.18.1.2"]
    all_there = {"a": "replica", "b": "primary", "c": "replica"}
    assert [answers(HostName("n", "reader"), addresses, all_there, turn) for turn in range(3)] == [
        ["198.18.1.1"],
        ["198.18.1.3"],
        ["198.18.1.1"],
    ]
    assert answers(HostName("n", "reader"), addresses, {"b": "primary"}, 0) == ["198.18.1.2"]
    assert answers(HostName("n", "primary"), addresses, {"b": "gone"}, 0) == []


def test_the_name_server_says_what_there_is_and_what_there_is_not() -> None:
    def lookup(name: str, wanted: bool) -> list[str] | None:
        return ["198.18.1.1"] if name == "known.test" and wanted else [] if name == "known.test" else None

    found = DNSRecord.parse(answer(DNSRecord.question("Known.Test").pack(), lookup) or b"")
    assert [(str(row.rdata), row.ttl) for row in found.rr] == [("198.18.1.1", TTL)]
    ipv6 = DNSRecord.parse(answer(DNSRecord.question("known.test", "AAAA").pack(), lookup) or b"")
    assert (ipv6.header.rcode, ipv6.rr) == (RCODE.NOERROR, [])
    unknown = DNSRecord.parse(answer(DNSRecord.question("other.test").pack(), lookup) or b"")
    assert unknown.header.rcode == RCODE.NXDOMAIN
    assert answer(b"nonsense", lookup) is None


def test_a_name_that_leads_to_another_is_answered_with_its_addresses() -> None:
    known, others = {"known.test": ["198.18.0.9"]}, {"writer.test": ("next.test", 7), "next.test": ("known.test", 7)}

    def ask(name: str, kind: str = "A") -> DNSRecord:
        return DNSRecord.parse(answer(DNSRecord.question(name, kind).pack(), lambda one, _: known.get(one), others.get) or b"")

    found = ask("Writer.Test")
    assert [(str(row.rname), str(row.rdata)) for row in found.rr] == [
        ("Writer.Test.", "next.test."),
        ("next.test.", "known.test."),
        ("known.test.", "198.18.0.9"),
    ]
    assert found.rr[0].ttl == 7
    assert [str(row.rdata) for row in ask("writer.test", "CNAME").rr] == ["next.test."]
    others["next.test"] = ("writer.test", 7)
    assert RCODE[ask("writer.test").header.rcode] == "NXDOMAIN"


def test_users_keep_the_administrator_and_lose_what_aws_restricts() -> None:
    lines = acl_file(Access(acl=("user app on >secret-word ~app:* +@all (~* +@all)",)), "admin-word").splitlines()
    app, default, admin = lines
    digest = hashlib.sha256(b"secret-word").hexdigest()
    assert app.startswith(f"user app on #{digest} ~app:* +@all -acl|deluser")
    root, _, selector = app.partition("(")
    for command in RESTRICTED:
        assert f"-{command}" in root.split()
        assert f"-{command}" in selector.rstrip(")").split()
    assert default.startswith("user default off")
    assert admin == f"user emulator-admin on #{hashlib.sha256(b'admin-word').hexdigest()} ~* &* +@all"
    assert "word" not in "".join(lines)
    assert "nopass" in acl_file(Access(), "x").splitlines()[0]
    token = acl_file(Access("token-word"), "x").splitlines()[0]
    assert token.startswith(f"user default on #{hashlib.sha256(b'token-word').hexdigest()} ~* &* +@all -acl")


@pytest.mark.parametrize("line", ["user emulator-admin on nopass", "default on >secret-word", "user"])
def test_users_lines_that_cannot_be_are_refused_without_showing_them(line: str) -> None:
    with pytest.raises(EmulatorError) as caught:
        acl_file(Access(acl=(line,)), "x")
    assert "secret-word" not in str(caught.value)


def test_slots_are_moved_from_their_owners_only_when_they_change() -> None:
    assert moves({"1": {0, 1, 2, 3}, "2": {4, 5}}, {"1": {0, 1}, "2": {4, 5, 2}, "3": {3}}) == {
        ("1", "2"): [2],
        ("1", "3"): [3],
    }
    assert ranges("0-99, 200") == [(0, 99), (200, 200)]
    assert slots_of("1-3,7") == {1, 2, 3, 7}
    assert as_ranges([0, 1, 2, 7, 9, 10]) == [(0, 2), (7, 7), (9, 10)]
    assert as_ranges([]) == []


def test_parameters_of_the_emulators_own_are_not_set() -> None:
    assert settable({"port": "1", "databases": "4", "timeout": "5"}) == {"timeout": "5"}
    assert {"aclfile", "masterauth", "unixsocket", "cluster-enabled"} <= OWN_PARAMETERS


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        (replace(group_spec("g"), engine="memcached"), "engine 'memcached'"),  # type: ignore[arg-type]
        (replace(group_spec("g"), nodes=()), "no nodes"),
        (replace(group_spec("g"), nodes=(NodeSpec("a", "0001", "z"), NodeSpec("a", "0001", "z"))), "one node_id"),
        (
            replace(group_spec("g"), nodes=(NodeSpec("a", "0001", "z"), NodeSpec("b", "0002", "z"))),
            "2 shards need",
        ),
        (cluster_spec("g", slots={"0001": "0-16383"}), "slots are given for"),
        (cluster_spec("g", slots={"0001": "0-5461", "0002": "5461-10922", "0003": "10923-16383"}), "each once"),
        (group_spec("g", access=Access("token", ("user a on",))), "give one of them"),
    ],
)
def test_specifications_that_cannot_run_are_refused(spec: object, named: str) -> None:
    with pytest.raises(EmulatorError, match=named):
        check(spec)  # type: ignore[arg-type]


def test_without_root_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EmulatorError, match="need root"):
        CacheHost(tmp_path / "caches", tmp_path, Told())  # type: ignore[operator,arg-type]


def test_the_replica_with_the_least_lag_is_promoted() -> None:
    class Replica:
        alive = serving = True

        def __init__(self, node_id: str, offset: int | None) -> None:
            self.spec, self.offset = NodeSpec(node_id, "0001", "z"), offset

        def info(self, **_: object) -> dict[str, str]:
            if self.offset is None:
                raise OSError
            return {"slave_repl_offset": str(self.offset)}

    spec = group_spec("g", nodes=4)
    offsets: dict[str, int | None] = {"g-001": 900, "g-002": 100, "g-003": 300, "g-004": None}
    nodes = {node_id: Replica(node_id, offset) for node_id, offset in offsets.items()}
    group = Group(None, spec, "", nodes, {"0001": "g-001"})  # type: ignore[arg-type]
    assert group.most_advanced("0001") is nodes["g-003"]  # type: ignore[comparison-overlap]
