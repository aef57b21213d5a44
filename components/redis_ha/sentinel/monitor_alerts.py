"""Alerts of DigitalOcean's monitoring on the droplets of a cluster. It knows the machines, and nothing of Redis or Sentinel."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_digitalocean as digitalocean

# The shortest window is 5m (terraform-provider-digitalocean, resource_monitor_alert.go): no failover is seen by these.
WINDOW = "10m"


@dataclass(frozen=True)
class MonitorAlert:
    """One alert: it rings when the mean over WINDOW is above `percent`."""

    key: str
    metric: str
    percent: int
    says: str


ALERTS = (
    MonitorAlert("processor", "cpu", 90, "the processor is busy"),
    MonitorAlert("memory", "memory_utilization_percent", 90, "memory runs out"),
    MonitorAlert(
        "disk", "disk_utilization_percent", 80, "the disk fills: Redis writes its dump and its append-only file anew beside it"
    ),
)


def make_monitor_alerts(
    name: str, cluster: str, tag: pulumi.Output[str], emails: Sequence[str], opts: pulumi.ResourceOptions
) -> dict[str, digitalocean.MonitorAlert]:
    """Make the alerts of a cluster, by key; none without an address. `tag` is that of its droplets."""
    if not emails:
        return {}
    return {
        alert.key: digitalocean.MonitorAlert(
            f"{name}-{alert.key}-alert",
            type=f"v1/insights/droplet/{alert.metric}",
            compare="GreaterThan",
            value=float(alert.percent),
            window=WINDOW,
            description=f"redis-ha {cluster}: {alert.says}",
            tags=[tag],
            alerts=digitalocean.MonitorAlertAlertsArgs(emails=list(emails)),
            opts=opts,
        )
        for alert in ALERTS
    }
