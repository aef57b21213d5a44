"""Who may use a group: users, their access strings and names, passwords and tokens. Plain functions, no Pulumi."""

import hashlib
import re
from collections.abc import Mapping

from redis_ha.arguments import Checks

from . import versions
from .access_strings import unreachable_pattern, written_access
from .plan import User

AUTH_KINDS = ("rbac", "token", "none")
AUTHENTICATIONS = ("password", "iam")
APPLICATION, MONITORING, DEFAULT = "application", "monitoring", "default"
# Everything but administration and what can stop a server; INFO and ROLE are in those categories and harmless.
APPLICATION_ACCESS = "on ~* &* +@all -@admin -@dangerous +info +role"
MONITORING_ACCESS = "on resetchannels -@all +ping +info +slowlog|get +slowlog|len +latency|latest +latency|histogram"
# A user group needs a user named `default` (hashicorp/terraform-provider-aws issue 25593); this one can do nothing, and has a
# password that nobody is told: groups of engine valkey take no user without (docs.aws.amazon.com, "Role-Based Access Control").
LOCKED_ACCESS = "off ~keys* resetchannels -@all"
# botocore, elasticache 2015-02-02, CreateUserMessage.UserId; stored in lower case. Long enough for any purpose.
USER_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")
# docs.aws.amazon.com, AmazonElastiCache API reference, CreateUser and CreateUserGroup: ids have at most 40 characters.
MAX_ID = 40
HASH_LENGTH = 8
# docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Role-Based Access Control": 16 to 128 characters, two a user; botocore,
# CreateReplicationGroupMessage.AuthToken: of the special characters only these.
MAX_PASSWORDS = 2
PASSWORD = re.compile(r"[A-Za-z0-9!&#$^<>-]{16,128}")
HOW_PASSWORDS_LOOK = "takes 16 to 128 letters, digits and ! & # $ ^ < > -; without it one is made"
# docs.aws.amazon.com, "Role-Based Access Control": an access string holds no password, and not `reset`.
_PASSWORD_IN_ACCESS = re.compile(r"(^|\s)([<>#!]\S|(nopass|reset|resetpass)($|\s))")


def derived_id(cache: str, suffix: str) -> str:
    """Return the id of something of a cache: `<cache>-<suffix>`, or its beginning and a hash where that is too long."""
    whole = f"{cache}-{suffix}"
    if len(whole) <= MAX_ID:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:HASH_LENGTH]
    return f"{whole[: MAX_ID - HASH_LENGTH - 1].rstrip('-')}-{digest}"


def checked_auth(checks: Checks, engine: str, version: str, tls: str) -> str:
    """Return how clients prove who they are; refuse what the version or the lack of TLS rules out."""
    auth = checks.one_of("auth", AUTH_KINDS[0], AUTH_KINDS)
    if auth == "rbac":
        if tls == "off":
            checks.refuse("auth", "'rbac' needs TLS; set tls to required, or auth to none")
        if not versions.at_least(engine, version, versions.FIRST_REDIS_WITH_USERS):
            checks.refuse("auth", f"'rbac' needs redis 6.0 or newer, it is {version}; use token or upgrade")
    else:
        for argument in ("users", "user_group_id"):
            if checks.args.get(argument) is not None:
                checks.refuse(argument, f"needs auth rbac, auth is {auth}; set auth to rbac or leave {argument} out")
    if checks.args.get("users") is not None and checks.args.get("user_group_id") is not None:
        checks.refuse("users", "cannot be used with user_group_id: a brought group has its own users; drop one of them")
    return auth


def checked_user_engine(checks: Checks, engine: str) -> str:
    """Return the users' engine. Valkey takes user groups of either, redis only its own (docs: Role-Based Access Control)."""
    found = checks.one_of("user_engine", engine, versions.ENGINES)
    if found != engine and engine == "redis":
        checks.refuse("user_engine", "'valkey' cannot be used with engine redis, which takes users of redis only; leave it out")
    return found


