"""ElastiCache: subnet groups, parameter groups, users and user groups. Replication groups have a module of their own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar, Final

from typing_extensions import override

from pulumi_emulator.handlers.aws.base import EVERYWHERE, TAGS_ALL, Aws, AwsHandler, tags_of
from pulumi_emulator.handlers.aws.tagging import ELASTICACHE
from pulumi_emulator.handlers.aws.translation import Call, Each, Pairs, Request, Through, Within
from pulumi_emulator.handlers.base import Properties
from pulumi_emulator.rules import Change

# AWS takes this many parameters a call: ModifyCacheParameterGroup, docs.aws.amazon.com/AmazonElastiCache/latest/APIReference
PARAMETERS_A_CALL: Final = 20
ONE_PASSWORD: Final = Through("Passwords", lambda password: [password])
AUTHENTICATION: Final = Within("AuthenticationMode", {"passwords": "Passwords", "type": "Type"})


class CacheThing(AwsHandler):
    """Something of ElastiCache's: found and removed by its id alone; tags hang on its ARN."""

    emulated_by = "own"
    provider_only = EVERYWHERE
    # What the API calls the thing in its calls and answers, and the member that holds its id.
    noun: ClassVar[str]
    id_member: ClassVar[str]

    @override
    def identify(self, answer: dict[str, Any], sent: Request, inputs: Properties) -> str:
        # As AWS answers: it keeps some of these names in lower case.
        return str(answer.get(self.noun, answer)[self.id_member])

    @override
    def find(self, aws: Aws, resource_id: str) -> dict[str, Any] | None:
        answer = aws.find("elasticache", f"Describe{self.noun}s", **{self.id_member: resource_id}) or {}
        return next(iter(answer.get(f"{self.noun}s") or ()), None)

    @override
    def removal(self, resource_id: str, state: Properties) -> list[Request]:
        return [Request("elasticache", f"Delete{self.noun}", {self.id_member: resource_id})]

    @staticmethod
    def tags(aws: Aws, arn: str) -> dict[str, str]:
        """Return the tags of what has this ARN."""
        return tags_of(aws.ask("elasticache", "ListTagsForResource", ResourceName=arn).get("TagList"))

    @staticmethod
    def tag_changes(state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        """Return the calls for changed tags."""
        if TAGS_ALL not in changed:
            return []
        return ELASTICACHE.changes(str(state["arn"]), state.get(TAGS_ALL) or {}, inputs.get(TAGS_ALL) or {})


class SubnetGroup(CacheThing):
    """The subnets in which cache nodes may live."""

    token = "aws:elasticache/subnetGroup:SubnetGroup"  # noqa: S105 - a type token
    noun = "CacheSubnetGroup"
    id_member = "CacheSubnetGroupName"
    creation = Call(
        "elasticache",
        "CreateCacheSubnetGroup",
        {
            "description": "CacheSubnetGroupDescription",
            "name": "CacheSubnetGroupName",
            "subnetIds": "SubnetIds",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    change: ClassVar[Call] = Call(
        "elasticache",
        "ModifyCacheSubnetGroup",
        {"description": "CacheSubnetGroupDescription", "subnetIds": "SubnetIds"},
    )

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {
            "arn": found["ARN"],
            "name": found["CacheSubnetGroupName"],
            "description": found["CacheSubnetGroupDescription"],
            "subnetIds": [subnet["SubnetIdentifier"] for subnet in found["Subnets"]],
            "vpcId": found.get("VpcId", ""),
            TAGS_ALL: self.tags(aws, found["ARN"]),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) & {"description", "subnetIds"}:
            requests.append(self.change.request(inputs, CacheSubnetGroupName=resource_id))
        return requests + self.tag_changes(state, inputs, changed)


class ParameterGroup(CacheThing):
    """Settings of an engine."""

    token = "aws:elasticache/parameterGroup:ParameterGroup"  # noqa: S105 - a type token
    noun = "CacheParameterGroup"
    id_member = "CacheParameterGroupName"
    creation = Call(
        "elasticache",
        "CreateCacheParameterGroup",
        {
            "description": "Description",
            "family": "CacheParameterGroupFamily",
            "name": "CacheParameterGroupName",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    setting: ClassVar[Call] = Call(
        "elasticache",
        "ModifyCacheParameterGroup",
        {"parameters": Each("ParameterNameValues", {"name": "ParameterName", "value": "ParameterValue"})},
    )
    resetting: ClassVar[Call] = Call("elasticache", "ResetCacheParameterGroup", setting.properties)

    @override
    def follow_ups(self, inputs: Properties, resource_id: str) -> list[Request]:
        return self._in_parts(self.setting, resource_id, list(inputs.get("parameters") or []))

    @staticmethod
    def _in_parts(call: Call, resource_id: str, parameters: list[Any]) -> list[Request]:
        return [
            call.request({"parameters": parameters[start : start + PARAMETERS_A_CALL]}, CacheParameterGroupName=resource_id)
            for start in range(0, len(parameters), PARAMETERS_A_CALL)
        ]

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        name = found["CacheParameterGroupName"]
        # Only what a user set: the provider asks for the same.
        settings = aws.ask("elasticache", "DescribeCacheParameters", CacheParameterGroupName=name, Source="user")
        return {
            "arn": found["ARN"],
            "name": name,
            "family": found["CacheParameterGroupFamily"],
            "description": found["Description"],
            "parameters": [
                {"name": item["ParameterName"], "value": item["ParameterValue"]}
                for item in settings.get("Parameters") or []
                if item.get("ParameterValue") is not None
            ],
            TAGS_ALL: self.tags(aws, found["ARN"]),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if "parameters" in changed:
            old, new = list(state.get("parameters") or []), list(inputs.get("parameters") or [])
            names = {item["name"] for item in new}
            requests += self._in_parts(self.resetting, resource_id, [item for item in old if item["name"] not in names])
            requests += self._in_parts(self.setting, resource_id, [item for item in new if item not in old])
        return requests + self.tag_changes(state, inputs, changed)


class User(CacheThing):
    """A user of caches: a name, what it may do, how it proves itself."""

    token = "aws:elasticache/user:User"  # noqa: S105 - a type token
    noun = "User"
    id_member = "UserId"
    creation = Call(
        "elasticache",
        "CreateUser",
        {
            "accessString": "AccessString",
            "authenticationMode": AUTHENTICATION,
            "engine": "Engine",
            "noPasswordRequired": "NoPasswordRequired",
            "passwords": "Passwords",
            "passwordsWo": ONE_PASSWORD,
            "userId": "UserId",
            "userName": "UserName",
            TAGS_ALL: Pairs("Tags"),
        },
    )
    change: ClassVar[Call] = Call(
        "elasticache",
        "ModifyUser",
        {
            "accessString": "AccessString",
            "authenticationMode": AUTHENTICATION,
            "engine": "Engine",
            "noPasswordRequired": "NoPasswordRequired",
            "passwords": "Passwords",
            "passwordsWo": ONE_PASSWORD,
        },
    )
    provider_only: ClassVar = {
        **EVERYWHERE,
        "authenticationMode.passwordCount": "an output that the SDK lists among the inputs: what is given is not sent",
        "passwordsWoVersion": "only says that passwordsWo is to be sent again",
    }

    @override
    def diff(self, state: Properties, olds: Properties, news: Properties, found: list[Change]) -> list[Change]:
        # The provider compares with what AWS reported, which writes access strings in its own way (issue 20334).
        name = "accessString"
        differs = state.get(name) != news.get(name) and name not in {change.property for change in found}
        return [*found, Change(name, "update", replaces=False)] if differs else found

    @override
    def settle(self, aws: Aws, resource_id: str) -> None:
        aws.wait(f"user {resource_id} becoming active", lambda: (self.find(aws, resource_id) or {}).get("Status") == "active")

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        authentication = found.get("Authentication") or {}
        given = state.get("authenticationMode") or {}
        # AWS answers "no-password" for what is asked for as "no-password-required".
        kind = {"no-password": "no-password-required"}.get(authentication.get("Type", ""), authentication.get("Type", ""))
        mode = {**given, "type": kind, "passwordCount": authentication.get("PasswordCount", 0)}
        return {
            "arn": found["ARN"],
            "accessString": found["AccessString"],
            "engine": found["Engine"],
            "userId": found["UserId"],
            "userName": found["UserName"],
            **({"authenticationMode": mode} if given else {}),
            TAGS_ALL: self.tags(aws, found["ARN"]),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        names = set(self.change.properties) & set(changed)
        if "passwordsWoVersion" in changed:
            names.add("passwordsWo")
        requests = []
        if names:
            requests.append(self.change.request({name: inputs.get(name) for name in names}, UserId=resource_id))
        return requests + self.tag_changes(state, inputs, changed)

    @override
    def gone(self, aws: Aws, resource_id: str) -> None:
        aws.wait(f"user {resource_id} being deleted", lambda: self.find(aws, resource_id) is None)


class UserGroup(CacheThing):
    """Users that a cache knows."""

    token = "aws:elasticache/userGroup:UserGroup"  # noqa: S105 - a type token
    noun = "UserGroup"
    id_member = "UserGroupId"
    creation = Call(
        "elasticache",
        "CreateUserGroup",
        {"engine": "Engine", "userGroupId": "UserGroupId", "userIds": "UserIds", TAGS_ALL: Pairs("Tags")},
    )

    @override
    def settle(self, aws: Aws, resource_id: str) -> None:
        aws.wait(
            f"user group {resource_id} becoming active", lambda: (self.find(aws, resource_id) or {}).get("Status") == "active"
        )

    @override
    def describe(self, aws: Aws, found: dict[str, Any], state: Properties) -> dict[str, Any]:
        return {
            "arn": found["ARN"],
            "engine": found["Engine"],
            "userGroupId": found["UserGroupId"],
            "userIds": list(found.get("UserIds") or []),
            TAGS_ALL: self.tags(aws, found["ARN"]),
        }

    @override
    def changes(self, resource_id: str, state: Properties, inputs: Properties, changed: Collection[str]) -> list[Request]:
        requests = []
        if set(changed) & {"userIds", "engine"}:
            old, new = set(state.get("userIds") or []), set(inputs.get("userIds") or [])
            parts: dict[str, Any] = {"UserIdsToAdd": sorted(new - old), "UserIdsToRemove": sorted(old - new)}
            if "engine" in changed:
                parts["Engine"] = inputs["engine"]
            parameters = {"UserGroupId": resource_id, **{name: value for name, value in parts.items() if value}}
            requests.append(Request("elasticache", "ModifyUserGroup", parameters))
        return requests + self.tag_changes(state, inputs, changed)

    @override
    def gone(self, aws: Aws, resource_id: str) -> None:
        aws.wait(f"user group {resource_id} being deleted", lambda: self.find(aws, resource_id) is None)
