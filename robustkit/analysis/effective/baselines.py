"""The models that a line is fitted to: from a table in a file, or from runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

from robustkit.analysis.comparison.comparison import CLEAN, MEAN, Comparison, Scope
from robustkit.analysis.comparison.measure import compare_runs
from robustkit.analysis.comparison.runs import read_runs
from robustkit.analysis.effective.fit import FEWEST, LEAST, Scale
from robustkit.errors import ConfigError, DataError
from robustkit.names import did_you_mean
from robustkit.store.user_table import read_table
from robustkit.texts import printable

_FORM = "the first line is model,clean,SHIFT,…, with a shift called mean, fog or corruptions/fog:severity=3,…"


@dataclass(frozen=True, kw_only=True)
class BaselinePoint:
    """One baseline model.

    Attributes:
        name: of the model.
        clean: its accuracy on clean data.
        shifted: its accuracy under shift.
    """

    name: str
    clean: float
    shifted: float


@dataclass(frozen=True, kw_only=True)
class BaselineFile:
    """A table of accuracies.

    Attributes:
        path: of the file.
        models: names.
        clean: accuracy of each.
        shifts: by name of the shift as the file has it, accuracy of each; None where a field is empty.
    """

    path: Path
    models: tuple[str, ...]
    clean: tuple[float, ...]
    shifts: Mapping[str, tuple[float | None, ...]]

    def points(self, comparison: Comparison, scope: Scope) -> list[BaselinePoint]:
        """Return the models with an accuracy under what the scope is over."""
        name = next((name for name in self.shifts if find_shift(comparison, name) == scope), None)
        if name is None:
            return []
        rows = zip(self.models, self.clean, self.shifts[name], strict=True)
        return [BaselinePoint(name=model, clean=clean, shifted=each) for model, clean, each in rows if each is not None]


@dataclass(frozen=True, kw_only=True)
class EffectiveBaselines:
    """Baseline models and how the line through them is made.

    Attributes:
        files: tables of accuracies.
        runs: comparisons of the models of runs.
        scale: on which the line is straight.
        fewest: how many there must be.
    """

    files: tuple[BaselineFile, ...] = ()
    runs: tuple[Comparison, ...] = ()
    scale: Scale = "logit"
    fewest: int = FEWEST

    def points(self, comparison: Comparison, scope: Scope) -> list[BaselinePoint]:
        """Return the baselines for a shift: models of a file, and of runs on the same samples and conditions."""
        found = [point for file in self.files for point in file.points(comparison, scope)]
        for run in self.runs:
            same = run.scopes.get(scope.id)
            if run.key == comparison.key and same is not None and same.conditions == scope.conditions:
                for subject in run.subjects:
                    clean, shifted = run.of(subject, CLEAN).value, run.of(subject, scope.id).value
                    if clean is not None and shifted is not None:
                        found.append(BaselinePoint(name=subject.name, clean=clean, shifted=shifted))
        return found

    def own(self, comparison: Comparison) -> list[str]:
        """Return the subjects that have a model among the baselines' runs, so that they pull the line to themselves."""
        members = [member for run in self.runs for team in run.teams for member in team.members]
        known = [member.evaluations[0].identity for member in members]
        return [
            team.name
            for team in comparison.teams
            if any(member.evaluations[0].identity in known for member in team.members)
        ]

    def shifts(self, comparison: Comparison) -> list[Scope]:
        """Return what is judged: the shifts that files name, and with runs the means over perturbations and attacks."""
        named = [find_shift(comparison, name) for file in self.files for name in file.shifts]
        scopes = comparison.scopes.values()
        families = [scope for scope in scopes if scope.kind == "family"]
        # With one perturbation its mean is the mean.
        means = [scope for scope in scopes if scope.kind == "mean"] + (families if len(families) > 1 else [])
        strongest = [comparison.scopes[each] for each in comparison.headline if each not in (CLEAN, MEAN)]
        chosen = [*(scope for scope in named if scope is not None), *([*means, *strongest] if self.runs else [])]
        return list({scope.id: scope for scope in chosen if self.points(comparison, scope)}.values())


