"""Metric math: expressions over time series, as far as alarms of static thresholds use them.

Source: docs.aws.amazon.com, AmazonCloudWatch/latest/monitoring, "Using metric math" (using-metric-math). A time series is a
mapping from the begin of a period, in seconds since 1970, to its value.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pulumi_emulator.aws.cloudwatch.series import UnsupportedError

Series = dict[int, float]
Value = float | Series | list[Series]
Number = Callable[[float, float], float]

_ARITHMETIC: Final[Mapping[type[ast.operator], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARING: Final[Mapping[type[ast.cmpop], Number]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
# Python's words for what is written otherwise; texts in quotes stay as they are.
_WORDS: Final = {"^": "**", "&&": " and ", "||": " or ", "AND": " and ", "OR": " or "}
_WRITTEN: Final = re.compile(r"""("[^"]*"|'[^']*')|\^|&&|\|\||\bAND\b|\bOR\b""")


@dataclass(frozen=True)
class Request:
    """What an expression may refer to.

    `values` has the other queries by id, `metrics` the ids of those that are metrics and not expressions. `starts` are the
    begins of all periods that are looked at, and `period` is their length.
    """

    values: Mapping[str, Value]
    metrics: Sequence[str]
    starts: Sequence[int]
    period: int


def names_in(expression: str) -> set[str]:
    """Return the ids that an expression refers to."""
    tree = _parsed(expression)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}


def evaluate(expression: str, request: Request) -> Value:
    """Return what an expression gives; UnsupportedError says what of it is not computed."""
    return _Evaluation(request).of(_parsed(expression))


def _parsed(expression: str) -> ast.expr:
    text = _WRITTEN.sub(lambda found: found[1] or _WORDS[found[0]], expression.strip())
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise UnsupportedError(f"the expression {expression!r}") from None


class _Evaluation:
    def __init__(self, request: Request) -> None:
        self.request = request

    def of(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name) if name in self.request.values:
                return self.request.values[name]
            case ast.List(elts=parts):
                return [series for part in parts for series in _listed(self.of(part))]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
        return self._operation(node)

    def _operation(self, node: ast.expr) -> Value:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return _each(operator.neg, self.of(inner))
            case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _ARITHMETIC:
                return _both(_ARITHMETIC[type(sign)], self.of(left), self.of(right))
            case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARING:
                return _both(_COMPARING[type(sign)], self.of(left), self.of(right))
            case ast.BoolOp(op=sign, values=parts):
                join = all if isinstance(sign, ast.And) else any
                return functools.reduce(
                    lambda one, other: _both(lambda *pair: join(pair), one, other), (self.of(part) for part in parts)
                )
        raise UnsupportedError(f"{ast.unparse(node)} in an expression")

    def _call(self, name: str, arguments: list[ast.expr]) -> Value:
        if name == "METRICS":
            return self._metrics(arguments)
        if name == "FILL" and len(arguments) == 2:
            return self._fill(self.of(arguments[0]), arguments[1])
        given = [self.of(argument) for argument in arguments]
        match name, given:
            case "IF", [condition, then]:
                return _if(condition, then, {})
            case "IF", [condition, then, otherwise]:
                return _if(condition, then, otherwise)
            case "PERIOD", [_]:
                return float(self.request.period)
            case _, [value] if name in _OF_ONE:
                return _OF_ONE[name](value)
        raise UnsupportedError(f"the function {name}() with these arguments in an expression")

    def _metrics(self, arguments: list[ast.expr]) -> list[Series]:
        part = arguments[0].value if arguments and isinstance(arguments[0], ast.Constant) else ""
        chosen = [name for name in self.request.metrics if str(part) in name]
        return [series for name in chosen for series in _listed(self.request.values[name])]

    def _fill(self, value: Value, filler: ast.expr) -> Value:
        repeat = isinstance(filler, ast.Name) and filler.id == "REPEAT"
        with_what = 0.0 if repeat else self.of(filler)
        filled = []
        for series in _listed(value):
            made: Series = {}
            last: float | None = None
            for start in sorted({*self.request.starts, *series}):
                last = series.get(start, last)
                instead = last if repeat else with_what.get(start) if isinstance(with_what, dict) else with_what
                if isinstance(instead, list):
                    raise UnsupportedError("FILL() with an array in an expression")
                found = series.get(start, instead)
                if found is not None:
                    made[start] = found
            filled.append(made)
        return filled if isinstance(value, list) else filled[0]


