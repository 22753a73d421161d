"""The `robustkit` command: finds subcommands by name, and turns errors into one line and an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import traceback
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from robustkit import __version__
from robustkit.cli.memory import keep_freed_memory
from robustkit.errors import RobustkitError
from robustkit.texts import printable

COMMANDS: dict[str, tuple[str, str]] = {
    "eval": ("robustkit.cli.eval:command", "Evaluate checkpoints under perturbations and attacks."),
    "corrupt": ("robustkit.cli.corrupt:command", "Write a -C set: images under corruptions, on disk."),
    "train": ("robustkit.cli.train:command", "Train a model, so that it degrades less."),
    "demo": ("robustkit.cli.demo:command", "Evaluate bundled checkpoints and write a report, offline."),
    "verify": ("robustkit.cli.verify:command", "Check the stored adversarial examples of a run anew."),
    "show": ("robustkit.cli.show:command", "Summarise a run, or draw what perturbations do."),
    "compare": ("robustkit.cli.compare:command", "Compare models sample by sample, with tests."),
    "report": ("robustkit.cli.report:command", "Write figures, tables and a page from runs."),
    "plot": ("robustkit.cli.plot:command", "Draw one figure for a paper."),
    "init": ("robustkit.cli.init:command", "Write a commented robustkit.toml."),
    "list": ("robustkit.cli.list:command", "List perturbations, attacks, metrics, models, datasets …"),
    "describe": ("robustkit.cli.describe:command", "Show one component: parameters, source, a line to paste."),
    "plugins": ("robustkit.cli.plugins:command", "List plugins and what became of each."),
    "doctor": ("robustkit.cli.doctor:command", "Check plugins and environment."),
    "new-plugin": ("robustkit.cli.new_plugin:command", "Write a plugin package to start from."),
}
"""Where each command is, and its line in `--help`, which must be known without importing it."""

SECTIONS = {
    "Train": ("train",),
    "Evaluate": ("eval", "verify", "corrupt", "demo", "show", "init"),
    "Report": ("compare", "report", "plot"),
    "Extend": ("list", "describe", "plugins", "doctor", "new-plugin"),
}

EPILOG = """\b
Exit codes:
  0    done
  1    a gate failed (--fail-under, --fail-on-regression, --strict), or an adversarial example does not hold
  2    wrong usage, configuration, data or checkpoint
  3    a plugin or the environment failed
  4    finished, but some cells failed, or could not be compared under a gate
  130  interrupted; --resume continues
"""


class LazyGroup(click.Group):
    """A group that imports a subcommand only when it is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Return a command by name."""
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        from robustkit.names import did_you_mean

        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = did_you_mean(args[0], COMMANDS) or "'robustkit --help' lists the commands"
            raise click.UsageError(f"unknown command '{args[0]}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; that the reader of our output has gone is no failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What remains in the buffer must not raise again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, without importing any."""
        for section, names in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, COMMANDS[name][1]) for name in names])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="robustkit %(version)s")
def main() -> None:
    """Measure how a trained model behaves when its inputs degrade, and how far that number can be trusted."""


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the documented code; no traceback reaches the user."""
    signal.signal(signal.SIGTERM, _terminate)
    keep_freed_memory()
    try:
        code = main.main(args=arguments, prog_name="robustkit", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(0)
    except (Exception, KeyboardInterrupt, SystemExit) as error:
        _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _explain(error: BaseException) -> NoReturn:
    """Exit with the code that an error has, after one line that says what it is."""
    match error:
        case click.ClickException():
            _fail(2, error.format_message(), _usage(error))
        case click.Abort() | KeyboardInterrupt():
            _fail(130, "interrupted", "run the same command with --resume to continue")
        case RobustkitError():
            _fail(error.exit_code, error.message, error.hint)
        case SystemExit():
            stop = f"a model, plugin or checkpoint called sys.exit({error.code!r})"
            _fail(3, stop, "mend it: results would be missing")
        case OSError() | MemoryError() | RecursionError():
            _fail(*_environment(error))
    if os.environ.get("ROBUSTKIT_DEBUG"):
        traceback.print_exception(error)
    hint = "this is a defect of robustkit; ROBUSTKIT_DEBUG=1 shows the traceback"
    _fail(3, f"unexpected error: {type(error).__name__}: {error}", hint)


def _environment(error: OSError | MemoryError | RecursionError) -> tuple[int, str, str]:
    """Return code, message and hint for what the machine refused."""
    if isinstance(error, MemoryError):
        return 3, "out of memory", "use a smaller --batch-size, --view or model"
    if isinstance(error, RecursionError):
        return 2, "the input is nested too deeply", "no configuration or file of ours needs so many levels"
    where = f": {error.filename}" if error.filename else ""
    return 3, f"{error.strerror or error}{where}", "check the path, its permissions and the space on the disk"


def _terminate(_number: int, _frame: FrameType | None) -> None:
    # A scheduler's SIGTERM must leave a run as resumable as Ctrl-C does.
    raise KeyboardInterrupt


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"see '{context.command_path} --help'" if isinstance(context, click.Context) else "see 'robustkit --help'"


def _fail(code: int, message: str, hint: str = "") -> NoReturn:
    message, hint = printable(message), printable(hint)
    if "--json" in sys.argv[1:]:
        error: dict[str, Any] = {"code": code, "message": message, "hint": hint}
        with contextlib.suppress(OSError):
            click.echo(json.dumps({"error": error}))
    click.echo(f"robustkit: error: {message}", err=True)
    if hint:
        click.echo(f"  hint: {hint}", err=True)
    sys.exit(code)
