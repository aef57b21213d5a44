"""The boot protocol with real processes: what the agents, Redis and Sentinel do together when nodes die and come back.

One cluster for the module; every test finds it whole and leaves it whole.
"""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from redis_ha.sentinel.node.config import NOWHERE
from redis_ha.sentinel.node.marker import MARKER
from redis_ha.sentinel.node.min_replicas import MinReplicas
from redis_ha.sentinel.node.position import RECORD
from redis_ha.sentinel.node.resp import Connection, ReplyError, pairs
from tests.support.loopback_cluster import PYTHON, LoopbackCluster, LoopbackNode, Prober, running
from tests.support.waiting import SLOWEST_SECONDS, wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackCluster]:
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(shared: LoopbackCluster) -> LoopbackCluster:
    shared.wait_whole()
    return shared


def write(cluster: LoopbackCluster, key: str, value: str) -> None:
    """Write as the application does, and see that every replica has it: a kill that follows at once proves something then."""

    def written() -> bool:
        try:
            master = cluster.master()
            connection = Connection(
                (master.address, master.port), username="application", password=cluster.passwords.application, timeout=2
            )
            try:
                connection.call("SET", key, value)
                replicas = connection.call("WAIT", len(cluster.data) - 1, 1000)
            finally:
                connection.close()
        except (OSError, ReplyError, ValueError):
            return False
        return replicas == len(cluster.data) - 1

    wait_until(written, f"{key} written everywhere")


def refuses(node: LoopbackNode) -> bool:
    try:
        node.call("SET", "refused", "1", user="application")
    except ReplyError as error:
        return str(error).startswith("NOREPLICAS")
    return False


def misconf(node: LoopbackNode) -> bool:
    try:
        node.call("SET", "misconf", "x" * 6000, user="application")
    except ReplyError as error:
        return str(error).startswith("MISCONF")
    return False


def assert_everywhere(cluster: LoopbackCluster, key: str, value: str) -> None:
    for node in cluster.data:
        wait_until(lambda node=node: node.call("GET", key) == value, f"{key} on {node.slot.name}")  # type: ignore[misc]


def test_begins_with_slot_0_as_the_only_master(cluster: LoopbackCluster) -> None:
    assert cluster.master().slot.key == "data-0"


def test_all_sentinels_have_the_settings_and_the_seeded_ids(cluster: LoopbackCluster) -> None:
    for node in cluster.sentinels:
        assert node.call("SENTINEL", "MYID") == node.slot.sentinel_id
        reply = node.call("SENTINEL", "MASTER", "proc")
        fields = dict(zip(reply[::2], reply[1::2], strict=True))  # type: ignore[index]
        assert (fields["down-after-milliseconds"], fields["failover-timeout"], fields["quorum"]) == ("2000", "4000", "2")
        assert node.call("SENTINEL", "CKQUORUM", "proc").startswith("OK")  # type: ignore[attr-defined]


def test_no_password_in_any_log_or_argument(cluster: LoopbackCluster) -> None:
    for node in cluster.nodes.values():
        for name, process in node.processes.items():
            arguments = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in process.pids())
            for password in vars(cluster.passwords).values():
                assert password not in node.log(name)
                assert password not in arguments


@pytest.mark.parametrize(
    "command", [("CONFIG", "GET", "*"), ("FLUSHALL",), ("REPLICAOF", "NO", "ONE"), ("PUBLISH", "any", "x")]
)
def test_the_application_may_not_administer_nor_publish(cluster: LoopbackCluster, command: tuple[str, ...]) -> None:
    with pytest.raises(ReplyError, match="NOPERM"):
        cluster.master().call(*command, user="application")


def test_nobody_comes_in_without_a_user(cluster: LoopbackCluster) -> None:
    for node in cluster.nodes.values():
        with pytest.raises(ReplyError, match="WRONGPASS"):
            Connection((node.address, node.port), username="default", password="", timeout=1)


