"""Runs a reporter so that nothing but the files that it writes comes of it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustkit.cli.options import only_results_on_stdout
from robustkit.errors import PluginError, RobustkitError

if TYPE_CHECKING:
    from robustkit.analysis.specs import Report


def run_reporter(name: str, writer: Any, report: Report, folder: Path) -> list[Path]:
    """Return the files that a reporter has written, each below the folder.

    It gets a report of its own and may change neither that of others nor the working directory.

    Args:
        name: of the reporter, for errors.
        writer: the reporter.
        report: what it writes about.
        folder: where it writes; made if it is not there.

    Raises:
        PluginError: the reporter failed, or what it returned is not a list of files below the folder.
        RunError: a file cannot be written.
    """
    from robustkit.analysis.report.written import written_files
    from robustkit.store.atomic import storage_error

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with only_results_on_stdout(), _same_working_directory():
            returned = writer(copy.deepcopy(report), folder.absolute())
        return [folder / path for path in written_files(name, returned, folder.absolute())]
    except RobustkitError:
        raise
    except OSError as error:
        raise storage_error(folder, error) from error
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"reporter '{name}' failed: {type(error).__name__}: {error}", "leave it out with -r, or mend its plugin"
        ) from error


@contextmanager
def _same_working_directory() -> Iterator[None]:
    before = Path.cwd()
    try:
        yield
    finally:
        os.chdir(before)
