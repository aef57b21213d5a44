"""ElastiCache on the endpoint: takes requests from moto's dispatcher, answers them in the form of botocore's service model."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, ClassVar, Final

import moto.elasticache.urls
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

from pulumi_emulator.aws.elasticache import jobs
from pulumi_emulator.aws.elasticache.account import Account
from pulumi_emulator.aws.elasticache.faults import Fault, refuse
from pulumi_emulator.aws.elasticache.operations import OPERATIONS
from pulumi_emulator.aws.elasticache.refusal import VALUE
from pulumi_emulator.aws.event_bus.trail import ApiCall
from pulumi_emulator.errors import EmulatorError

if TYPE_CHECKING:
    from pulumi_emulator.aws.event_bus.service import Buses

# Each registers its operations when it is imported.
MODULES: Final = (
    "engines",
    "failover",
    "global_changes",
    "global_groups",
    "groups",
    "modify",
    "events",
    "parameters",
    "scaling",
    "serverless",
    "snapshots",
    "subnets",
    "tags",
    "user_groups",
    "users",
)
# What a group's nodes notice although the group itself is not changed.
CHANGES_BESIDE: Final = frozenset(
    {"ModifyUser", "DeleteUser", "ModifyUserGroup", "ModifyCacheParameterGroup", "ResetCacheParameterGroup"}
)
API_VERSION: Final = "2015-02-02"  # botocore elasticache, apiVersion
PAGE: Final = 100  # botocore Describe... MaxRecords: default 100


class ElastiCache(BaseResponse):
    """The emulated service in the place of moto's."""

    account: ClassVar[Account]

    def __init__(self) -> None:
        super().__init__(service_name="elasticache")
        self.automated_parameter_parsing = True

    def call_action(self) -> Any:
        """Answer one request; what goes wrong is answered as a fault too."""
        name = self._get_action()
        try:
            result: Any = self._run(name)
        except Fault as fault:
            result = fault
        except EmulatorError as error:
            result = Fault("InternalFailure", str(error))
        if self.account.buses is not None:
            self._tell(self.account.buses, name, result)
        status, headers, body = self.serialized(ActionResult(result))
        return status, *self._enrich_response(headers, body)

    def _tell(self, buses: Buses, name: str, result: Any) -> None:
        """Tell EventBridge of the call."""
        error = (str(result.code), str(result.message)) if isinstance(result, Fault) else None
        given = {key: value for key, value in dict(self.params).items() if value is not None}
        now = self.account.clock.now()
        answer = {} if error else result
        buses.api_call(ApiCall("elasticache", API_VERSION, name, self.region, given, now, answer, error))

    def _run(self, name: str) -> dict[str, Any]:
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Fault(VALUE, f"the emulator has no operation {name} of ElastiCache")
        given = {key: value for key, value in dict(self.params).items() if value is not None}
        operation.check(given)
        with self.account.lock:
            region = self.account.region(self.region)
            answer = page(operation.run(region, given), given)
            if name in CHANGES_BESIDE:
                # Of all Regions: a member of a Global Datastore has its parameters in common with the others.
                for place in list(self.account.regions.values()):
                    for group in list(place.groups.values()):
                        jobs.catch_up(place, group)
            return answer

    def parse_parameters(self, request: Any) -> None:
        """Read the input, except of an operation that AWS does not have either."""
        if self._get_action() in get_service_model("elasticache").operation_names:
            super().parse_parameters(request)
        else:
            self.params = {}


def page(answer: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Cut the list of an answer where a page was asked for; the marker is the place of the next one."""
    size = int(given.get("MaxRecords") or given.get("MaxResults") or 0)
    marker = given.get("Marker") or given.get("NextToken") or "0"
    lists = [key for key, value in answer.items() if isinstance(value, list)]
    if not lists or (not size and marker == "0"):
        return answer
    if not marker.isdigit():
        raise refuse("marker", value=marker)
    start, rows = int(marker), answer[lists[0]]
    end = start + (size or PAGE)
    answer = {**answer, lists[0]: rows[start:end]}
    if end < len(rows):
        answer["NextToken" if "MaxResults" in given or "NextToken" in given else "Marker"] = str(end)
    return answer


def load() -> None:
    """Let every module register its operations."""
    for module in MODULES:
        importlib.import_module(f"pulumi_emulator.aws.elasticache.{module}")


def install(account: Account) -> None:
    """Put this service into the place of moto's; before the first request."""
    load()
    ElastiCache.account = account
    moto.elasticache.urls.url_paths["{0}/$"] = ElastiCache.dispatch