def test_the_killed_master_comes_back_as_a_replica_and_takes_no_write(cluster: LoopbackCluster) -> None:
    write(cluster, "before-kill", "1")
    old = cluster.master()
    with Prober(cluster) as prober:
        wait_until(lambda: bool(prober.acknowledged), "a first write")
        old.kill()
        wait_until(lambda: any(node is not old for node in cluster.masters()), "a failover")
        wait_until(lambda: prober.acknowledged[-1].node != old.slot.key, "a write after the failover")
        back = time.monotonic()
        old.start()
        cluster.wait_whole()
        count = len(prober.acknowledged)
        wait_until(lambda: len(prober.acknowledged) > count + 20, "writes go on")
    prober.assert_one_at_a_time()
    assert not [write for write in prober.acknowledged if write.node == old.slot.key and write.sent > back]
    assert old.role() == "slave"
    assert_everywhere(cluster, "before-kill", "1")


def test_a_crashed_master_that_is_back_at_once_leaves_the_lead_to_a_replica(cluster: LoopbackCluster) -> None:
    """systemd restarts redis-server within a second; the agent lives on. What both replicas acknowledged is not thrown away.

    The last second before the crash is on no disk (appendfsync everysec), and the replicas have it. On a busy machine a start
    takes longer than down-after, and the Sentinels act by themselves: then the next crash shows it.
    """
    write(cluster, "before-crash", "1")

    def crashed() -> bool:
        master = cluster.master()
        with Prober(cluster) as prober:
            wait_until(lambda: bool(prober.acknowledged), "a first write")
            master.processes["server"].end()
            master.processes["server"].start()
            cluster.wait_whole()
            count = len(prober.acknowledged)
            wait_until(lambda: len(prober.acknowledged) > count, "writes go on")
        prober.assert_one_at_a_time()
        assert cluster.master() is not master
        return "it has to lead" in master.log()

    assert any(crashed() for _ in range(3))
    assert_everywhere(cluster, "before-crash", "1")


def test_a_just_promoted_master_that_crashes_does_not_wait_for_failover_timeout(cluster: LoopbackCluster) -> None:
    """Sentinels begin no second failover for twice that time by themselves (src/sentinel.c, sentinelStartFailoverIfNeeded)."""
    old = cluster.master()
    old.processes["server"].end()
    old.processes["server"].start()
    wait_until(lambda: any(node is not old for node in cluster.masters()), "a failover")
    cluster.wait_whole()
    write(cluster, "before-second-crash", "1")
    new = cluster.master()
    new.processes["server"].end()
    new.processes["server"].start()
    wait_until(lambda: any(node is not new for node in cluster.masters()), "another failover")
    cluster.wait_whole()
    assert_everywhere(cluster, "before-second-crash", "1")


def test_a_master_that_hears_no_sentinels_and_misses_a_replica_takes_no_writes(cluster: LoopbackCluster) -> None:
    """It may have been replaced on the other side of a cut. With all its replicas it goes on: none can have been promoted."""
    write(cluster, "before-silence", "1")
    master = cluster.master()
    replica = next(node for node in cluster.data if node is not master)
    for node in cluster.sentinels:
        node.kill()
    try:
        time.sleep(5)  # down-after and the margin are 3 s
        assert master.call("SET", "without-sentinels", "1", user="application") == "OK"
        replica.kill()

        wait_until(lambda: refuses(master), "writes are refused, although one replica is enough for min-replicas-to-write")
        assert master.call("GET", "before-silence", user="application") == "1"
    finally:
        for node in (*cluster.sentinels, replica):
            node.start()
    cluster.wait_whole()
    write(cluster, "after-silence", "1")
    for node in cluster.data:
        wait_until(
            lambda node=node: node.call("CONFIG", "GET", "min-replicas-to-write") == ["min-replicas-to-write", "1"],  # type: ignore[misc]
            f"{node.slot.name} is as it was",
        )
        assert "min-replicas-to-write 1000000" not in (Path(node.layout.state) / "config/redis.conf").read_text()


def needs(node: LoopbackNode) -> object:
    return node.call("CONFIG", "GET", "min-replicas-to-write")[1]  # type: ignore[index]


