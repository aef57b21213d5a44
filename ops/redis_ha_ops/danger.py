"""What the rows of the table of dangers are made of."""

from dataclasses import dataclass
from typing import Literal

Operation = Literal["replace", "delete", "update"]
# When an update of a property is dangerous: its new value is false (or none), true, zero, smaller or larger than the old one;
# "" is always.
When = Literal["", "false", "true", "zero", "smaller", "larger"]

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
SERVERLESS = "aws:elasticache/serverlessCache:ServerlessCache"
SUBNET_GROUP = "aws:elasticache/subnetGroup:SubnetGroup"
PARAMETER_GROUP = "aws:elasticache/parameterGroup:ParameterGroup"
USER = "aws:elasticache/user:User"
USER_GROUP = "aws:elasticache/userGroup:UserGroup"
VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
KEY = "aws:kms/key:Key"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type's name
TOPIC = "aws:sns/topic:Topic"
FUNCTION = "aws:lambda/function:Function"
EVENT_BUS = "aws:cloudwatch/eventBus:EventBus"
QUEUE = "aws:sqs/queue:Queue"
GLOBAL = "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup"
ZONE = "aws:route53/zone:Zone"
RECORD = "aws:route53/record:Record"
HEALTH_CHECK = "aws:route53/healthCheck:HealthCheck"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
DROPLET = "digitalocean:index/droplet:Droplet"
DROPLET_VPC = "digitalocean:index/vpc:Vpc"
PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type's name
PRIVATE_KEY = "tls:index/privateKey:PrivateKey"

PROVIDER = "hashicorp/terraform-provider-aws internal/service"
PUT_BACK = "put the old value back"
AT_CREATION = "it is chosen when it is made"


@dataclass(frozen=True)
class Danger:
    """One row: a change of `property` (of any, if empty) makes the provider replace, delete or weaken a resource of `type`."""

    type: str
    property: str
    operation: Operation
    why: str
    instead: str
    source: str
    when: When = ""