def planned_users(checks: Checks, group_id: str, auth: str, engine: str, version: str, tls: str) -> tuple[User, ...]:
    """Return the users to make: application and monitoring, those that were added, and the locked `default`."""
    if auth != "rbac" or checks.args.get("user_group_id") is not None:
        return ()
    given = checks.mapping("users")
    found: list[User] = []
    defaults = {APPLICATION: APPLICATION_ACCESS, MONITORING: MONITORING_ACCESS}
    iam = tls != "off" and versions.at_least(engine, version, versions.FIRST_REDIS_WITH_IAM)
    for key in [*defaults, *(key for key in given if key not in defaults)]:
        if key == DEFAULT:
            checks.refuse("users.default", "is the component's: every group has to have it, and it is locked; use another name")
        elif not USER_KEY.fullmatch(key):
            checks.refuse("users", f"{key!r} is no user name: 1 to 40 lower-case letters, digits and dashes, first a letter")
        else:
            found.append(_user(checks, group_id, key, given.get(key), defaults.get(key), iam=iam))
    # The id must not be `default`, that one is AWS's own (issue 34784).
    adopted = _adopted(checks)
    found.append(User(DEFAULT, adopted.get(DEFAULT, derived_id(group_id, DEFAULT)), DEFAULT, LOCKED_ACCESS, "password", 0))
    return tuple(found)


def _adopted(checks: Checks) -> Mapping[str, str]:
    """Return the ids of adopted users; a wrong one is told where adoption is checked."""
    users = Checks(checks.mapping("adopt")).mapping("users")
    return {key: value for key, value in users.items() if isinstance(value, str)}


def _wrong_access(text: str) -> str | None:
    if _PASSWORD_IN_ACCESS.search(text):
        return "holds a password, nopass or reset; give passwords, or authentication iam, and leave it out there"
    beyond = unreachable_pattern(text)
    return beyond and f"has {beyond!r} behind the pattern for all, which Redis refuses; leave one of them out"


def _user(checks: Checks, group_id: str, key: str, given: object, access: str | None, *, iam: bool) -> User:
    user = Checks(given)
    user.known(("access", "authentication", "passwords"))
    text = user.text("access", access, re.compile(r"(on|off)( \S+)+"), "an access string such as `on ~app:* -@all +@read`")
    if (wrong := _wrong_access(text)) is not None:
        user.problems = [problem for problem in user.problems if problem[0] != "access"]
        user.refuse("access", wrong)
    text = written_access(text)
    authentication = user.one_of("authentication", AUTHENTICATIONS[0], AUTHENTICATIONS)
    passwords = user.args.get("passwords")
    count = 0
    if passwords is not None:
        if not isinstance(passwords, list | tuple) or not 1 <= len(passwords) <= MAX_PASSWORDS:
            user.refuse("passwords", f"has to be a list of one or {MAX_PASSWORDS} passwords; leave it out to have one made")
        else:
            count = len(passwords)
            if any(isinstance(password, str) and not PASSWORD.fullmatch(password) for password in passwords):
                user.refuse("passwords", HOW_PASSWORDS_LOOK)
    if authentication == "iam":
        if count:
            user.refuse("passwords", "cannot be used with authentication iam; drop one of them")
        if not iam:
            user.refuse("authentication", "'iam' needs TLS and redis 7.0 or valkey; use password")
    checks.problems += user.under(f"users.{key}")
    adopted = _adopted(checks).get(key)
    user_id = adopted or derived_id(group_id, key)
    if authentication != "iam":
        return User(key, user_id, key, text, authentication, count)
    if adopted:
        return User(key, adopted, adopted, text, authentication, count)
    # Name and id have to be the same (docs.aws.amazon.com, "Authenticating with IAM"), and ids are unique in the account. Not
    # the id of the same user with a password: a change of the name replaces a user, and the new one is made beside the old.
    own = derived_id(group_id, f"{key}-iam")
    return User(key, own, own, text, authentication, count)
