"""Commands of redis-py with a reply to each, as a table: what is there before, and the call.

All keys share a slot, so the same table serves a cluster. A call is written as on a client; `Recorded` keeps it, so that it can
be made on any client, awaited, or queued in a pipeline.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FUNCTION = "#!lua name=mylib\nredis.register_function('f', function(keys, args) return args[1] end)"
NESTED = "return {1, 'two', {3, 'four'}, false}"
DOUBLES = "redis.setresp(3); return {map={a={double=1.5}}, }"


@dataclass
class Recorded:
    """A call that was written down: `recorded(lambda c: c.get("a"))` is Recorded("get", ("a",))."""

    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether the reply differs from one call to the next."""
        return (self.args[0].lower() if self.method == "execute_command" else self.method) in CHANGING

    def on(self, client: Any) -> Any:
        return getattr(client, self.method)(*self.args, **self.kwargs)


class _Recorder:
    def __init__(self) -> None:
        self.calls: list[Recorded] = []

    def __getattr__(self, method: str) -> Callable[..., None]:
        def record(*args: Any, **kwargs: Any) -> None:
            self.calls.append(Recorded(method, args, kwargs))

        return record


def recorded(*writes: Callable[[Any], Any]) -> list[Recorded]:
    """Write the calls down that `writes` would make."""
    recorder = _Recorder()
    for write in writes:
        write(recorder)
    return recorder.calls


