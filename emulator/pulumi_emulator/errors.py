"""What goes wrong for a user of the emulator, as one line that says what to do."""

from __future__ import annotations


class EmulatorError(Exception):
    """Something the user can put right: the message names the thing, its value (never a secret's) and the remedy.

    The command line prints the message alone, without a traceback, and ends with a non-zero status.
    """


class InterruptedCommandError(EmulatorError):
    """The user has ended the command: nothing more is begun."""


class UnreadableError(EmulatorError):
    """A file of the stack's own is damaged or gone: only `destroy` helps. What is wrong stands before the first semicolon."""


class NoStackError(EmulatorError):
    """There is no emulated stack of this name."""
