"""The users of a group, their passwords, its AUTH token, and where these are kept: Pulumi resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from redis_ha.amazon import Place, adoption
from redis_ha.arguments import camel_case

from .access_rules import DEFAULT, HOW_PASSWORDS_LOOK, PASSWORD, derived_id
from .outputs import credentials_document
from .plan import Plan, User

# Letters and digits only: about 285 bits, and nothing that a URL or a shell could take for syntax.
PASSWORD_LENGTH = 48
# AWS never tells a password, and takes access strings apart and writes them anew.
USER_AS_FOUND = ("authenticationMode", "accessString", "tags")
# Groups of engine redis serve redis and valkey alike (docs.aws.amazon.com, AmazonElastiCache/latest/dg, "Role-Based Access
# Control"): when the cache becomes valkey, its users stay as they are.
FOR_EVER = ("engine",)


@dataclass
class Access:
    """What was made for authentication. `secrets` holds passwords by user, and the token as `token`."""

    passwords: dict[str, random.RandomPassword] = field(default_factory=dict)
    users: dict[str, aws.elasticache.User] = field(default_factory=dict)
    user_group: aws.elasticache.UserGroup | None = None
    secrets: dict[str, pulumi.Output[str]] = field(default_factory=dict)

    def group_arguments(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the replication group is told of its users or its token: what was made, else what the arguments bring."""
        brought = args.get("user_group_id")
        made = brought if self.user_group is None else self.user_group.user_group_id
        return {"user_group_ids": None if made is None else [made], "auth_token": self.secrets.get("token")}


class AccessPlan(Protocol):
    """What making users takes, of a replication group or of a serverless cache."""

    @property
    def group_id(self) -> str:
        """Return the cache's own id, which is the prefix of the users'."""

    @property
    def user_engine(self) -> str:
        """Return the users' and their group's engine: `valkey` or `redis`."""

    @property
    def auth(self) -> str:
        """Return `rbac`, `token` or `none`."""

    @property
    def users(self) -> tuple[User, ...]:
        """Return the users to make."""

    @property
    def makes_user_group(self) -> bool:
        """Whether a user group is made for them."""

    @property
    def protect(self) -> bool:
        """Whether Pulumi refuses to delete or replace what holds data or names."""

    @property
    def keep_as_found(self) -> bool:
        """Whether what is adopted stays as it was found."""

    @property
    def adopt_users(self) -> tuple[tuple[str, str], ...]:
        """Return ids of users that exist already, by their name here."""

    def adopted(self, part: str) -> str | None:
        """Return the id of an existing part that is taken over."""


def make_access(place: Place, plan: AccessPlan, args: Mapping[str, Any]) -> Access:
    """Make users and their group, or the token."""
    access = Access()
    if plan.auth == "token":
        given = args.get("auth_token")
        made = _checked("auth_token", given) if given is not None else _made_password(place, access, "auth-token")
        access.secrets["token"] = made
    given_users = args.get("users") or {}
    for user in plan.users:
        _make_user(place, plan, access, user, (given_users.get(user.key) or {}).get("passwords"))
    if plan.makes_user_group:
        adopted = plan.adopted("user_group")
        access.user_group = aws.elasticache.UserGroup(
            f"{place.name}-user-group",
            user_group_id=adopted or derived_id(plan.group_id, "users"),
            engine=plan.user_engine,
            # Membership by this list alone: association resources fail side by side, and cannot hold `default`
            # (hashicorp/terraform-provider-aws issues 28688, 34784).
            user_ids=[access.users[user.key].user_id for user in plan.users],
            region=place.region,
            tags=place.tags,
            opts=place.child(
                **adoption(adopted, place.region, protect=plan.protect),
                **place.judged("user_group", (*FOR_EVER, "tags")),
                ignore_changes=[*FOR_EVER, *(["tags"] if adopted and plan.keep_as_found else [])],
            ),
        )
    return access


def _make_user(place: Place, plan: AccessPlan, access: Access, user: User, given: Sequence[pulumi.Input[str]] | None) -> None:
    mode: Any = {"type": user.authentication}
    if user.authentication == "password":
        if given is None:
            passwords = [_made_password(place, access, user.key)]
        else:
            passwords = [_checked(f"users.{user.key}.passwords", password) for password in given]
        access.secrets[user.key] = passwords[0]
        mode["passwords"] = passwords
    adopted = dict(plan.adopt_users).get(user.key)
    # A user group that outlives the program keeps its users: AWS deletes no default user of a group.
    kept = {} if plan.adopted("user_group") is None else {"retain_on_delete": True}
    access.users[user.key] = aws.elasticache.User(
        f"{place.name}-user-{user.key}",
        user_id=user.user_id,
        user_name=user.user_name,
        engine=plan.user_engine,
        access_string=user.access,
        authentication_mode=mode,
        region=place.region,
        tags=place.tags,
        opts=place.child(
            **{**kept, **adoption(adopted, place.region, protect=plan.protect)},
            **place.judged(f"users.{user.key}", (*FOR_EVER, *USER_AS_FOUND)),
            ignore_changes=[*FOR_EVER, *(USER_AS_FOUND if adopted and plan.keep_as_found else ())],
        ),
    )


def _made_password(place: Place, access: Access, key: str) -> pulumi.Output[str]:
    made = random.RandomPassword(
        f"{place.name}-{key}-password",
        length=PASSWORD_LENGTH,
        special=False,
        opts=place.child(ignore_changes=["length", "special"]),  # a new rule for passwords must not change old ones
    )
    access.passwords[key] = made
    result: pulumi.Output[str] = made.result
    return pulumi.Output.secret(result)


def _checked(argument: str, given: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.secret(given).apply(lambda password: checked_password(argument, password))


def checked_password(argument: str, password: str) -> str:
    """Check a given password or token; the message never holds it."""
    if not isinstance(password, str) or not PASSWORD.fullmatch(password):
        raise pulumi.InputPropertyError(camel_case(argument), f"{argument} {HOW_PASSWORDS_LOOK}")
    return password


def make_secrets(place: Place, plan: Plan, access: Access) -> dict[str, aws.secretsmanager.Secret]:
    """Keep each user's name and password, or the token, in AWS Secrets Manager, one secret each."""
    made: dict[str, aws.secretsmanager.Secret] = {}
    names = {user.key: user.user_name for user in plan.users}
    for key, value in access.secrets.items():
        if key == DEFAULT:  # nobody is to use it
            continue
        secret = aws.secretsmanager.Secret(
            f"{place.name}-{key}-secret",
            description=f"{key} of {plan.group_id}",
            region=place.region,
            tags=place.tags,
            opts=place.child(),
        )
        document = pulumi.Output.json_dumps({**({"username": names[key]} if key in names else {}), "password": value})
        aws.secretsmanager.SecretVersion(
            f"{place.name}-{key}-secret-version",
            secret_id=secret.id,
            secret_string=document,
            region=place.region,
            opts=place.child(),
        )
        made[key] = secret
    return made


def credentials(plan: Plan, access: Access) -> pulumi.Output[dict[str, Any]]:
    """Return the secret document of the application."""
    secrets = pulumi.Output.all(**access.secrets) if access.secrets else pulumi.Output.from_input({})
    return pulumi.Output.secret(secrets.apply(lambda known: credentials_document(plan, known)))
