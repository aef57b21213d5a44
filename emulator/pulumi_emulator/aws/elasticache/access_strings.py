"""Access strings of users: which are taken, and how AWS gives them back."""

from __future__ import annotations

import re
from itertools import dropwhile
from typing import Final

from pulumi_emulator.aws.elasticache.faults import refuse

# valkey.io/topics/acl. Clusters.RBAC.html: no passwords (they are given apart) and no reset, which would take them away.
RULE: Final = re.compile(
    r"on|off|~\S*|%RW?~\S*|%W~\S*|&\S*|[+-]@?[a-zA-Z0-9|_-]+|allkeys|allchannels|allcommands|nocommands|"
    r"resetkeys|resetchannels|clearselectors|[()]|\(\S*|\S*\)"
)
MARKS: Final = "><#!"  # what a rule that gives or takes a password begins with (valkey.io/topics/acl)
# AWS describes the user instead of keeping the text (hashicorp/terraform-provider-aws#20334), in the order of Redis' own
# description (acl.c, ACLDescribeUser). It may write other rules for categories (docs.aws.amazon.com/cli, elasticache
# create-user has the one example): by which table of commands is not known, and not emulated.
SHORT: Final = {"allkeys": "~*", "allchannels": "&*", "allcommands": "+@all", "nocommands": "-@all"}


def check_access(text: str) -> str:
    """Return an access string as AWS gives it back; InvalidParameterValue when it is none."""
    rules = text.split()
    if not rules:
        raise refuse("user-access", why="it is empty")
    for rule in rules:
        if rule[0] in MARKS:
            raise refuse("user-access", why="passwords are given apart")  # without the rule: it holds one
        if RULE.fullmatch(rule) is None:
            raise refuse("user-access", why=f"{rule!r} is no rule of keys, channels or commands")
    short = [SHORT.get(rule, rule) for rule in rules]
    return " ".join(short if "(" in text else _described(short))


def _described(rules: list[str]) -> list[str]:
    """Return the rules that a description of the user has, as if each had been given to a new user in turn."""
    switch = [rule for rule in rules if rule in ("on", "off")] or ["off"]
    keys = _patterns([rule for rule in rules if rule.startswith(("~", "%")) or rule == "resetkeys"], "~*")
    channels = _patterns([rule for rule in rules if rule.startswith("&") or rule == "resetchannels"], "&*")
    return [switch[-1], *keys, *channels, *_commands([rule.lower() for rule in rules if rule.startswith(("+", "-"))])]


def _patterns(rules: list[str], everything: str) -> list[str]:
    found: list[str] = []
    for rule in rules:
        if rule == "resetkeys":
            found = []
        elif rule in (everything, "resetchannels"):  # what a user without channels has, differs from version to version
            found = [rule]
        elif everything in found:  # acl.c, ACLSetSelector
            raise refuse("user-access", why=f"{rule!r} comes behind the pattern for all, {everything}")
        elif rule not in found:
            found.append(rule)
    return found


def _commands(rules: list[str]) -> list[str]:
    base, told = "-@all", dict[str, str]()
    for rule in rules:
        if rule in ("+@all", "-@all"):
            base, told = rule, {}
        else:
            told.pop(rule[1:], None)  # the last word about a command or a category is the one that counts
            told[rule[1:]] = rule
    return [base, *dropwhile(lambda rule: rule[0] == base[0], told.values())]
