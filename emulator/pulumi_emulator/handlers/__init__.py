"""The emulated resource types: one small handler each."""

from __future__ import annotations

from typing import Final

from pulumi_emulator.handlers import random_values, tls
from pulumi_emulator.handlers.aws import AWS_HANDLERS, FUNCTIONS
from pulumi_emulator.handlers.base import Cloud, Handler, Made, Seen
from pulumi_emulator.handlers.digitalocean import MonitorAlert, Project, ProjectResources, SshKey, Tag, Vpc
from pulumi_emulator.handlers.droplet import Droplet
from pulumi_emulator.handlers.firewall import Firewall

__all__ = ["FUNCTIONS", "HANDLERS", "Cloud", "Handler", "Made", "Seen"]

_ALL: Final[list[Handler]] = [
    Droplet(),
    Firewall(),
    MonitorAlert(),
    Project(),
    ProjectResources(),
    SshKey(),
    Tag(),
    Vpc(),
    random_values.RandomId(),
    random_values.RandomInteger(),
    random_values.RandomPassword(),
    random_values.RandomPet(),
    random_values.RandomString(),
    random_values.RandomUuid(),
    tls.CertRequest(),
    tls.LocallySignedCert(),
    tls.PrivateKey(),
    tls.SelfSignedCert(),
    *AWS_HANDLERS,
]
HANDLERS: Final[dict[str, Handler]] = {handler.token: handler for handler in _ALL}
