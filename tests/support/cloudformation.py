"""AWS's own schemas as a judge that knows nothing of Pulumi: resources as CloudFormation, through cfn-lint."""

import json
from typing import Any

REGION = "eu-central-1"


def lint(resources: dict[str, Any]) -> list[str]:
    """What cfn-lint finds wrong with resources."""
    # It loads a computer algebra system, and every worker of a run collects the tests that use it.
    from cfnlint.api import lint as cfn_lint  # type: ignore[import-untyped]

    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    found = cfn_lint(json.dumps(template), regions=[REGION])
    return [f"{match.rule.id} {match.path}: {match.message}" for match in found]