def test_a_master_that_hears_no_sentinels_refuses_as_soon_as_a_replica_is_promoted(cluster: LoopbackCluster) -> None:
    """When it is cut from the Sentinels alone, it still has the other replica until that is re-pointed."""
    write(cluster, "before-cut", "1")
    master = cluster.master()
    promoted = next(node for node in cluster.data if node is not master)
    for node in cluster.sentinels:
        node.kill()
    try:
        wait_until(lambda: needs(master) == "2", "it needs both of its replicas")
        assert master.call("CONFIG", "REWRITE") == "OK"  # as Sentinel does when it turns the node into a replica
        assert master.call("SET", "with-both", "1", user="application") == "OK"
        assert promoted.call("REPLICAOF", "NO", "ONE") == "OK"
        wait_until(lambda: refuses(master), "one is not enough")
        assert promoted.call("REPLICAOF", master.address, master.port) == "OK"
        wait_until(lambda: not refuses(master), "both are here")
        master.processes["agent"].end()
        master.start_agent()
    finally:
        for node in cluster.sentinels:
            node.start()
    cluster.wait_whole()
    wait_until(lambda: needs(master) == "1", "an agent that was started anew gives back what another one had raised")
    assert "min-replicas-to-write 1" in (Path(master.layout.state) / "config/redis.conf").read_text().splitlines()


def test_a_disk_that_takes_no_note_keeps_no_master_from_refusing(cluster: LoopbackCluster, tmp_path: Path) -> None:
    master = cluster.master()
    connection = Connection((master.address, master.port), username="admin", password=cluster.passwords.admin, timeout=2)
    raised = MinReplicas(tmp_path / "gone")
    raised.look(connection)
    assert raised.need(connection, 2)
    assert needs(master) == "2"
    raised.look(connection)
    assert raised.need(connection, None)
    assert needs(master) == "1"
    connection.close()


def frozen(cluster: LoopbackCluster) -> tuple[LoopbackNode, subprocess.Popen[bytes]]:
    """Freeze the master and wait until all Sentinels name another one; return the node and its server's process."""
    old = cluster.master()
    server = old.processes["server"].popen
    assert server is not None
    time.sleep(4)  # a master for longer than failover-timeout: nobody has just made it one
    server.send_signal(signal.SIGSTOP)
    wait_until(lambda: any(node is not old for node in cluster.masters()), "a failover")
    wait_until(lambda: len(cluster.named()) == 1 and old.address not in cluster.named(), "all Sentinels name the new one")
    return old, server


def test_a_frozen_master_that_wakes_up_follows_at_once(cluster: LoopbackCluster) -> None:
    """Sentinel turns it into a replica after 10 to 12 s (src/sentinel.c: 8 s of wrong role, seen every 10 s)."""
    old, server = frozen(cluster)
    server.send_signal(signal.SIGCONT)
    wait_until(lambda: old.role() == "slave", "the old master follows")
    cluster.wait_whole()


def test_a_frozen_master_that_wakes_up_does_not_lead_before_a_replica_that_has_more(cluster: LoopbackCluster) -> None:
    """Hellos that waited for it raise its offset above that of the replica, by which Sentinels choose; then writes are lost."""
    old, server = frozen(cluster)
    new = next(node for node in cluster.masters() if node is not old)
    last = next(node for node in cluster.data if node not in (old, new))
    wait_until(lambda: last.info()["master_link_status"] == "up" and not refuses(new), "the other replica follows")
    time.sleep(4)  # that many hellos
    assert new.call("SET", "while-frozen", "1", user="application") == "OK"
    assert new.call("WAIT", 1, 5000, timeout=10) == 1
    new.processes["server"].end()
    server.send_signal(signal.SIGCONT)
    wait_until(lambda: old.role() == "slave", "the old master follows")
    assert int(old.info()["slave_repl_offset"]) > int(last.info()["slave_repl_offset"])
    wait_until(lambda: last.role() == "master", "the replica that has more leads")
    new.processes["server"].start()
    cluster.wait_whole()
    assert_everywhere(cluster, "while-frozen", "1")