def _listed(value: Value) -> list[Series]:
    if isinstance(value, float):
        raise UnsupportedError("a number in the place of a time series in an expression")
    return value if isinstance(value, list) else [value]


def _each(change: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, list):
        return [{time: change(number) for time, number in series.items()} for series in value]
    if isinstance(value, dict):
        return {time: change(number) for time, number in value.items()}
    return float(change(value))


def _both(join: Number, left: Value, right: Value) -> Value:
    """Join two values. What only one series has counts as 0 in the other; what cannot be divided is dropped."""
    if isinstance(left, list) or isinstance(right, list):
        if isinstance(left, list) and isinstance(right, list):
            raise UnsupportedError("two arrays joined in an expression")
        return [
            made
            for series in (left if isinstance(left, list) else _listed(right))
            if isinstance(made := _both(join, series, right) if isinstance(left, list) else _both(join, left, series), dict)
        ]
    if isinstance(left, float) and isinstance(right, float):
        found = _joined(join, left, right)
        if found is None:
            raise UnsupportedError("a division of a number by 0 in an expression")
        return found
    times = {*(left if isinstance(left, dict) else ()), *(right if isinstance(right, dict) else ())}
    joined = {time: _joined(join, _at(left, time), _at(right, time)) for time in sorted(times)}
    return {time: number for time, number in joined.items() if number is not None}


def _joined(join: Number, left: float, right: float) -> float | None:
    try:
        found: Any = join(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


def _at(value: float | Series, time: int) -> float:
    return value.get(time, 0.0) if isinstance(value, dict) else value


def _if(condition: Value, then: Value, otherwise: Value) -> Value:
    """Return IF's series ("Using IF expressions"): where the condition has no datapoint there is none."""
    if isinstance(condition, list) or isinstance(then, list) or isinstance(otherwise, list):
        raise UnsupportedError("IF() of arrays in an expression")
    if isinstance(condition, float):
        return then if condition else otherwise
    made: Series = {}
    for time, number in condition.items():
        chosen = then if number else otherwise
        # A true condition without a datapoint of its value gives 0, a false one gives none.
        found = chosen if isinstance(chosen, float) else chosen.get(time, 0.0 if number else None)
        if found is not None:
            made[time] = found
    return made


def _steps(value: Value, of: Number) -> Value:
    """Return for each datapoint what it differs by from the one before it in its series."""
    made = []
    for series in _listed(value):
        times = sorted(series)
        made.append({time: of(series[time] - series[before], time - before) for before, time in itertools.pairwise(times)})
    return made if isinstance(value, list) else made[0]


def _reduced(reduce: Callable[[list[float]], float], value: Value) -> Value:
    """Return one series of several: at each time what its values there give; and a number of one series."""
    if isinstance(value, list):
        times = sorted({time for series in value for time in series})
        return {time: float(reduce([series[time] for series in value if time in series])) for time in times}
    if isinstance(value, float) or not value:
        raise UnsupportedError("a function of no datapoints in an expression")
    return float(reduce(list(value.values())))


def _average(value: Value) -> Value:
    """Return AVG: of several series, one that has no value counts as 0."""
    many = len(value) if isinstance(value, list | dict) else 1
    return _each(lambda number: number / many, _reduced(sum, value))


_OF_ONE: Final[Mapping[str, Callable[[Value], Value]]] = {
    "ABS": functools.partial(_each, abs),
    "AVG": _average,
    "CEIL": functools.partial(_each, math.ceil),
    "DIFF": lambda value: _steps(value, lambda change, _: change),
    "FLOOR": functools.partial(_each, math.floor),
    "MAX": functools.partial(_reduced, max),
    "MIN": functools.partial(_reduced, min),
    "RATE": lambda value: _steps(value, operator.truediv),
    "SUM": functools.partial(_reduced, sum),
}
