"""Property bags: secrets, unknown values and plain ones come through unchanged."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_emulator.values import (
    OUTPUT_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    UNKNOWN_SENTINELS,
    Secret,
    decode,
    encode,
    has_unknown,
    is_secret,
    reveal,
)

plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(UNKNOWN)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(min_size=1), inner) | st.builds(Secret, inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text(min_size=1), values))
def test_bags_round_trip(properties: dict[str, Any]) -> None:
    assert decode(encode(properties)) == properties


def test_numbers_are_what_they_look_like() -> None:
    decoded = decode(encode({"a": 3.0, "b": 2.5, "c": True}))
    assert [repr(decoded[name]) for name in "abc"] == ["3", "2.5", "True"]


def test_every_sentinel_is_unknown() -> None:
    for sentinel in UNKNOWN_SENTINELS:
        assert decode(encode({"a": [sentinel]})) == {"a": [UNKNOWN]}


def test_output_values_are_understood() -> None:
    bag = struct_pb2.Struct()
    known = {SIGNATURE_KEY: OUTPUT_SIGNATURE, "value": "x", "secret": True}
    json_format.ParseDict({"a": known, "b": {SIGNATURE_KEY: OUTPUT_SIGNATURE}}, bag)
    assert decode(bag) == {"a": Secret("x"), "b": UNKNOWN}


def test_marks_are_seen_at_every_depth() -> None:
    value = {"a": [1, {"b": Secret({"c": UNKNOWN})}]}
    assert is_secret(value)
    assert has_unknown(value)
    assert reveal(value) == {"a": [1, {"b": {"c": UNKNOWN}}]}
    assert not is_secret(reveal(value))
    assert not has_unknown({"a": [1]})


def test_a_secret_does_not_show_itself() -> None:
    assert "hunter2" not in f"{Secret('hunter2')!r} {Secret('hunter2')} {[Secret('hunter2')]}"
