"""Logging in to ElastiCache with IAM: a token that is signed anew for every connection by the process's AWS credentials.

The token is a presigned GET of the action `connect` on the cache's own name, without its scheme:
docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html and aws-samples/elasticache-iam-auth-demo-app
(IAMAuthTokenRequest.java). Signing costs no request to AWS, so nothing is kept: a token that outlives the session that
signed it is refused (aws-samples/elasticache-iam-auth-demo-app#19).
"""

import asyncio
import threading
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlencode

import redis
from redis import exceptions

from .documents import IamLogin
from .errors import DocumentError

TOKEN_SECONDS = 900  # the longest that ElastiCache takes (same page)
_SERVICE = "elasticache"


class SignedLogin(redis.CredentialProvider):
    """Gives user name and a fresh token at every connect. Needs botocore: `pip install 'redis-ha-client[iam]'`."""

    def __init__(self, username: str, login: IamLogin) -> None:
        self.username = username
        self.login = login
        self._lock = threading.Lock()
        self._signer: Any = None  # made by the first token: botocore may look for a role's credentials in the network
        if find_spec("botocore") is None:
            raise DocumentError(
                "credentials.iam is given, but botocore, which signs the token, is not installed: "
                "pip install 'redis-ha-client[iam]'"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle without the signer, which is made anew."""
        return type(self), (self.username, self.login)

    def __repr__(self) -> str:
        return f"<SignedLogin {self.username} at {self.login.resource}>"

    def get_credentials(self) -> tuple[str, str]:
        """Sign a token; called by redis-py in the thread that connects."""
        with self._lock:  # botocore renews the credentials of a role in here; one thread at a time is enough
            self._signer = self._signer or signer_of(self.login.region)
            try:
                return self.username, token(self._signer, self.username, self.login)
            except exceptions.AuthenticationError:
                self._signer = None  # it keeps what it found; the credentials may be there the next time
                raise

    async def get_credentials_async(self) -> tuple[str, str]:
        """Sign a token beside the event loop: botocore may ask the machine's metadata service for the role's credentials."""
        return await asyncio.to_thread(self.get_credentials)


def token(signer: Any, username: str, login: IamLogin) -> str:
    """Return the presigned request that ElastiCache takes as a password."""
    from botocore import exceptions as botocore_exceptions  # noqa: PLC0415

    query = {"Action": "connect", "User": username, **({"ResourceType": "ServerlessCache"} if login.serverless else {})}
    request = {
        "method": "GET",
        "url": f"https://{login.resource}/?{urlencode(query)}",
        "body": {},
        "headers": {},
        "context": {},
    }
    try:
        signed: str = signer.generate_presigned_url(
            request, operation_name="connect", expires_in=TOKEN_SECONDS, region_name=login.region
        )
    except botocore_exceptions.BotoCoreError as error:
        raise exceptions.AuthenticationError(
            f"no token can be signed for user {username!r} at {login.resource} ({error}): give this process AWS credentials "
            "(a role, AWS_PROFILE or AWS_ACCESS_KEY_ID) that may elasticache:Connect"
        ) from error
    return signed.removeprefix("https://")


def signer_of(region: str) -> Any:
    """Return botocore's signer with the AWS credentials of this process."""
    import botocore.session  # noqa: PLC0415
    from botocore.model import ServiceId  # noqa: PLC0415
    from botocore.signers import RequestSigner  # noqa: PLC0415

    session = botocore.session.get_session()
    return RequestSigner(
        ServiceId(_SERVICE),
        region,
        _SERVICE,
        "v4",
        session.get_credentials(),  # type: ignore[arg-type]  # None is told as NoCredentialsError when it signs
        session.get_component("event_emitter"),
    )