def test_a_sentinel_whose_agent_ends_between_monitor_and_set_gets_its_settings(cluster: LoopbackCluster) -> None:
    """One that forgot its master was configured once already."""
    node = cluster.sentinels[0]

    def down_after() -> object:
        with suppress(OSError, ReplyError):
            reply = node.call("SENTINEL", "MASTER", "proc")
            return dict(zip(reply[::2], reply[1::2], strict=True))["down-after-milliseconds"]  # type: ignore[index]
        return None

    # The first SET fails: as if the Sentinel answered too late.
    assert node.call("ACL", "SETUSER", "admin", "-sentinel|set") == "OK"
    assert node.call("SENTINEL", "REMOVE", "proc") == "OK"
    wait_until(lambda: "adopt failed" in node.log("agent"), "SET is refused")
    assert down_after() == "30000"
    assert node.call("ACL", "SETUSER", "admin", "+@all") == "OK"
    wait_until(lambda: down_after() == "2000", "it is configured after all")
    cluster.wait_whole()


def test_a_sentinel_in_tilt_is_started_anew(cluster: LoopbackCluster) -> None:
    """By itself it would act on nothing for 30 s; with two of three like that a lost master would stay lost for so long."""
    sentinel = cluster.sentinels[0]
    run_id = sentinel.info()["run_id"]
    server = sentinel.processes["server"]
    for number in (signal.SIGSTOP, signal.SIGCONT):
        os.killpg(os.getpgid(server.pids()[0]), number)
        time.sleep(3)  # Sentinel's own limit is 2 s

    def anew() -> bool:
        with suppress(OSError, ReplyError):
            return sentinel.info()["run_id"] != run_id
        return False

    wait_until(anew, "another run of the Sentinel")
    assert sentinel.info()["sentinel_tilt"] == "0"
    cluster.wait_whole()


def test_agents_leave_a_planned_failover_alone(cluster: LoopbackCluster) -> None:
    """The old master is alive and healthy then, and for a second two nodes say master: none of their agents may step in."""
    old = cluster.master()

    def taken() -> bool:
        with suppress(ReplyError):
            return cluster.sentinels[0].call("SENTINEL", "FAILOVER", "proc") == "OK"
        return False

    wait_until(taken, "Sentinel takes it: it refuses while the last failover is younger than failover-timeout")
    wait_until(lambda: old.address not in cluster.named() and len(cluster.named()) == 1, "all Sentinels name the new one")
    cluster.wait_whole()
    assert old.role() == "slave"
    assert "-failover-abort" not in cluster.sentinels[0].log().rsplit("+try-failover", 1)[-1]


def test_all_restarted_at_once_keep_their_data_and_agree(cluster: LoopbackCluster) -> None:
    write(cluster, "before-restart", "1")
    with Prober(cluster) as prober:
        wait_until(lambda: bool(prober.acknowledged), "a first write")
        for node in cluster.nodes.values():
            node.kill()
        for node in cluster.nodes.values():
            node.start()
        cluster.wait_whole()
        count = len(prober.acknowledged)
        wait_until(lambda: len(prober.acknowledged) > count, "writes go on")
    prober.assert_one_at_a_time()
    assert_everywhere(cluster, "before-restart", "1")


def test_a_wiped_master_is_not_made_master_again(cluster: LoopbackCluster) -> None:
    """Without the gate it would come back empty before the Sentinels miss it, and its replicas would empty themselves."""
    write(cluster, "before-wipe", "1")
    wiped = cluster.master()
    with Prober(cluster) as prober:
        wait_until(lambda: bool(prober.acknowledged), "a first write")
        wiped.kill()
        killed = time.monotonic()
        wiped.wipe_data()
        wiped.start()
        wait_until(lambda: any(node is not wiped for node in cluster.masters()), "a failover")
        cluster.wait_whole()
    prober.assert_one_at_a_time()
    assert not [write for write in prober.acknowledged if write.node == wiped.slot.key and write.sent > killed]
    assert "held back" in wiped.log()
    assert_everywhere(cluster, "before-wipe", "1")


