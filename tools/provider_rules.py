"""Writes the part of the emulator's rule tables that the installed Pulumi SDKs decide.

Run it after a change of pulumi-aws, pulumi-digitalocean, pulumi-random or pulumi-tls: `python tools/provider_rules.py`.
It reads, by introspection, which properties a resource type has, of which type, which ones are required and
which the SDK marks as secret. Everything else in the tables (`rules`) is kept as it is.

`python tools/provider_rules.py --schema FILE` also writes anew the rows that the real Terraform provider decides. FILE is
JSON, made from the schema that terraform-provider-aws reports of itself: {"source": VERSION, "resources": {NAME: {"schema":
{ATTRIBUTE: {"type", "forceNew", "conflictsWith", "default", "computed", "minItems", "maxItems", "block", ...}}}}}.
"""

import argparse
import enum
import importlib
import importlib.metadata
import inspect
import json
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any

import pulumi
from pulumi._types import input_type_py_to_pulumi_names

DATA = Path(__file__).resolve().parent.parent / "emulator" / "pulumi_emulator" / "data"

# The resource types that the emulator has a handler for; "module.Type" where the SDK has modules.
RESOURCES: dict[str, list[str]] = {
    "aws": [
        "appautoscaling.Policy",
        "appautoscaling.Target",
        "autoscaling.Attachment",
        "cloudwatch.Dashboard",
        "cloudwatch.EventApiDestination",
        "cloudwatch.EventBus",
        "cloudwatch.EventConnection",
        "cloudwatch.EventRule",
        "cloudwatch.EventTarget",
        "cloudwatch.LogGroup",
        "cloudwatch.MetricAlarm",
        "ec2.SecurityGroup",
        "ec2.Subnet",
        "ec2.Vpc",
        "elasticache.GlobalReplicationGroup",
        "elasticache.ParameterGroup",
        "elasticache.ReplicationGroup",
        "elasticache.ServerlessCache",
        "elasticache.SubnetGroup",
        "elasticache.User",
        "elasticache.UserGroup",
        "fis.ExperimentTemplate",
        "iam.Role",
        "iam.RolePolicy",
        "kms.Alias",
        "kms.Key",
        "lambda_.Function",
        "lambda_.FunctionEventInvokeConfig",
        "lambda_.Permission",
        "lb.Listener",
        "lb.ListenerRule",
        "lb.LoadBalancer",
        "lb.TargetGroup",
        "lb.TargetGroupAttachment",
        "route53.HealthCheck",
        "route53.Record",
        "route53.Zone",
        "secretsmanager.Secret",
        "secretsmanager.SecretVersion",
        "sns.Topic",
        "sns.TopicPolicy",
        "sns.TopicSubscription",
        "sqs.Queue",
        "sqs.QueuePolicy",
        "ssm.Parameter",
        "vpc.SecurityGroupEgressRule",
        "vpc.SecurityGroupIngressRule",
    ],
    "digitalocean": ["Droplet", "Firewall", "MonitorAlert", "Project", "ProjectResources", "SshKey", "Tag", "Vpc"],
    "random": ["RandomId", "RandomInteger", "RandomPassword", "RandomPet", "RandomString", "RandomUuid"],
    "tls": ["CertRequest", "LocallySignedCert", "PrivateKey", "SelfSignedCert"],
}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", pulumi.Archive: "archive", Any: "any"}


