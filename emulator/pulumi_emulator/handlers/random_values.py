"""pulumi-random: pure values, made by the operating system's random source and kept only in the state."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import random
import secrets
import string
import uuid
from typing import Final

from typing_extensions import override

from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.handlers.base import Cloud, Handler, Made, Properties, Seen
from pulumi_emulator.rules import Failure
from pulumi_emulator.values import has_unknown

# hashicorp/terraform-provider-random internal/random/string.go
SPECIAL_CHARACTERS: Final = "!@#$%&*()-_=+[]{}<>:?"
# golang.org/x/crypto/bcrypt DefaultCost, as used in internal/provider/resource_password.go
BCRYPT_PREFIX: Final = b"$2b$10$"
# bcrypt reads no more of a password; Go's implementation refuses longer ones, so the provider cuts there.
BCRYPT_MAX_BYTES: Final = 72
BCRYPT_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def random_text(inputs: Properties) -> str:
    """Return a text of `length` characters that keeps every minimum, each character drawn independently."""
    special = inputs.get("overrideSpecial") or SPECIAL_CHARACTERS
    numeric = inputs.get("numeric", inputs.get("number", True))
    classes = [
        (string.ascii_uppercase, inputs.get("upper", True), int(inputs.get("minUpper", 0))),
        (string.ascii_lowercase, inputs.get("lower", True), int(inputs.get("minLower", 0))),
        (string.digits, numeric, int(inputs.get("minNumeric", 0))),
        (special, inputs.get("special", True), int(inputs.get("minSpecial", 0))),
    ]
    drawn = [secrets.choice(characters) for characters, _, least in classes for _ in range(least)]
    alphabet = "".join(characters for characters, allowed, _ in classes if allowed)
    drawn += [secrets.choice(alphabet) for _ in range(int(inputs["length"]) - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


def bcrypt_hash(password: str) -> str:
    """Return the bcrypt hash (cost 10) of a password, made by the C library's crypt."""
    library = ctypes.util.find_library("crypt")
    if library is None:
        raise EmulatorError("RandomPassword needs libcrypt for its bcrypt hash: install libcrypt1 (Debian) or libxcrypt")
    crypt = ctypes.CDLL(library)
    crypt.crypt_r.restype = ctypes.c_char_p
    salt = "".join(secrets.choice(BCRYPT_ALPHABET) for _ in range(21)) + secrets.choice(
        ".Oeu"
    )  # the last character holds 2 bits
    # struct crypt_data of libxcrypt has 32768 bytes, glibc's older one 131232
    result = crypt.crypt_r(
        password.encode()[:BCRYPT_MAX_BYTES], BCRYPT_PREFIX + salt.encode(), ctypes.create_string_buffer(131_232)
    )
    if result is None or not result.startswith(BCRYPT_PREFIX):
        raise EmulatorError("the C library of this computer has no bcrypt (crypt with prefix $2b$), which RandomPassword needs")
    return bytes(result).decode()


class RandomString(Handler):
    """A random text."""

    token = "random:index/randomString:RandomString"  # noqa: S105 - a type token

    @override
    def check(self, inputs: Properties) -> list[Failure]:
        if any(has_unknown(value) for value in inputs.values()):
            return []
        allowed = [inputs.get(name, True) for name in ("upper", "lower", "special")]
        allowed.append(inputs.get("numeric", inputs.get("number", True)))
        if not any(allowed):
            return [Failure("length", "no character is allowed: set one of upper, lower, numeric, special")]
        return []

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        text = random_text(inputs)
        return Made(text, {"result": text})

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        del cloud
        inputs = {"length": len(resource_id)}
        return Seen({**inputs, "result": resource_id}, inputs)


class RandomPassword(RandomString):
    """A random text that is secret, with its bcrypt hash."""

    token = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type token

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        text = random_text(inputs)
        return Made("none", {"result": text, "bcryptHash": bcrypt_hash(text)})

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        seen = super().import_(cloud, resource_id)
        return seen and Seen({**seen.outputs, "bcryptHash": bcrypt_hash(resource_id)}, seen.inputs)


class RandomId(Handler):
    """Random bytes in the spellings that names need."""

    token = "random:index/randomId:RandomId"  # noqa: S105 - a type token

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        raw = secrets.token_bytes(int(inputs["byteLength"]))
        prefix = inputs.get("prefix") or ""
        url = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return Made(
            url,
            {
                "b64Std": prefix + base64.b64encode(raw).decode(),
                "b64Url": prefix + url,
                "dec": prefix + str(int.from_bytes(raw, "big")),
                "hex": prefix + raw.hex(),
            },
        )


class RandomUuid(Handler):
    """A random UUID (version 4)."""

    token = "random:index/randomUuid:RandomUuid"  # noqa: S105 - a type token

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud, inputs
        value = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        return Made(value, {"result": value})

    @override
    def import_(self, cloud: Cloud, resource_id: str) -> Seen | None:
        del cloud
        return Seen({"result": resource_id}, {})


class RandomInteger(Handler):
    """A random whole number between `min` and `max`, both included; the same one for the same `seed`."""

    token = "random:index/randomInteger:RandomInteger"  # noqa: S105 - a type token

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        low, high = int(inputs["min"]), int(inputs["max"])
        seed = inputs.get("seed")
        # A seed asks for a repeatable number: nothing here protects anything.
        number = low + secrets.randbelow(high - low + 1) if not seed else random.Random(seed).randint(low, high)  # noqa: S311
        return Made(str(number), {"result": number})


class RandomPet(Handler):
    """A name of some words that people can remember."""

    token = "random:index/randomPet:RandomPet"  # noqa: S105 - a type token

    @override
    def create(self, cloud: Cloud, inputs: Properties) -> Made:
        del cloud
        count = int(inputs.get("length", 2))
        words = [secrets.choice(PET_ADVERBS) for _ in range(count - 2)]
        words += [secrets.choice(PET_ADJECTIVES)] if count > 1 else []
        words += [secrets.choice(PET_NAMES)]
        prefix = inputs.get("prefix")
        return Made(str(inputs.get("separator", "-")).join(([prefix] if prefix else []) + words), {})


PET_ADVERBS: Final = (
    "boldly",
    "calmly",
    "dearly",
    "evenly",
    "fairly",
    "gladly",
    "kindly",
    "lively",
    "nicely",
    "openly",
    "rarely",
    "wisely",
)
PET_ADJECTIVES: Final = (
    "able",
    "brave",
    "calm",
    "clever",
    "eager",
    "fair",
    "fancy",
    "fine",
    "fresh",
    "gentle",
    "good",
    "happy",
    "keen",
    "kind",
    "lucky",
    "neat",
    "quick",
    "sharp",
    "solid",
    "wise",
)
PET_NAMES: Final = (
    "ant",
    "badger",
    "bear",
    "bee",
    "cat",
    "crane",
    "deer",
    "dog",
    "eagle",
    "finch",
    "fox",
    "frog",
    "goose",
    "hare",
    "hawk",
    "heron",
    "ibex",
    "lynx",
    "mole",
    "moth",
    "otter",
    "owl",
    "raven",
    "seal",
    "swan",
    "toad",
    "vole",
    "whale",
    "wolf",
    "wren",
)