def test_an_old_master_that_lost_its_disk_takes_the_data_from_the_new_one(cluster: LoopbackCluster) -> None:
    write(cluster, "before-loss", "1")
    old = cluster.master()
    old.kill()
    wait_until(lambda: any(node is not old for node in cluster.masters()), "a failover")
    old.wipe_data()
    with Prober(cluster) as prober:
        old.start()
        cluster.wait_whole()
        wait_until(lambda: bool(prober.acknowledged), "writes go on")
    prober.assert_one_at_a_time()
    assert old.slot.key not in prober.turns()
    assert_everywhere(cluster, "before-loss", "1")


def test_a_sentinel_that_names_another_master_in_the_same_epoch_learns_anew(cluster: LoopbackCluster) -> None:
    """Sentinels come into this state when failovers follow each other closely, and no newer epoch puts it right."""
    stray = cluster.sentinels[0]

    def epochs() -> set[str]:
        masters = [one.call("SENTINEL", "MASTER", cluster.plan.master_name) for one in cluster.sentinels]
        return {pairs(master)["config-epoch"] for master in masters}  # type: ignore[arg-type]

    def said() -> int:
        return stray.log("agent").count("this one forgets its own")

    def learnt() -> bool:
        before, master = said(), cluster.master()
        other = next(node for node in cluster.data if node is not master)
        # One that has an older epoch than the others learns from them by itself.
        wait_until(lambda: len(epochs()) == 1, "the Sentinels have one config-epoch")
        assert stray.call("SENTINEL", "FLUSHCONFIG") == "OK"  # an epoch that it heard of is not in its file yet
        stray.kill()
        file = Path(stray.layout.state) / "config/sentinel.conf"
        swapped = {master.address: other.address, other.address: master.address}
        file.write_text(" ".join(swapped.get(word, word) for word in file.read_text().split(" ")))
        stray.start()
        cluster.wait_whole()
        # A failover in that moment, as on a busy machine, has a newer epoch, and that puts it right too.
        return cluster.master() is master and said() > before

    wait_until(learnt, "one learns of its error without a failover")
    assert stray.call("SENTINEL", "MYID") == stray.slot.sentinel_id


def test_a_sentinel_whose_connections_run_out_says_so(cluster: LoopbackCluster) -> None:
    sentinel = cluster.sentinels[1]
    settings = Path(sentinel.layout.state) / "agent/node.json"
    document = json.loads(settings.read_text())
    held = int(sentinel.info()["connected_clients"])
    settings.write_text(json.dumps(document | {"application_connections": 2 * held + 20}))
    sentinel.processes["agent"].end()
    sentinel.start_agent()
    try:
        with ExitStack() as clients:
            for _ in range(held + 20):
                clients.enter_context(socket.create_connection((sentinel.address, sentinel.port), 5))
            wait_until(lambda: "few connections are left" in sentinel.log("agent"), "the agent has warned")
        wait_until(lambda: "enough connections again" in sentinel.log("agent"), "the agent takes it back")
    finally:
        settings.write_text(json.dumps(document))
        sentinel.processes["agent"].end()
        sentinel.start_agent()


def test_a_replaced_sentinel_adopts_and_is_no_further_voter(cluster: LoopbackCluster) -> None:
    old = cluster.nodes["sentinel-2"]
    old.kill()
    new = cluster.replaced("sentinel-2", old.address.rsplit(".", 1)[0] + ".99")
    new.start()
    cluster.wait_whole()  # num-other-sentinels is 2 on every one: no ghost
    assert new.call("SENTINEL", "MYID") == old.slot.sentinel_id
    assert "adopt:" in new.log("agent")


def test_a_replaced_data_node_joins_as_a_replica(cluster: LoopbackCluster) -> None:
    write(cluster, "before-replacement", "1")
    old = next(node for node in cluster.data if node.role() == "slave")
    old.kill()
    new = cluster.replaced(old.slot.key, old.address.rsplit(".", 1)[0] + ".98")
    new.start()
    cluster.wait_whole()
    assert_everywhere(cluster, "before-replacement", "1")


