"""Which servers get copies of the documents: the settings, checked, as plain data. No value of an address is in a message."""

from redis_ha.arguments import Checks
from redis_ha.arns import SECRET, check_value

from .function.settings import CONSUL, DEFAULT_MOUNT, MOUNT, SERVER, VAULT
from .plan import Server
from .settings import FailoverCopies, FailoverServer, FailoverVault


def checked_copies(checks: Checks, region: str) -> tuple[Server, ...]:
    """Read `copies`."""
    servers: list[Server] = []
    whole = Checks(checks.mapping("copies"))
    whole.known(tuple(FailoverCopies.__annotations__))
    for kind, block in ((CONSUL, FailoverServer), (VAULT, FailoverVault)):
        if kind not in whole.args:
            continue
        inner = Checks(whole.mapping(kind))
        inner.known(tuple(block.__annotations__))
        url = inner.args.get("url")
        if not isinstance(url, str) or not SERVER.fullmatch(url):
            # Not shown: it may hold a password.
            inner.refuse("url", f"is missing or no https address of a server; give one such as https://{kind}.internal:8200")
        secret = inner.args.get("secret_arn")
        if secret is None:
            inner.refuse("secret_arn", "is missing; give the ARN of the secret with the server's token")
        check_value(inner, "secret_arn", secret, SECRET, region=region)
        hint = f"the path of a mount such as {DEFAULT_MOUNT}"
        mount = inner.text("mount", DEFAULT_MOUNT, MOUNT, hint) if kind == VAULT else ""
        whole.problems += inner.under(kind)
        servers.append(Server(kind, url if isinstance(url, str) else "", secret, mount))
    checks.problems += whole.under("copies")
    return tuple(servers)
