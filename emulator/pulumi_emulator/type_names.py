"""How a resource type is shown: as programs write it."""

from __future__ import annotations


def type_name(token: str) -> str:
    """Return a type as programs write it: "aws:elasticache/user:User" is "aws.elasticache.User".

    The module `index` is left out, as the SDKs leave it out: "digitalocean:index/droplet:Droplet" is "digitalocean.Droplet".
    """
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    return ".".join(part for part in (package, module.partition("/")[0], name) if part not in ("", "index"))