def test_installing_again_changes_no_file(cluster: LoopbackCluster) -> None:
    """A re-run of user-data writes the seeds anew: role, epoch and everything learnt stay."""
    node = cluster.sentinels[0]
    node.kill()
    state = Path(node.layout.state)
    files = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    assert state / "config/sentinel.conf" in files
    seeds = {path: path.read_text() for path in Path(node.layout.seed).iterdir() if path.name != "manifest.json"}
    for seed in seeds:
        seed.write_text("sentinel monitor proc 192.0.2.1 6379 1\n")
    subprocess.run([PYTHON, "-m", "redis_ha_node", "install"], env=node.environment(), check=True, timeout=20)
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == files
    for seed, content in seeds.items():
        seed.write_text(content)
    node.start()
    cluster.wait_whole()


def test_the_agent_finds_sentinels_again_after_losing_everything(cluster: LoopbackCluster) -> None:
    """The whole state directory of a replica is gone: it is seeded anew and found through the Sentinels' own connections."""
    node: LoopbackNode = next(node for node in cluster.data if node.role() == "slave" and node.slot.generation == 0)
    node.kill()
    shutil.rmtree(node.layout.state)
    node.start()
    cluster.wait_whole()
    book = json.loads((Path(node.layout.state) / "agent/sentinels.json").read_text())
    assert len(book["sentinels"]) >= 3


def test_an_unplaced_node_takes_no_write_and_is_no_candidate(cluster: LoopbackCluster) -> None:
    """Without its agent a node stays what the unit starts: a read-only replica of nobody that Sentinels never choose."""
    node = next(node for node in cluster.data if node.role() == "slave")
    node.kill()
    node._run("server", ["redis-server", f"{node.layout.state}/config/redis.conf", "--supervised", "no", "--replicaof", "127.0.0.1", "1", "--replica-priority", "0"])  # fmt: skip  # noqa: E501
    wait_until(lambda: node.role() == "slave", "the server runs")
    info = node.info()
    assert (info["master_host"], int(info["master_port"])) == NOWHERE
    assert info["slave_priority"] == "0"
    with pytest.raises(ReplyError, match="READONLY"):
        node.call("SET", "x", "1", user="application")
    node.kill()
    node.start()
    cluster.wait_whole()
    wait_until(lambda: node.info()["slave_priority"] == "100", "it was in step, and may be chosen as the others")


def test_a_replica_whose_full_syncs_fail_does_not_make_the_master_fork_without_end(cluster: LoopbackCluster) -> None:
    """redis/redis issues 6271, 12780, 13517: one with a full disk asks anew at once."""
    master = cluster.master()

    def delay() -> object:
        return master.call("CONFIG", "GET", "repl-diskless-sync-delay")

    wait_until(lambda: delay() == ["repl-diskless-sync-delay", "0"], "no replica has to wait")
    for _ in range(5):
        with socket.create_connection((master.address, master.port), SLOWEST_SECONDS) as replica:
            replica.sendall(f"AUTH replication {cluster.passwords.replication}\r\n".encode())
            assert replica.recv(64) == b"+OK\r\n"  # PSYNC is refused while an answer is on its way
            replica.sendall(b"PSYNC ? -1\r\n")
            # Empty lines may come first: the master is at work (replication.c, replicationCron).
            answer = b""
            while b"+FULLRESYNC" not in answer:
                answer += replica.recv(4096) or pytest.fail(f"the master hung up after {answer!r}")
                assert b"-ERR" not in answer, answer
    wait_until(lambda: delay() != ["repl-diskless-sync-delay", "0"], "replicas have to wait")


def test_agents_place_their_nodes_also_where_their_files_cannot_be_written(tmp_path: Path) -> None:
    """As with a full disk: what an agent decides must not wait for room."""
    with running(tmp_path) as cluster:
        cluster.wait_whole()
        for node in cluster.data:
            node.processes["agent"].end()
            agent = Path(node.layout.state) / "agent"
            for name in (RECORD, "sentinels.json"):
                (agent / name).unlink(missing_ok=True)
                (agent / name).mkdir()  # cannot be replaced by a file
            node.start_agent()
        old = cluster.master()
        old.kill()
        wait_until(lambda: any(node is not old for node in cluster.masters()), "a failover")
        old.start()
        cluster.wait_whole()
        assert old.role() == "slave"
        assert all("goes on without writing" in node.log("agent") for node in cluster.data)


