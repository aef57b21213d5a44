"""Property values as the engine sends them, as plain Python values and back.

A property bag travels as a protobuf Struct; secrets and unknown values are marked in it by reserved
signatures (pulumi/pulumi sdk/go/common/resource/plugin/rpc.go and sdk/go/common/resource/sig).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import json_format, struct_pb2

SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a protocol constant, no secret
ASSET_SIGNATURE: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_SIGNATURE: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
OUTPUT_SIGNATURE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
# What the engine sends for a value that is not known yet: bool, number, string, list, asset, archive, object.
UNKNOWN_SENTINELS: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class _Unknown:
    """The value of something that a preview cannot know; there is one, `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True, eq=True)
class Secret:
    """A value that must stay encrypted in the state and hidden in every display."""

    value: Any

    def __repr__(self) -> str:
        return "Secret([secret])"


def decode(bag: struct_pb2.Struct) -> dict[str, Any]:
    """Return the properties of a bag; secrets as `Secret`, unknown values as `UNKNOWN`, whole numbers as int."""
    return {key: _decode_value(value) for key, value in bag.fields.items()}


def _decode_value(value: struct_pb2.Value) -> Any:  # noqa: PLR0911 - one return a kind
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        signature = fields[SIGNATURE_KEY].string_value if SIGNATURE_KEY in fields else ""
        if signature == SECRET_SIGNATURE:
            return Secret(_decode_value(fields["value"]))
        if signature == OUTPUT_SIGNATURE:
            inner = _decode_value(fields["value"]) if "value" in fields else UNKNOWN
            return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
        return {key: _decode_value(item) for key, item in fields.items()}
    if kind == "list_value":
        return [_decode_value(item) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value in UNKNOWN_SENTINELS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    return None


def encode(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return the bag of these properties, the reverse of `decode`."""
    bag = struct_pb2.Struct()
    json_format.ParseDict({key: _encode_value(value) for key, value in properties.items()}, bag)
    return bag


def _encode_value(value: Any) -> Any:
    if value is UNKNOWN:
        return UNKNOWN_STRING
    if isinstance(value, Secret):
        return {SIGNATURE_KEY: SECRET_SIGNATURE, "value": _encode_value(value.value)}
    if isinstance(value, Mapping):
        return {key: _encode_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_encode_value(item) for item in value]
    return value


def reveal(value: Any) -> Any:
    """Return the value without its secret marks, at every depth."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def is_archive(value: Any) -> bool:
    """Tell whether the value is an archive: files that a resource is given."""
    return isinstance(value, Mapping) and value.get(SIGNATURE_KEY) == ARCHIVE_SIGNATURE


def is_secret(value: Any) -> bool:
    """Tell whether the value is secret or holds something secret."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, Mapping):
        return any(is_secret(item) for item in value.values())
    return isinstance(value, list) and any(is_secret(item) for item in value)


def has_unknown(value: Any) -> bool:
    """Tell whether the value, at any depth, is not known yet."""
    if value is UNKNOWN:
        return True
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    return isinstance(value, list) and any(has_unknown(item) for item in value)


def without_empty(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that have a value: one that is null counts as not given."""
    return {key: value for key, value in properties.items() if reveal(value) is not None}