class Introspection:
    """Reads one SDK; collects the object types and enums that its resources mention."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.objects: dict[str, Any] = {}
        self.enums: dict[str, list[str]] = {}

    def table(self) -> dict[str, Any]:
        """Return the part of the rule table that this SDK decides."""
        resources = dict(sorted(self.resource(name) for name in RESOURCES[self.package]))
        version = importlib.metadata.version(f"pulumi_{self.package}")
        return {
            "source": f"pulumi_{self.package} {version}, the installed Python SDK, read by tools/provider_rules.py",
            "resources": resources,
            "objects": dict(sorted(self.objects.items())),
            "enums": dict(sorted(self.enums.items())),
        }

    def resource(self, name: str) -> tuple[str, dict[str, Any]]:
        """Return the token of a resource class and what is known about it."""
        part, _, class_name = name.rpartition(".")
        resource = getattr(importlib.import_module(".".join(filter(None, (f"pulumi_{self.package}", part)))), class_name)
        module = sys.modules[resource.__module__]
        source = inspect.getsource(resource._internal_init)  # noqa: SLF001 - the only place where the SDK names token and secrets
        token_match = re.search(rf"'({self.package}:[^']+)'", source)
        if token_match is None:
            raise SystemExit(f"{name}: no type token in {module.__file__}")
        secret_match = re.search(r"additional_secret_outputs=\[([^\]]*)\]", source)
        inputs, required = self.properties(getattr(module, f"{class_name}Args"))
        outputs, _ = self.properties(getattr(module, f"_{class_name}State"))
        return token_match.group(1), {
            "inputs": inputs,
            "required": required,
            "outputs": {key: kind for key, kind in outputs.items() if key not in inputs},
            "secret": sorted(re.findall(r'"(\w+)"', secret_match.group(1))) if secret_match else [],
        }

    def properties(self, cls: type) -> tuple[dict[str, Any], list[str]]:
        """Return the properties of an input class by their name on the wire, and the required ones among them."""
        names = input_type_py_to_pulumi_names(cls)
        scope: dict[str, Any] = {}
        for module in (pulumi, sys.modules[cls.__module__]):
            scope |= vars(module)
        for part in (f"pulumi_{self.package}", cls.__module__.rpartition(".")[0]):
            for kind in ("_enums", "_inputs"):
                try:
                    scope |= vars(importlib.import_module(f"{part}.{kind}"))
                except ModuleNotFoundError:
                    continue
        hints = typing.get_type_hints(cls.__dict__["__init__"], scope, {"Output": pulumi.Output, "T": Any})
        signature = inspect.signature(cls)
        found = {names[key]: self.kind(hint) for key, hint in hints.items() if key in names}
        required = [names[key] for key, item in signature.parameters.items() if item.default is inspect.Parameter.empty]
        return dict(sorted(found.items())), sorted(required)

    def kind(self, hint: Any) -> Any:
        """Return the table's word for a type hint: "string", or an object that says array, map, object, enum or any_of."""
        if hint in SCALARS:
            return SCALARS[hint]
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            self.enums[hint.__name__] = [str(member.value) for member in hint]
            return {"enum": hint.__name__}
        if isinstance(hint, type) and hint.__name__.endswith("Args"):
            # Two modules of one SDK may have an object of the same name.
            module = hint.__module__.removeprefix(f"pulumi_{self.package}").removesuffix("._inputs").lstrip(".")
            name = "/".join(filter(None, (module, hint.__name__.removesuffix("Args"))))
            if name not in self.objects:
                self.objects[name] = {}
                properties, required = self.properties(hint)
                self.objects[name] = {"properties": properties, "required": required}
            return {"object": name}
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            return self.union(arguments)
        origin_name = getattr(origin, "__name__", "")
        if origin_name == "Sequence":
            return {"array": self.kind(arguments[0])}
        if origin_name == "Mapping":
            return {"map": self.kind(arguments[1])}
        raise SystemExit(f"{self.package}: no word for the type {hint!r}")

    def union(self, arguments: tuple[Any, ...]) -> Any:
        """Return the word for a union: the plain member of an Input, the enum of "string or enum", else all of them."""
        plain = []
        for argument in arguments:
            name = getattr(typing.get_origin(argument) or argument, "__name__", "")
            if argument is type(None) or name in ("Awaitable", "Output"):
                continue
            if isinstance(argument, type) and typing.is_typeddict(argument):
                continue
            plain.append(self.kind(argument))
        enums = [kind for kind in plain if isinstance(kind, dict) and "enum" in kind]
        distinct = [kind for index, kind in enumerate(plain) if kind not in plain[:index]]
        if enums:
            return enums[0]
        return distinct[0] if len(distinct) == 1 else {"any_of": distinct}