@pytest.fixture(scope="module")
def patient_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackCluster]:
    """Its Sentinels wait longer than a test for a failover that fails, and leave replicas where they are for as long."""
    with running(tmp_path_factory.mktemp("patient"), failover_timeout_ms=600_000) as cluster:
        yield cluster


@pytest.fixture
def patient(patient_cluster: LoopbackCluster) -> LoopbackCluster:
    patient_cluster.wait_whole()
    return patient_cluster


def test_a_replica_that_crashes_before_its_promotion_was_seen_holds_nobody_up(patient: LoopbackCluster) -> None:
    """The leading Sentinel waits for it until failover-timeout, and everybody else waits for that Sentinel."""
    write(patient, "before-promotion", "1")

    def crashed() -> bool:
        old = patient.master()
        with Prober(patient) as prober:
            wait_until(lambda: bool(prober.acknowledged), "a first write")
            old.processes["server"].end()
            old.processes["server"].start()
            wait_until(lambda: any(node is not old for node in patient.masters()), "a promotion")
            chosen = next(node for node in patient.masters() if node is not old)
            chosen.processes["server"].end()
            chosen.processes["server"].start()
            patient.wait_whole()
            count = len(prober.acknowledged)
            wait_until(lambda: len(prober.acknowledged) > count, "writes go on")
        prober.assert_one_at_a_time()
        return any("waits in vain" in node.log("agent") for node in patient.sentinels)

    assert any(crashed() for _ in range(3))  # the Sentinel may have seen it in time
    assert_everywhere(patient, "before-promotion", "1")


def test_a_replica_of_a_demoted_master_follows_the_new_one(patient: LoopbackCluster) -> None:
    """Sentinel re-points it when failover-timeout is over (src/sentinel.c, sentinelRefreshInstanceInfo, +fix-slave-config)."""
    master = patient.master()
    between, last = (node for node in patient.data if node is not master)

    def flags() -> str:
        masters = [one.call("SENTINEL", "MASTER", patient.plan.master_name) for one in patient.sentinels]
        return " ".join(pairs(one)["flags"] for one in masters)  # type: ignore[arg-type]

    # A failover of the test before may still be on: then the Sentinels place replicas.
    wait_until(lambda: "failover_in_progress" not in flags(), "no Sentinel is failing over")
    assert last.call("REPLICAOF", between.address, between.port) == "OK"
    patient.wait_whole()
    assert (
        f"repoint: a majority of the Sentinels names another master, which this node's master follows ({master.address})"
        in (last.log("agent"))
    )


def test_a_just_promoted_master_that_was_replaced_follows_at_once(patient: LoopbackCluster) -> None:
    """Until failover-timeout it waits for the Sentinels to name it; here they have, and named another one in a newer epoch."""
    first = patient.master()
    first.kill()
    wait_until(lambda: any(node is not first for node in patient.masters()), "a failover")
    first.start()
    patient.wait_whole()
    second = patient.master()
    wait_until(lambda: second.log("agent").rstrip().endswith("stay: placed"), "its agent has heard that it is named")
    server = second.processes["server"].popen
    assert server is not None
    server.send_signal(signal.SIGSTOP)
    wait_until(lambda: any(node is not second for node in patient.masters()), "another failover")
    wait_until(lambda: len(patient.named()) == 1 and second.address not in patient.named(), "all Sentinels name the new one")
    server.send_signal(signal.SIGCONT)
    patient.wait_whole()
    assert "demote: a majority of the Sentinels names another master" in second.log("agent")


