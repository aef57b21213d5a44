"""Reading plain arguments one by one and collecting what is wrong with them. What all components share; no Pulumi."""

import difflib
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A source wider than this is the open internet, whatever its notation: no organisation holds more (iana.org, address space
# registries: IPv4 was given out in /8s, the largest IPv6 allocations are /19s).
WIDEST_IPV4_PREFIX = 8
WIDEST_IPV6_PREFIX = 19
# What has the form of a mail address; whether anybody reads it only a mail can tell.
EMAIL = re.compile(r"[^\s@]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
# From here on a number is not shown: it may be too large for a float, or for Python's text (sys.set_int_max_str_digits).
MOST_SHOWN = 10**15


def network(text: str) -> Network | None:
    """Read a network in CIDR form (a bare address is a network of one); None when it is none, or has host bits set."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def camel_case(argument: str) -> str:
    """Return an argument's name as the schema has it: `vpc_ip_range` is `vpcIpRange`."""
    first, *rest = argument.split("_")
    return first + "".join(word.capitalize() for word in rest)


def snake_case(name: str) -> str:
    """Return a property's name as Python and the stack files write it; Pulumi's own paths and schemas say camelCase."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def kind_of(value: object) -> str:
    """Return what a value of the wrong shape is, for a message. Text or a list in a block's place may be a password in it."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    if isinstance(value, int | float) and abs(value) >= MOST_SHOWN:
        return "a number that large"
    return repr(value) if value is None or isinstance(value, bool | int | float) else f"a value of type {type(value).__name__}"


def shown(value: object) -> str:
    """Return a wrong value for a message, where text, a number or a switch belongs that is no secret."""
    return repr(value) if isinstance(value, str) else kind_of(value)


class InvalidArgumentsError(ValueError):
    """Arguments that nothing can be made of. `problems` holds (argument, reason with the value and the remedy)."""

    def __init__(self, what: str, problems: Sequence[tuple[str, str]]) -> None:
        self.problems = list(problems)
        listed = "; ".join(f"{argument}: {reason}" for argument, reason in problems)
        super().__init__(f"{what} cannot be made: {listed}")


def no_such_argument(name: str, names: Iterable[str]) -> str:
    """Return what is said of an argument that does not exist, with the nearest one that does."""
    return f"no such argument{did_you_mean(name, names)}"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return the end of a refusal of a name: the nearest one that exists, nothing where none is near."""
    near = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {near[0]}?" if near else ""


class Checks:
    """Arguments and what is wrong with them. Every reader returns something usable, so that all mistakes are found at once."""

    def __init__(self, args: object) -> None:
        """Begin. What is no mapping of names to values is noted, and read as empty."""
        self.problems: list[tuple[str, str]] = []
        self.args: Mapping[str, Any] = {}
        if isinstance(args, Mapping):
            self.args = {str(name): value for name, value in args.items()}
        elif args is not None:
            self.refuse("", f"{kind_of(args)} is no block of arguments")

    def refuse(self, argument: str, reason: str) -> None:
        """Note a problem: the value and the remedy belong into the reason."""
        self.problems.append((argument, reason))

    def under(self, path: str) -> list[tuple[str, str]]:
        """Return the problems of a block as those of the arguments that it is part of."""
        return [(f"{path}.{argument}" if argument else path, reason) for argument, reason in self.problems]

    def known(self, names: Sequence[str]) -> None:
        """Refuse arguments that do not exist, naming the nearest that does."""
        for name in sorted(set(self.args) - set(names)):
            self.refuse(name, no_such_argument(name, names))

    def refused(self, argument: str) -> bool:
        """Tell whether an argument has been refused already."""
        return any(name == argument for name, _ in self.problems)

    def text(self, argument: str, default: str | None, pattern: re.Pattern[str], hint: str) -> str:
        """Read text of a form; without a default it has to be given."""
        value = self.args.get(argument)
        if value is None:
            value = default
        if value is None:
            self.refuse(argument, f"is missing; give {hint}")
        elif not isinstance(value, str) or not pattern.fullmatch(value):
            self.refuse(argument, f"{shown(value)} is not {hint}")
        return value if isinstance(value, str) else ""

    def optional_text(self, argument: str) -> str | None:
        """Read text that may be absent."""
        value = self.args.get(argument)
        if value is not None and not isinstance(value, str):
            self.refuse(argument, f"{shown(value)} is not text")
            return ""
        return value

    def one_of(self, argument: str, default: str, allowed: Sequence[str]) -> str:
        """Read one of some words."""
        value = self.args.get(argument)
        if value is None:
            return default
        if value not in allowed:
            self.refuse(argument, f"{shown(value)} is not known; use one of {', '.join(allowed)}")
            return default
        return str(value)

    def switch(self, argument: str, *, default: bool) -> bool:
        """Read true or false."""
        value = self.args.get(argument)
        if value is not None and not isinstance(value, bool):
            self.refuse(argument, f"{shown(value)} is neither true nor false")
        return value if isinstance(value, bool) else default

    def whole(self, argument: str, default: int, low: int, high: int) -> int:
        """Read a whole number between two limits; callers in other languages send 3.0 for 3."""
        value = self.args.get(argument)
        return default if value is None else self.number(argument, value, low, high, default)

    def number(self, argument: str, value: object, low: int, high: int, default: int) -> int:
        """Check a whole number between two limits; a bad one is noted, and the default goes on in its place."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
            self.refuse(argument, f"{shown(value)} is no whole number; use {low} to {high}")
            return default
        if not low <= value <= high:
            told = f"{value:g}" if abs(value) < MOST_SHOWN else shown(value)
            self.refuse(argument, f"{told} is out of range; use {low} to {high}")
            return default
        return int(value)

    def texts(self, argument: str, pattern: re.Pattern[str], hint: str) -> tuple[str, ...]:
        """Read a list of texts of a form."""
        found: list[str] = []
        for value in self._list(argument):
            if not isinstance(value, str) or not pattern.fullmatch(value):
                self.refuse(argument, f"{shown(value)} is not {hint}")
            else:
                found.append(value)
        return tuple(dict.fromkeys(found))

    def networks(self, argument: str) -> tuple[str, ...]:
        """Read a list of networks that may reach the cluster; the whole internet may not."""
        found: list[str] = []
        for value in self._list(argument):
            parsed = network(value) if isinstance(value, str) else None
            if parsed is None:
                self.refuse(
                    argument, f"{shown(value)} is no network in CIDR form (and no host bits set); use one such as 10.20.0.0/24"
                )
            elif parsed.prefixlen < (WIDEST_IPV4_PREFIX if parsed.version == 4 else WIDEST_IPV6_PREFIX):
                self.refuse(argument, f"{shown(value)} is open to the world; name the networks that need access")
            else:
                found.append(str(parsed))
        return tuple(dict.fromkeys(found))

    def mapping(self, argument: str) -> Mapping[str, Any]:
        """Read names with values."""
        value = self.args.get(argument)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse(argument, f"{kind_of(value)} is no mapping of names to values")
            return {}
        return {str(key): entry for key, entry in value.items()}

    def _list(self, argument: str) -> Sequence[Any]:
        value = self.args.get(argument)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            self.refuse(argument, f"{kind_of(value)} is no list")
            return ()
        return value
