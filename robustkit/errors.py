"""The errors that robustkit raises, and the exit code that the command line gives each."""

from __future__ import annotations


class RobustkitError(Exception):
    """An error meant for the user.

    Args:
        message: one line: what was expected, what was got, and where.
        hint: one line: what to do next. May be empty.
    """

    exit_code = 3

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(RobustkitError):
    """A command, configuration or name that cannot be right."""

    exit_code = 2


class DataError(RobustkitError):
    """Data or a checkpoint that cannot be used as it is."""

    exit_code = 2


class PluginError(RobustkitError):
    """A plugin that is broken, or breaks its contract."""

    exit_code = 3


class RunError(RobustkitError):
    """The run or its environment failed: device, disk, a folder that cannot be written."""

    exit_code = 3