# What is there before each group of calls.
Calls = tuple[Callable[[Any], Any], ...]
STRINGS: Calls = (lambda c: c.set("{t}s", "hello"), lambda c: c.set("{t}n", 5), lambda c: c.set("{t}f", "1.5"))
HASH: Calls = (lambda c: c.hset("{t}h", mapping={"a": 1, "b": "two"}),)
LISTS: Calls = (lambda c: c.rpush("{t}l", "a", "b", "c", "a"), lambda c: c.rpush("{t}l2", "x"))
SETS: Calls = (lambda c: c.sadd("{t}A", "a", "b", "c"), lambda c: c.sadd("{t}B", "b", "c", "d"), lambda c: c.sadd("{t}O", "a"))
ZSETS: Calls = (
    lambda c: c.zadd("{t}z", {"a": 1, "b": 2.5, "c": 3}),
    lambda c: c.zadd("{t}y", {"b": 1, "c": 2, "d": 4}),
)
STREAM: Calls = (
    lambda c: c.xadd("{t}st", {"k": "1"}, id="1-1"),
    lambda c: c.xadd("{t}st", {"k": "2"}, id="2-1"),
    lambda c: c.xgroup_create("{t}st", "g", id="0"),
    lambda c: c.xreadgroup("g", "one", {"{t}st": ">"}, count=1),
)
GEO: Calls = (lambda c: c.geoadd("{t}g", [13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"]),)

# (what is there before, the calls). A call alters what the next table's row sees only within its own row.
TABLE: list[tuple[Calls, Calls]] = [
    (
        STRINGS,
        (
            lambda c: c.get("{t}s"),
            lambda c: c.get("{t}none"),
            lambda c: c.set("{t}s", 1),
            lambda c: c.set("{t}s", 1, nx=True),
            lambda c: c.set("{t}s", 1, get=True),
            lambda c: c.set("{t}s", 1, ex=100),
            lambda c: c.setex("{t}s", 10, 1),
            lambda c: c.psetex("{t}s", 10000, 1),
            lambda c: c.setnx("{t}s", 1),
            lambda c: c.getset("{t}s", 1),
            lambda c: c.getdel("{t}s"),
            lambda c: c.getex("{t}s", ex=10),
            lambda c: c.append("{t}s", "x"),
            lambda c: c.strlen("{t}s"),
            lambda c: c.setrange("{t}s", 1, "x"),
            lambda c: c.getrange("{t}s", 0, 1),
            lambda c: c.substr("{t}s", 0, 1),
            lambda c: c.mget("{t}s", "{t}none"),
            lambda c: c.mset({"{t}s": 1, "{t}q": 2}),
            lambda c: c.msetnx({"{t}s": 1, "{t}q": 2}),
            lambda c: c.incr("{t}n"),
            lambda c: c.decr("{t}n", 2),
            lambda c: c.incrbyfloat("{t}n", 1.25),
            lambda c: c.setbit("{t}s", 1, 1),
            lambda c: c.getbit("{t}s", 1),
            lambda c: c.bitcount("{t}s"),
            lambda c: c.bitpos("{t}s", 1),
            lambda c: c.bitop("AND", "{t}d", "{t}s", "{t}n"),
            lambda c: c.execute_command("BITFIELD", "{t}bf", "INCRBY", "u2", 100, 1, "GET", "u4", 0),
            lambda c: c.lcs("{t}s", "{t}f"),
            lambda c: c.lcs("{t}s", "{t}s", idx=True),
            lambda c: c.lcs("{t}s", "{t}s", idx=True, withmatchlen=True, minmatchlen=2),
            lambda c: c.lcs("{t}s", "{t}s", len=True),
            lambda c: c.execute_command("STRALGO", "LCS", "KEYS", "{t}s", "{t}f"),
            lambda c: c.incr("{t}s"),  # an error is a reply too
        ),
    ),
    (
        (*STRINGS, *LISTS),
        (
            lambda c: c.exists("{t}s", "{t}n"),
            lambda c: c.touch("{t}s"),
            lambda c: c.type("{t}s"),
            lambda c: c.expire("{t}s", 100),
            lambda c: c.expireat("{t}s", 4102444800),
            lambda c: c.pexpire("{t}s", 100000),
            lambda c: c.pexpireat("{t}s", 4102444800000),
            lambda c: c.expiretime("{t}s"),
            lambda c: c.pexpiretime("{t}s"),
            lambda c: c.persist("{t}s"),
            lambda c: c.ttl("{t}none"),
            lambda c: c.pttl("{t}s"),
            lambda c: c.copy("{t}s", "{t}copy"),
            lambda c: c.rename("{t}s", "{t}r"),
            lambda c: c.renamenx("{t}s", "{t}n"),
            lambda c: c.move("{t}s", 9),
            lambda c: c.object("ENCODING", "{t}n"),
            lambda c: c.object("REFCOUNT", "{t}s"),
            lambda c: c.object("IDLETIME", "{t}s"),
            lambda c: c.memory_usage("{t}s"),
            lambda c: c.sort("{t}n"),
            lambda c: c.sort("{t}l", alpha=True),
            lambda c: c.sort("{t}l", alpha=True, get=["#", "nothing_*"], groups=True),
            lambda c: c.sort("{t}l", alpha=True, store="{t}sorted"),
            lambda c: c.sort_ro("{t}l", alpha=True),
            lambda c: c.dump("{t}none"),
            lambda c: c.delete("{t}s", "{t}n"),
            lambda c: c.unlink("{t}f"),
            lambda c: c.keys("{t}l*"),
            lambda c: c.scan(match="{t}l2", count=1000),
            lambda c: c.wait(0, 1),
            lambda c: c.dbsize(),
        ),
    ),
    (
        HASH,
        (
            lambda c: c.hget("{t}h", "a"),
            lambda c: c.hget("{t}h", "z"),
            lambda c: c.hgetall("{t}h"),
            lambda c: c.hgetall("{t}none"),
            lambda c: c.hmget("{t}h", "a", "z"),
            lambda c: c.hset("{t}h", "c", 1),
            lambda c: c.hsetnx("{t}h", "c", 1),
            lambda c: c.hmset("{t}h", {"d": 1}),
            lambda c: c.hexists("{t}h", "a"),
            lambda c: c.hdel("{t}h", "c"),
            lambda c: c.hkeys("{t}h"),
            lambda c: c.hvals("{t}h"),
            lambda c: c.hlen("{t}h"),
            lambda c: c.hstrlen("{t}h", "b"),
            lambda c: c.hincrby("{t}h", "a", 2),
            lambda c: c.hincrbyfloat("{t}h", "a", 0.5),
            lambda c: c.hscan("{t}h"),
            lambda c: c.hscan("{t}none"),
            lambda c: c.hrandfield("{t}none"),
            lambda c: c.hrandfield("{t}h", 9),
            lambda c: c.hrandfield("{t}h", 9, withvalues=True),
            lambda c: c.hexpire("{t}h", 100, "a"),  # an unknown command before Redis 7.4: then the error is compared
        ),
    ),
    (
        LISTS,
        (
            lambda c: c.lpush("{t}l", "q"),
            lambda c: c.lpushx("{t}none", "q"),
            lambda c: c.rpushx("{t}l", "q"),
            lambda c: c.lrange("{t}l", 0, -1),
            lambda c: c.lrange("{t}none", 0, -1),
            lambda c: c.lindex("{t}l", 0),
            lambda c: c.linsert("{t}l", "BEFORE", "b", "q"),
            lambda c: c.llen("{t}l"),
            lambda c: c.lset("{t}l", 0, "z"),
            lambda c: c.lrem("{t}l", 1, "q"),
            lambda c: c.ltrim("{t}l", 0, 9),
            lambda c: c.lpos("{t}l", "a"),
            lambda c: c.lpos("{t}l", "a", count=0),
            lambda c: c.lmove("{t}l", "{t}l2"),
            lambda c: c.rpoplpush("{t}l", "{t}l2"),
            lambda c: c.blmove("{t}l", "{t}l2", 1),
            lambda c: c.brpoplpush("{t}l", "{t}l2", 1),
            lambda c: c.lmpop(1, "{t}l2", direction="LEFT", count=2),
            lambda c: c.lmpop(1, "{t}none", direction="LEFT"),
            lambda c: c.blmpop(1, 1, "{t}l2", direction="LEFT"),
            lambda c: c.blpop(["{t}l"], 1),
            lambda c: c.brpop(["{t}l"], 1),
            lambda c: c.blpop(["{t}none"], 0.01),
            lambda c: c.lpop("{t}l"),
            lambda c: c.rpop("{t}none"),
            lambda c: c.lpop("{t}l2", 2),
        ),
    ),
    (
        SETS,
        (
            lambda c: c.sadd("{t}A", "a", "q"),
            lambda c: c.scard("{t}A"),
            lambda c: c.smembers("{t}A"),
            lambda c: c.smembers("{t}none"),
            lambda c: c.sismember("{t}A", "a"),
            lambda c: c.smismember("{t}A", ["a", "z"]),
            lambda c: c.sdiff("{t}A", "{t}B"),
            lambda c: c.sinter("{t}A", "{t}B"),
            lambda c: c.sunion("{t}A", "{t}B"),
            lambda c: c.sinter("{t}A", "{t}none"),
            lambda c: c.sdiffstore("{t}d", "{t}A", "{t}B"),
            lambda c: c.sinterstore("{t}d", "{t}A", "{t}B"),
            lambda c: c.sunionstore("{t}d", "{t}A", "{t}B"),
            lambda c: c.sintercard(2, ["{t}A", "{t}B"]),
            lambda c: c.smove("{t}A", "{t}B", "q"),
            lambda c: c.srandmember("{t}O"),
            lambda c: c.srandmember("{t}O", 3),
            lambda c: c.sscan("{t}O"),
            lambda c: c.srem("{t}A", "a"),
            lambda c: c.spop("{t}O"),
            lambda c: c.spop("{t}O", 1),
        ),
    ),
    (
        ZSETS,
        (
            lambda c: c.zadd("{t}z", {"q": 9}),
            lambda c: c.zadd("{t}z", {"q": 1}, incr=True),
            lambda c: c.zadd("{t}z", {"q": 1}, incr=True, nx=True),
            lambda c: c.zcard("{t}z"),
            lambda c: c.zcount("{t}z", "-inf", "+inf"),
            lambda c: c.zlexcount("{t}z", "-", "+"),
            lambda c: c.zscore("{t}z", "b"),
            lambda c: c.zscore("{t}z", "none"),
            lambda c: c.zmscore("{t}z", ["a", "none"]),
            lambda c: c.zincrby("{t}z", 1.5, "a"),
            lambda c: c.zrank("{t}z", "b"),
            lambda c: c.zrank("{t}z", "b", withscore=True),
            lambda c: c.zrevrank("{t}z", "b"),
            lambda c: c.zrevrank("{t}z", "none"),
            lambda c: c.zrange("{t}z", 0, -1),
            lambda c: c.zrange("{t}z", 0, -1, withscores=True),
            lambda c: c.zrange("{t}z", 0, -1, withscores=True, score_cast_func=int),
            lambda c: c.zrange("{t}z", 0, -1, desc=True, withscores=True),
            lambda c: c.zrange("{t}none", 0, -1, withscores=True),
            lambda c: c.zrevrange("{t}z", 0, -1, withscores=True),
            lambda c: c.zrangebyscore("{t}z", 0, 9, withscores=True),
            lambda c: c.zrevrangebyscore("{t}z", 9, 0, withscores=True),
            lambda c: c.zrangebyscore("{t}z", 0, 9),
            lambda c: c.zrangebylex("{t}z", "-", "+"),
            lambda c: c.zrevrangebylex("{t}z", "+", "-"),
            lambda c: c.zrangestore("{t}d", "{t}z", 0, -1),
            lambda c: c.zdiff(["{t}z", "{t}y"]),
            lambda c: c.zdiff(["{t}z", "{t}y"], withscores=True),
            lambda c: c.zinter(["{t}z", "{t}y"]),
            lambda c: c.zinter(["{t}z", "{t}y"], withscores=True),
            lambda c: c.zunion(["{t}z", "{t}y"], withscores=True),
            lambda c: c.zdiffstore("{t}d", ["{t}z", "{t}y"]),
            lambda c: c.zinterstore("{t}d", ["{t}z", "{t}y"]),
            lambda c: c.zunionstore("{t}d", ["{t}z", "{t}y"]),
            lambda c: c.zintercard(2, ["{t}z", "{t}y"]),
            lambda c: c.zscan("{t}z"),
            lambda c: c.zscan("{t}z", score_cast_func=int),
            lambda c: c.zrandmember("{t}none"),
            lambda c: c.zrandmember("{t}y", 9),
            lambda c: c.zrandmember("{t}y", 9, withscores=True),
            lambda c: c.zrem("{t}y", "d"),
            lambda c: c.zremrangebyrank("{t}d", 0, 0),
            lambda c: c.zremrangebyscore("{t}d", 0, 1),
            lambda c: c.zremrangebylex("{t}d", "-", "+"),
            lambda c: c.zpopmin("{t}z"),
            lambda c: c.zpopmin("{t}z", 2),
            lambda c: c.zpopmax("{t}y"),
            lambda c: c.zpopmin("{t}none"),
            lambda c: c.zmpop(1, ["{t}y"], min=True),
            lambda c: c.zmpop(1, ["{t}none"], max=True),
            lambda c: c.zadd("{t}y", {"b": 1, "c": 2, "d": 4}),
            lambda c: c.bzpopmin(["{t}y"], 1),
            lambda c: c.bzpopmax(["{t}y"], 1),
            lambda c: c.bzmpop(1, 1, ["{t}y"], min=True),
            lambda c: c.bzpopmin(["{t}y"], 0.01),
        ),
    ),
    (
        STREAM,
        (
            lambda c: c.xadd("{t}st", {"k": "3"}, id="3-1"),
            lambda c: c.xlen("{t}st"),
            lambda c: c.xrange("{t}st"),
            lambda c: c.xrevrange("{t}st"),
            lambda c: c.xrange("{t}none"),
            lambda c: c.xread({"{t}st": "0"}),
            lambda c: c.xread({"{t}st": "0"}, count=1, block=10),
            lambda c: c.xread({"{t}none": "0"}),
            lambda c: c.xreadgroup("g", "two", {"{t}st": ">"}, count=1),
            lambda c: c.xreadgroup("g", "two", {"{t}st": "0"}),
            lambda c: c.xreadgroup("g", "two", {"{t}st": ">"}, count=9, noack=True),
            lambda c: c.xreadgroup("g", "two", {"{t}st": ">"}),
            lambda c: c.xpending("{t}st", "g"),
            lambda c: c.xpending_range("{t}st", "g", "-", "+", 9),
            lambda c: c.xclaim("{t}st", "g", "three", 0, ["1-1"]),
            lambda c: c.xclaim("{t}st", "g", "three", 0, ["1-1"], justid=True),
            lambda c: c.xautoclaim("{t}st", "g", "three", 0),
            lambda c: c.xautoclaim("{t}st", "g", "three", 0, justid=True),
            lambda c: c.xinfo_stream("{t}st"),
            lambda c: c.xinfo_stream("{t}st", full=True),
            lambda c: c.xinfo_groups("{t}st"),
            lambda c: c.xinfo_consumers("{t}st", "g"),
            lambda c: c.xack("{t}st", "g", "1-1"),
            lambda c: c.xgroup_createconsumer("{t}st", "g", "four"),
            lambda c: c.xgroup_delconsumer("{t}st", "g", "four"),
            lambda c: c.xgroup_setid("{t}st", "g", "0"),
            lambda c: c.xdel("{t}st", "1-1"),
            lambda c: c.xtrim("{t}st", maxlen=1),
            lambda c: c.xgroup_create("{t}st", "g"),
            lambda c: c.xgroup_destroy("{t}st", "g"),
        ),
    ),
    (
        GEO,
        (
            lambda c: c.geodist("{t}g", "Palermo", "Catania", "km"),
            lambda c: c.geodist("{t}g", "Palermo", "none"),
            lambda c: c.geohash("{t}g", "Palermo", "none"),
            lambda c: c.geopos("{t}g", "Palermo", "none"),
            lambda c: c.georadius("{t}g", 15, 37, 200, "km", withdist=True, withcoord=True, withhash=True),
            lambda c: c.georadiusbymember("{t}g", "Palermo", 200, "km"),
            lambda c: c.geosearch("{t}g", longitude=15, latitude=37, radius=200, unit="km", withdist=True, withcoord=True),
            lambda c: c.geosearchstore("{t}d", "{t}g", longitude=15, latitude=37, radius=200, unit="km"),
            lambda c: c.pfadd("{t}p", "a", "b"),
            lambda c: c.pfcount("{t}p"),
            lambda c: c.pfmerge("{t}p2", "{t}p"),
        ),
    ),
    (
        STRINGS,
        (
            lambda c: c.eval("return redis.call('GET', KEYS[1])", 1, "{t}s"),
            lambda c: c.eval(NESTED, 1, "{t}s"),
            lambda c: c.eval(DOUBLES, 1, "{t}s"),
            lambda c: c.eval_ro("return 1.5", 1, "{t}s"),
            lambda c: c.eval("return redis.error_reply('MINE as I like')", 1, "{t}s"),
            lambda c: c.evalsha("0" * 40, 1, "{t}s"),
            lambda c: c.script_load("return 1"),
            lambda c: c.script_exists("e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0" * 40),
            lambda c: c.script_flush(),
            lambda c: c.function_load(FUNCTION, replace=True),
            lambda c: c.fcall("f", 1, "{t}s", "x"),
            lambda c: c.fcall_ro("f", 1, "{t}s", "x"),
            lambda c: c.function_list(),
            lambda c: c.function_list(withcode=True),
            lambda c: c.function_stats(),
            lambda c: c.function_delete("mylib"),
            lambda c: c.function_flush(),
        ),
    ),
    (
        (),
        (
            lambda c: c.ping(),
            lambda c: c.echo("hello"),
            lambda c: c.publish("nowhere", "x"),
            lambda c: c.pubsub_channels(),
            lambda c: c.pubsub_numsub("a", "b"),
            lambda c: c.pubsub_numpat(),
            lambda c: c.pubsub_shardchannels(),
            lambda c: c.pubsub_shardnumsub("a"),
            lambda c: c.acl_cat(),
            lambda c: c.acl_cat("scripting"),
            lambda c: c.acl_list(),
            lambda c: c.acl_users(),
            lambda c: c.acl_whoami(),
            lambda c: c.acl_help(),
            lambda c: c.acl_getuser("admin"),
            lambda c: c.acl_getuser("nobody"),
            lambda c: c.acl_dryrun("admin", "GET", "a"),
            lambda c: c.acl_log_reset(),
            lambda c: c.acl_log(),
            lambda c: c.acl_genpass(),
            lambda c: c.acl_setuser("guest", enabled=True, nopass=True, commands=["+get"], keys=["a*"]),
            lambda c: c.acl_deluser("guest"),
            lambda c: c.client_getname(),
            lambda c: c.client_setname("replies"),
            lambda c: c.client_info(),
            lambda c: c.client_list(),
            lambda c: c.client_id(),
            lambda c: c.client_trackinginfo(),
            lambda c: c.client_getredir(),
            lambda c: c.client_no_evict("OFF"),
            lambda c: c.client_unblock(999999),
            lambda c: c.client_kill_filter(_id="999999"),
            lambda c: c.client_kill("127.0.0.1:1"),
            lambda c: c.client_pause(1),
            lambda c: c.client_unpause(),
            lambda c: c.client_setinfo("LIB-NAME", "x"),
            lambda c: c.config_get("maxmemory*"),
            lambda c: c.config_set("slowlog-max-len", 100),
            lambda c: c.config_resetstat(),
            lambda c: c.command(),
            lambda c: c.command_count(),
            lambda c: c.execute_command("COMMAND", "INFO", "get"),
            lambda c: c.command_docs("get"),
            lambda c: c.command_list(),
            lambda c: c.command_list(category="scripting"),
            lambda c: c.command_getkeys("MSET", "a", 1, "b", 2),
            lambda c: c.command_getkeysandflags("MSET", "a", 1, "b", 2),
            lambda c: c.info(),
            lambda c: c.info("commandstats"),
            lambda c: c.lastsave(),
            lambda c: c.time(),
            lambda c: c.role(),
            lambda c: c.config_set("slowlog-log-slower-than", 0),
            lambda c: c.slowlog_get(),
            lambda c: c.config_set("slowlog-log-slower-than", 10000),
            lambda c: c.slowlog_len(),
            lambda c: c.slowlog_reset(),
            lambda c: c.memory_stats(),
            lambda c: c.memory_malloc_stats(),
            lambda c: c.memory_purge(),
            lambda c: c.memory_doctor(),
            lambda c: c.memory_help(),
            lambda c: c.latency_latest(),
            lambda c: c.latency_history("command"),
            lambda c: c.latency_reset(),
            lambda c: c.latency_histogram("get"),
            lambda c: c.module_list(),
            lambda c: c.randomkey(),
            lambda c: c.lolwut(),
            lambda c: c.execute_command("DEBUG", "OBJECT", "{t}none"),
            lambda c: c.execute_command("DEBUG", "PROTOCOL", "double"),
            lambda c: c.execute_command("DEBUG", "PROTOCOL", "map"),
            lambda c: c.swapdb(8, 9),
            lambda c: c.execute_command("CLUSTER INFO"),
            lambda c: c.execute_command("CLUSTER NODES"),
            lambda c: c.execute_command("CLUSTER KEYSLOT", "a"),
        ),
    ),
]

# Replies that differ from one call to the next: their shape is compared, the types of all parts, and the names of fields.
CHANGING = frozenset(
    [
        "acl_cat",
        "acl_genpass",
        "acl_log",
        "client_id",
        "client_info",
        "client_list",
        "cluster info",
        "cluster nodes",
        "command",
        "command_docs",
        "command_list",
        "config_resetstat",
        "dbsize",
        "function_stats",
        "info",
        "lastsave",
        "latency_histogram",
        "latency_latest",
        "lolwut",
        "memory_doctor",
        "memory_malloc_stats",
        "memory_stats",
        "object",
        "pttl",
        "randomkey",
        "role",
        "slowlog_get",
        "slowlog_len",
        "time",
        "xinfo_consumers",
        "xinfo_stream",
        "xpending_range",
    ]
)

# Names in redis-py's tables of reply parsers that stand in no row above, and why.
NOT_HERE = {
    "no command of the data's users, or it would end the test's server or its connections": {
        *("AUTH", "BGREWRITEAOF", "BGSAVE", "FLUSHALL", "FLUSHDB", "MODULE LOAD", "MODULE UNLOAD", "QUIT", "READONLY"),
        *("READWRITE", "RESET", "SAVE", "SELECT", "SHUTDOWN", "SLAVEOF", "ACL LOAD", "ACL SAVE", "SCRIPT KILL", "ASKING"),
        *("FUNCTION RESTORE", "WATCH", "UNWATCH"),
    },
    "of a cluster's administration": {
        *("CLUSTER ADDSLOTS", "CLUSTER ADDSLOTSRANGE", "CLUSTER DELSLOTS", "CLUSTER DELSLOTSRANGE", "CLUSTER FAILOVER"),
        *("CLUSTER FORGET", "CLUSTER GETKEYSINSLOT", "CLUSTER LINKS", "CLUSTER MEET", "CLUSTER REPLICAS"),
        *("CLUSTER REPLICATE", "CLUSTER RESET", "CLUSTER SAVECONFIG", "CLUSTER SET-CONFIG-EPOCH", "CLUSTER SETSLOT"),
        *("CLUSTER SLAVES",),
    },
    "of Sentinels": {
        *("SENTINEL CKQUORUM", "SENTINEL FAILOVER", "SENTINEL FLUSHCONFIG", "SENTINEL GET-MASTER-ADDR-BY-NAME"),
        *("SENTINEL MASTER", "SENTINEL MASTERS", "SENTINEL MONITOR", "SENTINEL REMOVE", "SENTINEL RESET"),
        *("SENTINEL SENTINELS", "SENTINEL SET", "SENTINEL SLAVES"),
    },
    "of servers above 7.0, which the tests have": {
        "ARINFO",
        "HIMPORT DISCARD",
        "HIMPORT DISCARDALL",
        "HIMPORT PREPARE",
        "HIMPORT SET",
        "HOTKEYS GET",
    },
}
