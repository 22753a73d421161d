"""What corruption errors are divided by: a table of a known model's errors, or a model of another run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from robustkit.analysis.comparison.named import split_run
from robustkit.analysis.comparison.runs import Run, read_runs
from robustkit.analysis.corruption.error import SEVERITIES
from robustkit.errors import ConfigError, DataError
from robustkit.names import did_you_mean

_FORM = (
    'write name = "…", source = "…", clean = 0.4 and [errors] with "corruptions/fog" = [0.1, 0.2, 0.3, 0.4, 0.5] for '
    "the severities 1 to 5; docs/reports.md has an example"
)


@dataclass(frozen=True, kw_only=True)
class TableBaseline:
    """Errors of a known model.

    Attributes:
        name: of the model.
        source: where the numbers come from.
        errors: by qualified name of the corruption, shares of wrong answers at severities 1 to 5.
        clean: the share on clean images; None if it is not known, and then there is no relative CE.
        benchmark: `imagenet-c` if these are the errors by which that benchmark defines its mCE; else empty.
    """

    name: str
    source: str
    errors: Mapping[str, tuple[float, ...]]
    clean: float | None = None
    benchmark: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunBaseline:
    """A model of a run.

    Attributes:
        run: the run.
        model: its name there.
    """

    run: Run
    model: str
    benchmark: str = field(default="", init=False)

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.model} ({self.run.name})"

    @property
    def source(self) -> str:
        """Where its errors are from."""
        return f"the run {self.run.name}"


CorruptionBaseline = TableBaseline | RunBaseline


def read_baseline(path: str | Path) -> TableBaseline:
    """Return the table in a TOML file.

    Args:
        path: of a file with `name`, `source`, perhaps `clean` and `benchmark`, and a table `errors`: by qualified
            name of the corruption, five shares of wrong answers, at severities 1 to 5.

    Raises:
        DataError: it cannot be read, or an entry is not as it should be.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text("utf8"))
    except OSError as error:
        raise DataError(f"the baseline {path} cannot be read: {error.strerror or error}", "check the path") from error
    except ValueError as error:
        raise DataError(f"the baseline {path} cannot be read as TOML: {error}", _FORM) from error
    errors = raw.get("errors")
    if not isinstance(errors, dict) or not errors:
        raise DataError(f"the baseline {path}: expected a table 'errors' with entries, got {errors!r:.60}", _FORM)
    return TableBaseline(
        name=_text(path, raw, "name"),
        source=_text(path, raw, "source"),
        errors={name: _five(path, name, values) for name, values in errors.items()},
        clean=_share(path, "clean", raw["clean"]) if "clean" in raw else None,
        benchmark=_text(path, raw, "benchmark") if "benchmark" in raw else "",
    )


def open_run_baseline(text: str) -> RunBaseline | None:
    """Return the model that `RUN`, `RUN/MODEL` or `RUN:MODEL` names, or None where no part of it is a run folder.

    Raises:
        ConfigError: the run has no such model, or several of which none is named.
        DataError: the run cannot be read.
    """
    found = split_run(text)
    if found is None:
        return None
    (run,) = read_runs([found[0]])
    return RunBaseline(run=run, model=_model(run, text, found[1]))


def _model(run: Run, text: str, wanted: str) -> str:
    models: list[str] = list(run.manifest["models"])
    if wanted in models:
        return wanted
    if not wanted and len(models) == 1:
        return models[0]
    hint = f"name one: {', '.join(f'{run.folder.path}/{model}' for model in models[:4])}"
    if not wanted:
        raise ConfigError(f"--baseline: the run {text} has {len(models)} models", hint)
    near = did_you_mean(wanted, models)
    raise ConfigError(f"--baseline: the run {run.folder.path} has no model '{wanted}'", near or hint)


def _five(path: Path, name: str, values: Any) -> tuple[float, ...]:
    if "/" not in name:
        raise DataError(
            f"the baseline {path}: expected qualified names of corruptions, got '{name}'",
            f'write "corruptions/{name}", as results have it',
        )
    if not isinstance(values, list) or len(values) != len(SEVERITIES):
        raise DataError(f"the baseline {path}, {name}: expected five shares of errors, got {values!r:.60}", _FORM)
    return tuple(_share(path, name, value) for value in values)


def _share(path: Path, name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise DataError(
            f"the baseline {path}, {name}: expected shares of errors from 0 to 1, got {value!r:.60}",
            "write 43.5 % as 0.435",
        )
    return float(value)


def _text(path: Path, raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    if isinstance(value, str) and value.strip():
        return value
    raise DataError(f"the baseline {path}: expected {key} = a text, got {value!r:.60}", _FORM)
