"""Which logs of a group are delivered, and where to. Plain functions, no Pulumi."""

from redis_ha.arguments import Checks, shown

from . import versions
from .plan import Log
from .settings import ElastiCacheLogs

LOG_FORMATS = ("json", "text")
LOG_DESTINATION_TYPES = ("cloudwatch-logs", "kinesis-firehose")
# docs.aws.amazon.com, AmazonCloudWatchLogs API reference, PutRetentionPolicy.
# fmt: off
LOG_RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)
# fmt: on
DEFAULT_LOG_RETENTION_DAYS = 30


def planned_logs(checks: Checks, engine: str, version: str) -> tuple[Log, ...]:
    """Return the logs to deliver; refuse what the version cannot, and destinations that do not fit."""
    given = Checks(checks.mapping("logs"))
    given.known(tuple(ElastiCacheLogs.__annotations__))
    log_format = given.one_of("log_format", LOG_FORMATS[0], LOG_FORMATS)
    destination_type = given.one_of("destination_type", LOG_DESTINATION_TYPES[0], LOG_DESTINATION_TYPES)
    found: list[Log] = []
    wanted = (
        ("slow-log", "slow_log", versions.FIRST_REDIS_WITH_SLOW_LOG),
        ("engine-log", "engine_log", versions.FIRST_REDIS_WITH_ENGINE_LOG),
    )
    for kind, argument, first in wanted:
        able = versions.at_least(engine, version, first)
        brought = given.args.get(f"{argument}_destination") is not None
        on = given.switch(argument, default=able)
        if on and not able:
            least = ".".join(str(number) for number in first)
            given.refuse(argument, f"needs redis {least} or newer, it is {engine} {version}; set it to false")
        if brought and not on:
            given.refuse(f"{argument}_destination", f"is given, but {argument} is off; leave one of them out")
        if on and not brought and destination_type != LOG_DESTINATION_TYPES[0]:
            reason = f"is missing: the component makes log groups, no {destination_type}; name the one to use"
            given.refuse(f"{argument}_destination", reason)
        if on:
            found.append(Log(kind, argument, log_format, destination_type, brought))
    checks.problems += given.under("logs")
    return tuple(found)


def log_retention(checks: Checks) -> int:
    """Return how many days made log groups keep their lines."""
    value = checks.mapping("logs").get("retention_days")
    if value is None:
        return DEFAULT_LOG_RETENTION_DAYS
    if isinstance(value, bool) or value not in LOG_RETENTION_DAYS:
        allowed = ", ".join(str(days) for days in LOG_RETENTION_DAYS)
        checks.refuse("logs.retention_days", f"{shown(value)} is not offered by CloudWatch; use one of {allowed}")
        return DEFAULT_LOG_RETENTION_DAYS
    return int(value)
