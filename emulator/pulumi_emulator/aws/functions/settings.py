"""What decides how a function runs, as plain data, and what its process finds in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pulumi_emulator.aws.access import Endpoint, environment_of

LATEST: Final = "$LATEST"
# Variables that a function cannot set (docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Reserved").
RESERVED: Final = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)


@dataclass(frozen=True)
class Settings:
    """A function as it is now. Two that are equal can have the same process."""

    arn: str
    name: str
    region: str
    handler: str
    runtime: str
    role: str
    memory: int
    timeout: int
    code: str
    variables: tuple[tuple[str, str], ...] = ()
    log_group: str = ""
    log_format: str = "Text"
    in_vpc: bool = False

    @property
    def group(self) -> str:
        """Its log group (docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html)."""
        return self.log_group or f"/aws/lambda/{self.name}"


def settings_of(function: Any) -> Settings:
    """Return the settings of moto's function."""
    logging = getattr(function, "logging_config", {}) or {}
    return Settings(
        arn=str(function.function_arn),
        name=str(function.function_name),
        region=str(function.region),
        handler=str(function.handler or ""),
        runtime=str(function.run_time or ""),
        role=str(function.role),
        memory=int(function.memory_size),
        timeout=int(function.timeout),
        code=str(function.code_sha_256),
        variables=tuple(sorted(function.environment_vars.items())),
        log_group=str(logging.get("LogGroup", "")),
        log_format=str(logging.get("LogFormat", "Text")),
        in_vpc=bool((function.vpc_config or {}).get("SubnetIds")),
    )


def environment(settings: Settings, stream: str, root: str, endpoint: Endpoint) -> dict[str, str]:
    """Return the whole environment of a process: what Lambda sets, the function's variables, and the way to this account.

    The endpoint's key is that of the function's role.

    docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, "Defined runtime environment variables". Nothing of the
    emulator's own environment is in it. TZ is UTC there too.
    """
    own = {
        "_HANDLER": settings.handler,
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{settings.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": settings.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": settings.group,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_LOG_FORMAT": settings.log_format,
        "LAMBDA_TASK_ROOT": root,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        **environment_of(endpoint),
    }
    # What the real process does not have: that there is nothing to be found elsewhere.
    here = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1",
    }
    common = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": ":UTC"}
    return {**common, **here, **dict(settings.variables), **own}
