"""Options that several commands share."""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stdout
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from robustkit.host import Host

F = TypeVar("F", bound=Callable[..., Any])


class FiniteRange(click.FloatRange):
    """A number within a range. click's own lets NaN pass, which lies outside of every comparison."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"expected a number in the range {self._describe_range()}, got {value}", param, ctx)
        return number


def plugin_options(function: F) -> F:
    """Add the options that decide which plugins are loaded."""
    options = [
        click.option(
            "--include",
            multiple=True,
            metavar="FILE.py",
            help="Load an unpackaged plugin from a file. Repeatable.",
        ),
        click.option(
            "--no-plugin", multiple=True, metavar="NAME", help="Leave out a plugin or distribution. Repeatable."
        ),
        click.option("--strict-plugins", is_flag=True, help="Stop if any plugin cannot be loaded."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout, errors too.")(
        function
    )


def load_plugins(include: tuple[str, ...], no_plugin: tuple[str, ...], strict_plugins: bool) -> Host:
    """Return the host; each plugin that cannot be loaded is named once on stderr."""
    from robustkit.host.manager import load_host_from_environment

    with only_results_on_stdout():
        return load_host_from_environment(
            include=include,
            block=no_plugin,
            strict=strict_plugins,
            warn=lambda message: click.echo(f"robustkit: warning: {message}", err=True),
        )


def only_results_on_stdout() -> AbstractContextManager[object]:
    """Send what models and plugins print to stderr: stdout carries the result alone."""
    return redirect_stdout(sys.stderr or io.StringIO())
