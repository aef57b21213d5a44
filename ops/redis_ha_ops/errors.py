"""The one exception a user sees: one line that says what is wrong and what to do. Never shows a secret."""

USER_ERROR = 2  # the exit code of every OpsError: "could not look", "did not start"


class OpsError(Exception):
    """Something outside this program keeps it from its work; its text is the line shown to the user."""