def test_with_dumps_alone_a_crashed_master_does_not_take_its_replicas_back_to_the_last_one(tmp_path: Path) -> None:
    """redis/redis issues 1297, 7892: it restarts with its dump, and its replicas resynchronise to that."""
    with running(tmp_path, persistence="rdb") as cluster:
        cluster.wait_whole()
        master = cluster.master()
        write(cluster, "in-the-dump", "1")
        assert master.call("SAVE") == "OK"
        # A node without the marker would be held back in any case.
        wait_until((Path(master.layout.state) / "data" / MARKER).exists, "the agent has seen the dump")
        write(cluster, "after-the-dump", "1")
        master.processes["server"].end()
        master.processes["server"].start()
        wait_until(lambda: any(node is not master for node in cluster.masters()), "a failover")
        cluster.wait_whole()
        for key in ("in-the-dump", "after-the-dump"):
            assert_everywhere(cluster, key, "1")
        # All at once: nobody has lived on, and the one that the Sentinels name leads with what its dump holds.
        for node in cluster.data:
            assert node.call("SAVE") == "OK"
            node.kill()
        for node in cluster.data:
            node.start()
        cluster.wait_whole()
        for key in ("in-the-dump", "after-the-dump"):
            assert_everywhere(cluster, key, "1")


def test_a_failed_write_during_the_first_rewrite_does_not_refuse_all_others_for_good(tmp_path: Path) -> None:
    """As on a full disk, which has room again at the end. Redis alone goes on with MISCONF, also to PING."""
    # Sentinels call a master down that answers PING so: here nothing but the agent may end it.
    with running(tmp_path, down_after_ms=60_000) as cluster:
        master = cluster.master()
        server = master.processes["server"].popen
        assert server is not None
        # Slow enough that a write meets the rewrite before that has filled its first buffer, and fails too.
        master.call("EVAL", "for i = 1, 400 do redis.call('SET', 'fill' .. i, string.rep('x', 50)) end", 0)
        master.call("CONFIG", "SET", "rdb-key-save-delay", 20_000)
        master.call("CONFIG", "SET", "appendonly", "no")
        unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        try:
            master.call("CONFIG", "SET", "appendonly", "yes")
            wait_until(lambda: misconf(master), "a write has failed")
            wait_until(lambda: master.info()["aof_last_bgrewrite_status"] == "err", "the rewrite fails")
        finally:
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
            master.call("CONFIG", "SET", "rdb-key-save-delay", 0)
        wait_until(lambda: not misconf(master), "writes are taken again")
        assert "began the append-only file anew" in master.log("agent")
        write(cluster, "after-misconf", "1")
        wait_until(lambda: master.info()["aof_rewrite_in_progress"] == "0", "the file is whole")
        master.processes["server"].end()
        master.processes["server"].start()
        cluster.wait_whole()
        assert_everywhere(cluster, "after-misconf", "1")


def test_an_added_data_node_joins_when_its_generation_is_above_the_others(tmp_path: Path) -> None:
    """It is told of them then; without anybody to ask it would wait for ever, so the component refuses that."""
    with running(tmp_path) as cluster:
        write(cluster, "before-adding", "1")
        cluster.added("data", 3, 1).start()
        cluster.wait_whole()
        assert_everywhere(cluster, "before-adding", "1")
        assert len(cluster.data) == 4


def test_five_sentinels(tmp_path: Path) -> None:
    """What holds with three: two lost Sentinels delay nothing, a crashed master leaves the lead, three silent ones fence."""
    with running(tmp_path / "five", sentinels=5) as cluster:
        cluster.wait_whole()
        write(cluster, "before-crash", "1")
        old, lost = cluster.master(), cluster.sentinels[:2]
        with Prober(cluster) as prober:
            wait_until(lambda: bool(prober.acknowledged), "a first write")
            for node in (*lost, old):
                node.kill()
            wait_until(lambda: any(node is not old for node in cluster.masters()), "three of five fail over")
            for node in (*lost, old):
                node.start()
            cluster.wait_whole()
        prober.assert_one_at_a_time()
        crashed = cluster.master()
        crashed.processes["server"].end()
        crashed.processes["server"].start()
        wait_until(lambda: any(node is not crashed for node in cluster.masters()), "another leads")
        cluster.wait_whole()
        master = cluster.master()
        silent = (*cluster.sentinels[:3], next(node for node in cluster.data if node is not master))
        for node in silent:
            node.kill()
        wait_until(lambda: refuses(master), "two of five are no majority")
        for node in silent:
            node.start()
        cluster.wait_whole()
        assert_everywhere(cluster, "before-crash", "1")
