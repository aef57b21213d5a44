"""Access strings as a real server takes them: the form that is sent describes the same user."""

# mypy: disable-error-code="no-untyped-call"
# redis-py has no annotations on execute_command.

import contextlib
import itertools
import re
from collections.abc import Iterator

import pytest
import redis

from redis_ha.elasticache.access_strings import unreachable_pattern, written_access
from tests.components.test_access_strings import WRITTEN
from tests.support.loopback import next_subnet
from tests.support.redis_processes import DATA_PORT, Node
from tests.support.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """A real server, where a new user has no channels."""
    folder = tmp_path_factory.mktemp("server")
    node = Node("access", "data", 0, f"{next_subnet()}.2", DATA_PORT, folder)
    (folder / "redis.conf").write_text(f'bind {node.host}\nport {node.port}\nsave ""\n')
    try:
        node.start()
        client = redis.Redis(node.host, node.port, decode_responses=True)
        wait_until(lambda: answers(client), "the server")
        yield client
        client.close()
    finally:
        node.kill()


def answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.ConnectionError):
        return bool(client.ping())
    return False


def make_user(server: redis.Redis, text: str) -> None:
    server.execute_command("ACL", "DELUSER", "someone")
    server.execute_command("ACL", "SETUSER", "someone", *text.split())


def described(server: redis.Redis, text: str) -> list[str]:
    """What the server says of a user: without what it has and access strings have not.

    It says `resetchannels` of every user with channels of its own. AWS does not; what it says is not known.
    """
    make_user(server, text)
    (line,) = (line for line in server.execute_command("ACL", "LIST") if line.startswith("user someone "))
    return [rule for rule in line.split()[2:] if not rule.startswith("sanitize") and rule != "resetchannels"]


# More rules of commands than one are described in another order or by other categories, from version to version.
ALIKE = [text for text, written in WRITTEN.items() if "(" not in text and len(re.findall(r"(?:^| )[+-]", written)) <= 2]


@pytest.mark.parametrize("text", ALIKE)
def test_a_real_server_describes_the_user_so(server: redis.Redis, text: str) -> None:
    assert described(server, text) == [rule for rule in written_access(text).split() if rule != "resetchannels"]


PROBES = ("GET k", "MGET k", "SET k v", "CONFIG GET maxmemory", "CONFIG SET maxmemory 1", "FLUSHALL", "PING", "SORT k", "INFO")


def permitted(server: redis.Redis, text: str) -> tuple[set[str], object, object]:
    """What a user may: of some commands whether it may run them, and its patterns as the server reads them."""
    make_user(server, text)
    answers = {probe: server.execute_command("ACL", "DRYRUN", "someone", *probe.split()) for probe in PROBES}
    user = server.execute_command("ACL", "GETUSER", "someone")
    return {probe for probe, answer in answers.items() if "permissions to run" not in answer}, user["keys"], user["channels"]


def test_a_real_server_takes_both_texts_for_the_same_user(server: redis.Redis) -> None:
    rules = ("+@read", "-get", "+@all", "-@all", "+get", "-@read", "+config|get", "-config", "~a", "resetkeys", "&a")
    texts = [f"on {' '.join(chosen)}" for chosen in itertools.permutations(rules, 3)]
    assert sum(written_access(text) != text for text in texts) > len(texts) / 2
    for text in texts:
        assert permitted(server, text) == permitted(server, written_access(text)), text


@pytest.mark.parametrize(
    ("text", "beyond"),
    [
        ("on ~* ~a", "~a"),
        ("on allkeys %R~a", "%R~a"),
        ("on &* +@all &a", "&a"),
        ("on ~a ~*", None),
        ("on ~* ~*", None),
        ("on ~* resetkeys ~a", None),
        ("on allchannels resetchannels &a", None),
    ],
)
def test_a_pattern_behind_the_one_for_all_is_refused_as_a_server_does(
    server: redis.Redis, text: str, beyond: str | None
) -> None:
    assert unreachable_pattern(text) == beyond
    if beyond is None:
        described(server, text)
    else:
        with pytest.raises(redis.ResponseError, match="Adding a pattern after the"):
            described(server, text)