def read_effective_baselines(
    sources: Sequence[str | os.PathLike[str]], *, scale: Scale = "logit", fewest: int = FEWEST
) -> EffectiveBaselines:
    """Return the baselines in files and runs.

    Args:
        sources: run folders, and CSV or parquet files with the columns `model`, `clean` and one for each shift, whose
            name is that of a column of the report's main table (`mean` for the mean over perturbations), or the
            canonical name of a condition. Fields are shares from 0 to 1; an empty one leaves the model out there.
        scale: `logit` or `probit`.
        fewest: how many baselines there must be, at least 3.

    Raises:
        ConfigError: `fewest` is below 3, or there is no source.
        DataError: a file or run cannot be read, a field is no share, or two files have a model of one name.
    """
    if fewest < LEAST:
        raise ConfigError(f"expected at least {LEAST} baselines, got fewest={fewest}", "two points fit any line")
    if not sources:
        raise ConfigError("expected baseline models, got no file and no run", "name a CSV file or run folders")
    paths = [Path(source) for source in sources]
    folders = [path for path in paths if path.is_dir()]
    files = tuple(_read_file(path) for path in paths if not path.is_dir())
    _check_distinct(files)
    return EffectiveBaselines(
        files=files,
        runs=tuple(compare_runs(read_runs(folders))) if folders else (),
        scale=scale,
        fewest=fewest,
    )


def _check_distinct(files: Sequence[BaselineFile]) -> None:
    """Refuse a model that is in two files: counted twice, it makes the line look surer than it is."""
    seen: dict[str, Path] = {}
    for file in files:
        for name in file.models:
            if name in seen:
                raise DataError(
                    f"{file.path}: expected each baseline model once, got {name} in {seen[name]} as well",
                    "leave it out of one file, or rename it where it is another model",
                )
        seen |= dict.fromkeys(file.models, file.path)


def find_shift(comparison: Comparison, name: str) -> Scope | None:
    """Return what a shift is over, by its id, its title, or the canonical name of a perturbation without severity."""
    scopes = [scope for scope in comparison.scopes.values() if scope.kind != "clean"]
    named = [scope for scope in scopes if name in (scope.id, scope.id.removeprefix("family "))]
    return next(iter(named or [scope for scope in scopes if name == scope.title]), None)


def check_shifts(baselines: EffectiveBaselines, comparisons: Sequence[Comparison]) -> None:
    """Check that something can be judged by the baselines.

    Raises:
        ConfigError: no shift of the baselines was measured.
        DataError: two columns of a file are one shift.
    """
    for file in baselines.files:
        for each in comparisons:
            _check_columns(file, each)
    if any(baselines.shifts(each) for each in comparisons):
        return
    scopes = [scope for each in comparisons for scope in each.scopes.values() if scope.kind != "clean"]
    given = list(dict.fromkeys(name for file in baselines.files for name in file.shifts))
    titles = list(dict.fromkeys(scope.id if scope.kind == "mean" else scope.title for scope in scopes))
    near = next((hint for name in given if (hint := did_you_mean(name, titles))), "")
    what = f"their shifts are {', '.join(given[:6])}" if given else "their runs have other samples or conditions"
    raise ConfigError(
        f"--effective-robustness: no baseline has a shift that was measured here: {what}",
        near or f"measured here: {', '.join(titles[:8]) or 'clean alone; evaluate with -p'}",
    )


def _check_columns(file: BaselineFile, comparison: Comparison) -> None:
    found: dict[str, str] = {}
    for name in file.shifts:
        scope = find_shift(comparison, name)
        if scope is not None and found.setdefault(scope.id, name) != name:
            raise DataError(
                f"{file.path}: expected one column a shift, got '{found[scope.id]}' and '{name}' for {scope.title}",
                "keep one of the two",
            )


def _read_file(path: Path) -> BaselineFile:
    table = read_table(path)
    for name in ("model", "clean"):
        if name not in table:
            raise DataError(f"{path}: expected a column '{name}', got {', '.join(table) or 'none'}", _FORM)
    shifts = [name for name in table if name not in ("model", "clean")]
    if not shifts or not table["model"]:
        raise DataError(f"{path}: expected models with an accuracy under a shift, got none", _FORM)
    models = [printable(str(each)) for each in table["model"]]
    twice = next((name for name in models if models.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: the model {twice} is there twice", "keep one row a model")
    columns = {
        name: tuple(_share(path, model, name, value) for model, value in zip(models, table[name], strict=True))
        for name in ("clean", *shifts)
    }
    clean = [each for each in columns["clean"] if each is not None]
    if len(clean) < len(models):
        raise DataError(f"{path}: a model has no clean accuracy", "fill in the column 'clean', or leave the model out")
    return BaselineFile(
        path=path, models=tuple(models), clean=tuple(clean), shifts={name: columns[name] for name in shifts}
    )


def _share(path: Path, model: str, column: str, value: Any) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, float) and isnan(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 1 or isinstance(value, bool):
        raise DataError(
            f"{path}, {model}, {column}: expected a share from 0 to 1, got {value!r:.40}", "write 43.5 % as 0.435"
        )
    return number
