"""Access strings in the form in which a server describes a user. Plain functions, no Pulumi.

AWS does not give the text back, it describes the user: `on allkeys allcommands` comes back as `on ~* +@all`
(hashicorp/terraform-provider-aws#20334). A text that differs from the description is a difference at every preview. Redis' own
descriptions (acl.c, ACLDescribeUser; seen with Redis 6.2.5, 7.0.15 and Valkey 9.1.2) all have the parts in one order, all or no
commands first, and nothing that a later rule undoes. So is the form here, and the meaning stays.

Not known is what AWS makes of the other rules of commands and of channels: servers up to Redis 7.0 describe the set of commands
(`+@all -@dangerous` may come back as single commands), later ones the rules. AWS has one example (docs.aws.amazon.com/cli,
elasticache create-user): it answers `-@all +@read` with `-@all +@read +@hash +@bitmap +@geo -setbit ...`, the categories of
which the user has more than half of the commands that Redis 6.0 had. That text must not be sent: `+@hash` and `+@geo` hold more
commands today, and a user that was to read may HEXPIRE, HGETDEL and GEOSEARCHSTORE (seen with Valkey 9.1.2).
"""

import re
from collections.abc import Iterable, Sequence
from itertools import dropwhile

_LONG_WORDS = {"allkeys": "~*", "allchannels": "&*", "allcommands": "+@all", "nocommands": "-@all"}
_ALL_COMMANDS = ("+@all", "-@all")
_NO_COMMANDS = "-@all"  # what a new user begins with
# In the order of a description.
_SWITCH = re.compile(r"on|off")
_KEYS = re.compile(r"[~%].*|resetkeys")
_CHANNELS = re.compile(r"&.*|resetchannels")
_COMMAND = re.compile(r"[+-].+")


def written_access(text: str) -> str:
    """Return an access string as a server describes the user: its parts in order, and no rule that a later one undoes."""
    rules = _rules(text)
    if "(" in text:  # selectors of Redis 7 are described apart, each in an order of its own
        return " ".join(rules)
    switch = [rule for rule in rules if _SWITCH.fullmatch(rule)]
    commands = [rule.lower() for rule in rules if _COMMAND.fullmatch(rule)]
    others = [rule for rule in rules if not any(kind.fullmatch(rule) for kind in (_SWITCH, _KEYS, _CHANNELS, _COMMAND))]
    # A new user has no keys; whether it has channels differs from version to version, so that `resetchannels` stays.
    keys = [rule for rule in _patterns(rules, _KEYS, "resetkeys", "~*") if rule != "resetkeys"]
    channels = _patterns(rules, _CHANNELS, "resetchannels", "&*")
    return " ".join([*switch[-1:], *keys, *channels, *_commands(commands), *others])


def unreachable_pattern(text: str) -> str | None:
    """Return the first pattern behind the one for all, None where there is none: the server refuses such a user (acl.c)."""
    for kind, reset, everything in ((_KEYS, "resetkeys", "~*"), (_CHANNELS, "resetchannels", "&*")):
        covered = False
        for rule in () if "(" in text else filter(kind.fullmatch, _rules(text)):
            if covered and rule not in (reset, everything):
                return rule
            covered = rule == everything
    return None


def _rules(text: str) -> list[str]:
    return [_LONG_WORDS.get(rule, rule) for rule in text.split()]


def _patterns(rules: Iterable[str], kind: re.Pattern[str], reset: str, everything: str) -> list[str]:
    """Return what is left of keys or channels: each once, nothing from before a reset or before the pattern for all."""
    found: list[str] = []
    for rule in filter(kind.fullmatch, rules):
        if rule in (reset, everything):
            found = [rule]
        elif rule not in found:
            found.append(rule)
    return found


def _commands(rules: Sequence[str]) -> list[str]:
    """Return the rules of commands: first all or none, then what was said after it, of each name the last word."""
    start = max((place for place, rule in enumerate(rules) if rule in _ALL_COMMANDS), default=None)
    base, rest = (_NO_COMMANDS, list(rules)) if start is None else (rules[start], list(rules[start + 1 :]))
    last = {rule[1:]: place for place, rule in enumerate(rest)}
    told = [rule for place, rule in enumerate(rest) if last[rule[1:]] == place]
    # To take away where there is nothing yet, or to add to all, says nothing.
    return [base, *dropwhile(lambda rule: rule[0] == base[0], told)]
