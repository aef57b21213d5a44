"""A rule that the service holds, and the words that such rules have in common: names of faults, and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Sources. "botocore" is the service model that botocore 1.44.5 ships (data/elasticache/2015-02-02/service-2.json).
CREATE: Final = "botocore CreateReplicationGroup"
MODIFY: Final = "botocore ModifyReplicationGroup"
DG: Final = "docs.aws.amazon.com/AmazonElastiCache/latest/dg/"
PROVIDER: Final = "hashicorp/terraform-provider-aws internal/service/elasticache/"

COMBINATION: Final = "InvalidParameterCombinationException"
VALUE: Final = "InvalidParameterValueException"
GROUP_STATE: Final = "InvalidReplicationGroupStateFault"
GLOBAL_STATE: Final = "InvalidGlobalReplicationGroupStateFault"


@dataclass(frozen=True)
class Refusal:
    """One rule: the fault that breaking it gives (its name in the service's model), the text, and the rule's source."""

    fault: str
    text: str
    source: str