def table_of(package: str) -> dict[str, Any]:
    """Return what the installed SDK says about the emulated types of a package."""
    return Introspection(package).table()


TERRAFORM_NAMES = {
    "aws:appautoscaling/policy:Policy": "aws_appautoscaling_policy",
    "aws:appautoscaling/target:Target": "aws_appautoscaling_target",
    "aws:autoscaling/attachment:Attachment": "aws_autoscaling_attachment",
    "aws:cloudwatch/dashboard:Dashboard": "aws_cloudwatch_dashboard",
    "aws:cloudwatch/eventBus:EventBus": "aws_cloudwatch_event_bus",
    "aws:cloudwatch/eventRule:EventRule": "aws_cloudwatch_event_rule",
    "aws:cloudwatch/eventTarget:EventTarget": "aws_cloudwatch_event_target",
    "aws:cloudwatch/logGroup:LogGroup": "aws_cloudwatch_log_group",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "aws_cloudwatch_metric_alarm",
    "aws:ec2/securityGroup:SecurityGroup": "aws_security_group",
    "aws:ec2/subnet:Subnet": "aws_subnet",
    "aws:ec2/vpc:Vpc": "aws_vpc",
    "aws:elasticache/globalReplicationGroup:GlobalReplicationGroup": "aws_elasticache_global_replication_group",
    "aws:elasticache/parameterGroup:ParameterGroup": "aws_elasticache_parameter_group",
    "aws:elasticache/replicationGroup:ReplicationGroup": "aws_elasticache_replication_group",
    "aws:elasticache/subnetGroup:SubnetGroup": "aws_elasticache_subnet_group",
    "aws:elasticache/user:User": "aws_elasticache_user",
    "aws:elasticache/userGroup:UserGroup": "aws_elasticache_user_group",
    "aws:fis/experimentTemplate:ExperimentTemplate": "aws_fis_experiment_template",
    "aws:iam/role:Role": "aws_iam_role",
    "aws:iam/rolePolicy:RolePolicy": "aws_iam_role_policy",
    "aws:kms/alias:Alias": "aws_kms_alias",
    "aws:kms/key:Key": "aws_kms_key",
    "aws:lambda/function:Function": "aws_lambda_function",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "aws_lambda_function_event_invoke_config",
    "aws:lambda/permission:Permission": "aws_lambda_permission",
    "aws:lb/listener:Listener": "aws_lb_listener",
    "aws:lb/listenerRule:ListenerRule": "aws_lb_listener_rule",
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:lb/targetGroup:TargetGroup": "aws_lb_target_group",
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": "aws_lb_target_group_attachment",
    "aws:route53/healthCheck:HealthCheck": "aws_route53_health_check",
    "aws:route53/record:Record": "aws_route53_record",
    "aws:route53/zone:Zone": "aws_route53_zone",
    "aws:secretsmanager/secret:Secret": "aws_secretsmanager_secret",
    "aws:secretsmanager/secretVersion:SecretVersion": "aws_secretsmanager_secret_version",
    "aws:sns/topic:Topic": "aws_sns_topic",
    "aws:sns/topicPolicy:TopicPolicy": "aws_sns_topic_policy",
    "aws:sns/topicSubscription:TopicSubscription": "aws_sns_topic_subscription",
    "aws:sqs/queue:Queue": "aws_sqs_queue",
    "aws:sqs/queuePolicy:QueuePolicy": "aws_sqs_queue_policy",
    "aws:ssm/parameter:Parameter": "aws_ssm_parameter",
}
# Where Pulumi's name is not Terraform's in camel case (pulumi/pulumi-aws provider/resources.go).
RENAMED = {
    ("aws_cloudwatch_metric_alarm", "alarm_name"): "name",
    ("aws_lambda_function", "filename"): "code",
    ("aws_lambda_function", "function_name"): "name",
    ("aws_lambda_permission", "function_name"): "function",
    ("aws_sns_topic_subscription", "topic_arn"): "topic",
}
# What the provider of Pulumi's SDK (6.x) does otherwise than the version that the schema is of: those rows are written by hand.
OUTDATED = {
    ("aws_elasticache_replication_group", "auth_token_update_strategy", "default"),
    ("aws_elasticache_replication_group", "description", "computed"),
    ("aws_elasticache_replication_group", "engine", "default"),
    ("aws_elasticache_replication_group", "engine", "forceNew"),
    ("aws_elasticache_replication_group", "transit_encryption_enabled", "forceNew"),
    ("aws_elasticache_replication_group", "global_replication_group_id", "conflictsWith"),
    ("aws_elasticache_replication_group", "num_cache_clusters", "conflictsWith"),
    ("aws_elasticache_user", "engine", "forceNew"),
    ("aws_elasticache_user_group", "engine", "forceNew"),
    ("aws_fis_experiment_template", "tags", "forceNew"),
    ("aws_ssm_parameter", "insecure_value", "exactlyOneOf"),
}
TERRAFORM_DESCRIPTION, PULUMI_DESCRIPTION = "Managed by Terraform", "Managed by Pulumi"
SCHEMA_MARK = "schema as the provider reports it"


