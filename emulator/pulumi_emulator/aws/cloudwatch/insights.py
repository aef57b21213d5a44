"""Metrics Insights: the queries (SELECT) that an alarm may have, over the samples that are kept.

Source: docs.aws.amazon.com, AmazonCloudWatch/latest/monitoring, "Query components and syntax in CloudWatch Metrics Insights"
(cloudwatch-metrics-insights-querylanguage).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulumi_emulator.aws.cloudwatch.series import Key, Store, UnsupportedError, statistic

FUNCTIONS: Final = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
TAG: Final = "tag."
# The tags of the resource that a metric is of.
TagsOf = Callable[[Key], Mapping[str, str]]

_NAME: Final = r'"[^"]+"|[\w.:-]+'
_QUERY: Final = re.compile(
    rf"""\s*SELECT\s+(?P<function>AVG|COUNT|MAX|MIN|SUM)\s*\(\s*(?P<metric>{_NAME})\s*\)
    \s+FROM\s+(?:SCHEMA\s*\(\s*(?P<schema>"[^"]+"|[\w/]+)(?P<dimensions>(?:\s*,\s*(?:{_NAME}))*)\s*\)|(?P<namespace>"[^"]+"|[\w/]+))
    (?:\s+WHERE\s+(?P<where>.+?))?
    (?:\s+GROUP\s+BY\s+(?P<group>(?:{_NAME})(?:\s*,\s*(?:{_NAME}))*))?
    (?:\s+ORDER\s+BY\s+(?:AVG|COUNT|MAX|MIN|SUM)\s*\(\s*\)(?:\s+(?:ASC|DESC))?)?\s*;?\s*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_CONDITION: Final = re.compile(rf"\s*(?P<name>{_NAME})\s*(?P<sign>=|!=)\s*'(?P<value>[^']*)'\s*")


@dataclass(frozen=True)
class Query:
    """A SELECT: `dimensions` None takes metrics of any, `where` has (name, whether it has to be equal, value)."""

    statistic: str
    metric: str
    namespace: str
    dimensions: tuple[str, ...] | None
    where: tuple[tuple[str, bool, str], ...]
    group: tuple[str, ...]


def parsed(text: str) -> Query:
    """Return a query as data; UnsupportedError when it is none that the emulator knows. Its order makes no difference here."""
    found = _QUERY.fullmatch(text)
    if found is None:
        raise UnsupportedError(f"the query {text!r}: it knows SELECT, FROM, WHERE with AND, GROUP BY and ORDER BY")
    conditions = re.split(r"\s+AND\s+", found["where"], flags=re.IGNORECASE) if found["where"] else []
    where = []
    for condition in conditions:
        one = _CONDITION.fullmatch(condition)
        if one is None:
            raise UnsupportedError(f"the condition {condition!r} of a query: it knows = and != of a text in '...'")
        where.append((_bare(one["name"]), one["sign"] == "=", one["value"]))
    listed = _names(found["dimensions"])
    return Query(
        statistic=FUNCTIONS[found["function"].upper()],
        metric=_bare(found["metric"]),
        namespace=_bare(found["schema"] or found["namespace"]),
        dimensions=tuple(sorted(listed)) if found["schema"] else None,
        where=tuple(where),
        group=_names(found["group"]),
    )


def select(
    query: Query, store: Store, tags_of: TagsOf, period: int, starts: Sequence[int]
) -> dict[tuple[str, ...], dict[int, float]]:
    """Return the time series of a query by the values of what it groups by; one by () without a group."""
    groups: dict[tuple[str, ...], list[Key]] = {}
    for metric in store.metrics():
        if (metric.namespace, metric.name) != (query.namespace, query.metric):
            continue
        own = dict(metric.dimensions)
        if query.dimensions is not None and tuple(own) != query.dimensions:
            continue
        own |= {f"{TAG}{name}": value for name, value in tags_of(metric).items()}
        if all((own.get(name) == value) is equal for name, equal, value in query.where) and set(query.group) <= own.keys():
            groups.setdefault(tuple(own[name] for name in query.group), []).append(metric)
    found = {}
    for group, metrics in groups.items():
        values = {
            start: statistic(
                [sample for metric in metrics for sample in store.between(metric, start, start + period)], query.statistic
            )
            for start in starts
        }
        found[group] = {start: value for start, value in values.items() if value is not None}
    return {group: series for group, series in found.items() if series}


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(_bare(name) for name in re.findall(_NAME, text or ""))


def _bare(name: str) -> str:
    return name.strip().strip('"')
