"""A stack's documents from environment variables, as text or as files."""

import os
from pathlib import Path

from .errors import DocumentError

PREFIX = "REDIS_HA"


def documents_from_env(prefix: str) -> tuple[str | bytes, str | bytes]:
    """Return the texts of `connection` and `credentials` from `<prefix>_CONNECTION` and `<prefix>_CREDENTIALS`.

    A value that begins with `{` is the document, any other is the path of a file that holds it. Raises DocumentError that
    names the variables, and shows the value of none.
    """
    names = f"{prefix}_CONNECTION", f"{prefix}_CREDENTIALS"
    missing = [name for name in names if not os.environ.get(name, "").strip()]
    if missing:
        raise DocumentError(
            f"environment: {' and '.join(missing)} not set: give the stack's output of that name as JSON text, or the path of "
            "a file that holds it"
        )
    connection, credentials = (_document(name) for name in names)
    return connection, credentials


def _document(name: str) -> str | bytes:
    value = os.environ[name].strip()
    if value.startswith("{"):
        return value
    try:
        return Path(value).read_bytes()
    except (OSError, ValueError) as error:
        # Neither the value nor the error's text: a secret may stand there by mistake.
        why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise DocumentError(
            f"environment: {name} is no JSON object (it does not begin with {{), and no file of that name can be read ({why}): "
            "give the document's JSON text, or the path of a file that holds it"
        ) from None