class SchemaRows:
    """Turns the provider's own schema into rule rows of the properties that the SDK has."""

    def __init__(self, schema: dict[str, Any], sdk: dict[str, Any]) -> None:
        self.version = schema["source"].split()[1].split("-")[0]
        self.schemas = schema["resources"]
        self.sdk = sdk

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows."""
        found = []
        for token, terraform in TERRAFORM_NAMES.items():
            known = self.sdk["resources"][token]
            found += self.block(token, terraform, "", self.schemas[terraform]["schema"], {**known["inputs"]})
        return found

    def name(self, terraform: str, attribute: str, known: dict[str, Any]) -> str | None:
        """Return Pulumi's name of an attribute, None when the SDK has no such input."""
        first, *rest = attribute.split("_")
        camel = RENAMED.get((terraform, attribute), first + "".join(word.capitalize() for word in rest))
        spellings = (camel, f"{camel}s", f"{camel.removesuffix('y')}ies", f"{camel}es")
        return next((name for name in spellings if name in known), None)

    def block(
        self, token: str, terraform: str, prefix: str, schema: dict[str, Any], known: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the rows of one block of attributes."""
        found = []
        for attribute, facts in schema.items():
            name = self.name(terraform, attribute, known)
            if name is None:
                continue
            path = f"{prefix}{name}"
            for rule, value, fact in self.rules(terraform, attribute, facts, known, name, nested=bool(prefix)):
                if (terraform, attribute, fact) in OUTDATED:
                    continue
                source = f"hashicorp/terraform-provider-aws {self.version} {SCHEMA_MARK} ({terraform}.{attribute}: {fact})"
                given = {} if value is None else {"value": value}
                found.append({"resource": token, "property": path, "rule": rule, **given, "source": source})
            if "block" in facts:
                kind, deeper = known[name], f"{path}."
                if "array" in kind:
                    kind, deeper = kind["array"], f"{path}[]."
                inside = self.sdk["objects"][kind["object"]]["properties"]
                found += self.block(token, terraform, deeper, facts["block"], inside)
        return found

    def rules(
        self, terraform: str, attribute: str, facts: dict[str, Any], known: dict[str, Any], name: str, *, nested: bool
    ) -> list[tuple[str, Any, str]]:
        """Return rule, value and the fact it comes from for one attribute."""
        found: list[tuple[str, Any, str]] = []
        listed = isinstance(known[name], dict) and "array" in known[name]
        if facts.get("forceNew"):
            found.append(("replaces", None, "forceNew"))
        if facts.get("conflictsWith"):
            found.append(("conflicts_with", self.others(terraform, facts["conflictsWith"], known, ""), "conflictsWith"))
        if facts.get("requiredWith"):
            found.append(("requires", self.others(terraform, facts["requiredWith"], known, name), "requiredWith"))
        if facts.get("exactlyOneOf", [""])[0] == attribute:
            found.append(("exactly_one_of", self.others(terraform, facts["exactlyOneOf"], known, ""), "exactlyOneOf"))
        if "default" in facts and not nested:
            found.append(("default", self.default(facts), "default"))
        if listed and ("minItems" in facts or "maxItems" in facts):
            found.append(("items", [facts.get("minItems"), facts.get("maxItems")], "minItems, maxItems"))
        if listed and facts["type"] == "TypeSet":
            found.append(("set", None, "TypeSet"))
        if facts.get("computed") and not nested:
            found.append(("kept", None, "computed"))
        return [(rule, value, fact) for rule, value, fact in found if value != []]

    def others(self, terraform: str, attributes: list[str], known: dict[str, Any], without: str) -> list[str]:
        """Return the paths of the attributes that a rule names, by Pulumi's names; those that the SDK has."""
        paths = []
        for attribute in attributes:
            words = [word for word in attribute.split(".") if word != "0"]
            inside, names = known if len(words) == 1 else {}, []
            if len(words) > 1:
                inside = self.sdk["resources"][next(key for key, value in TERRAFORM_NAMES.items() if value == terraform)][
                    "inputs"
                ]
            for word in words:
                name = self.name(terraform, word, inside)
                if name is None:
                    break
                names.append(name)
                kind = inside[name]
                inside = (
                    self.sdk["objects"][kind["object"]]["properties"] if isinstance(kind, dict) and "object" in kind else {}
                )
            else:
                paths.append(".".join(names))
        return [path for path in paths if path != without]

    @staticmethod
    def default(facts: dict[str, Any]) -> Any:
        """Return a default as a value of the attribute's type; the descriptions are Pulumi's."""
        text = str(facts["default"])
        if facts["type"] == "TypeBool":
            return text == "true"
        if facts["type"] in ("TypeInt", "TypeFloat"):
            return float(text) if "." in text else int(text)
        return PULUMI_DESCRIPTION if text == TERRAFORM_DESCRIPTION else text


def main() -> None:
    """Rewrite the `sdk` part of every rule table, and with --schema the rows of the real provider's schema."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schema", type=Path, metavar="FILE", help="schema that terraform-provider-aws reports of itself")
    arguments = parser.parse_args()
    for package in RESOURCES:
        path = DATA / f"{package}.json"
        rules: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["rules"] if path.exists() else []
        sdk = table_of(package)
        if package == "aws" and arguments.schema:
            by_hand = [row for row in rules if SCHEMA_MARK not in row["source"]]
            # A row written by hand stands in the place of the schema's.
            known = {(row["resource"], row["property"], row["rule"]) for row in by_hand}
            found = SchemaRows(json.loads(arguments.schema.read_text("utf-8")), sdk).rows()
            rules = [row for row in found if (row["resource"], row["property"], row["rule"]) not in known] + by_hand
        new: dict[str, Any] = {"package": package, "sdk": sdk, "rules": rules}
        path.write_text(render(new), "utf-8")
        print(f"{path.name}: {len(new['sdk']['resources'])} types, {len(new['rules'])} rules")


def render(table: dict[str, Any]) -> str:
    """Return the table as text: one rule a line, so that a change reads well in a diff."""
    rows = ",\n".join("  " + json.dumps(rule, ensure_ascii=False) for rule in table["rules"])
    head = json.dumps({key: value for key, value in table.items() if key != "rules"}, indent=1)
    return f'{head[:-2]},\n "rules": [\n{rows}\n ]\n}}\n'


if __name__ == "__main__":
    main()
