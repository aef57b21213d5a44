"""AWS's own schemas as a judge that knows nothing of Pulumi: resources as CloudFormation, through cfn-lint."""

import json
from typing import Any

from cfnlint.api import lint_all


def lint(resources: dict[str, Any]) -> list[str]:
    """What cfn-lint finds wrong with resources; its hints (I..), which are about templates, left aside."""
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    found = lint_all(json.dumps(template))
    return [f"{match.rule.id} {match.path}: {match.message}" for match in found if not match.rule.id.startswith("I")]
