"""The type tokens of the DigitalOcean resources that refer to each other."""

from typing import Final

VPC: Final = "digitalocean:index/vpc:Vpc"
TAG: Final = "digitalocean:index/tag:Tag"
SSH_KEY: Final = "digitalocean:index/sshKey:SshKey"
PROJECT: Final = "digitalocean:index/project:Project"
PROJECT_RESOURCES: Final = "digitalocean:index/projectResources:ProjectResources"
DROPLET: Final = "digitalocean:index/droplet:Droplet"
FIREWALL: Final = "digitalocean:index/firewall:Firewall"
MONITOR_ALERT: Final = "digitalocean:index/monitorAlert:MonitorAlert"
