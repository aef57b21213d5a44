"""The words of a command as redis-py is given them: text, bytes, numbers."""

from collections.abc import Sequence


def text_of(word: object) -> str:
    """Return a word as text."""
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


def command_name(args: Sequence[object]) -> str:
    """Return the command's first word for errors: never its arguments, which are the user's data."""
    return text_of(args[0]).split(" ", 1)[0]
