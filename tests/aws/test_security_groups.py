"""Rules of security groups: none is there twice, however its range is written."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_world import World

TCP = {"IpProtocol": "tcp", "FromPort": 6379, "ToPort": 6379}


class Group:
    """A group of its own."""

    def __init__(self, world: World) -> None:
        self.client = world.client("ec2")
        vpc = self.client.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        given = {"GroupName": world.name("sg"), "Description": "d", "VpcId": vpc}
        self.id = self.client.create_security_group(**given)["GroupId"]

    def allow(self, direction: str = "ingress", **rule: Any) -> str:
        """Add a rule; return its id."""
        add = getattr(self.client, f"authorize_security_group_{direction}")
        return str(add(GroupId=self.id, IpPermissions=[{**TCP, **rule}])["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def change(self, rule_id: str, **rule: Any) -> None:
        rules = [{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": {**TCP, **rule}}]
        self.client.modify_security_group_rules(GroupId=self.id, SecurityGroupRules=rules)

    def rule(self, rule_id: str) -> dict[str, Any]:
        [found] = self.client.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
        return dict(found)


@pytest.fixture
def group(world: World) -> Group:
    return Group(world)


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "another"}]}),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, {"IpRanges": [{"CidrIp": "10.1.2.3/8"}]}),
        ({"Ipv6Ranges": [{"CidrIpv6": "fd00::/8"}]}, {"Ipv6Ranges": [{"CidrIpv6": "FD00:0::1/8"}]}),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}, {"IpProtocol": "6", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}),
    ],
)
def test_an_equal_rule_is_refused(group: Group, direction: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    group.allow(direction, **first)
    with pytest.raises(ClientError, match=r"InvalidPermission\.Duplicate"):
        group.allow(direction, **second)


def test_a_range_is_given_back_as_aws_keeps_it_and_revoked_however_it_is_written(group: Group) -> None:
    rule = group.allow(IpRanges=[{"CidrIp": "100.68.0.18/18"}])
    assert group.rule(rule)["CidrIpv4"] == "100.68.0.0/18"
    permission = {**TCP, "IpRanges": [{"CidrIp": "100.68.0.18/18"}]}
    assert group.client.revoke_security_group_ingress(GroupId=group.id, IpPermissions=[permission])["Return"]


def test_a_rule_is_not_changed_into_another_one(group: Group) -> None:
    group.allow(IpRanges=[{"CidrIp": "10.0.0.0/8"}])
    rule = group.allow(FromPort=1, ToPort=1, IpRanges=[{"CidrIp": "10.1.0.0/16"}])
    before = group.rule(rule)
    with pytest.raises(ClientError, match=r"InvalidPermission\.Duplicate"):
        group.change(rule, CidrIpv4="10.9.9.9/8")
    assert group.rule(rule) == before
    group.change(rule, CidrIpv4="10.9.9.9/16")
    assert group.rule(rule)["CidrIpv4"] == "10.9.0.0/16"
