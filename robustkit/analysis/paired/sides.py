"""The models, or groups of training seeds, that are compared: each from one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robustkit.analysis.comparison.members import Member, find_members
from robustkit.analysis.comparison.named import split_run
from robustkit.analysis.comparison.runs import Run, read_runs
from robustkit.analysis.comparison.teams import Team, gather_teams
from robustkit.errors import ConfigError
from robustkit.names import did_you_mean
from robustkit.texts import printable


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One side of a comparison.

    Attributes:
        label: unique among the sides.
        name: of the model or group in its run.
        run: the run.
    """

    label: str
    name: str
    run: Run

    def members(self, dataset: str) -> tuple[Member, ...]:
        """Return the models behind it, anew: what is added to them for one pair does not reach another."""
        return _choices(self.run, dataset)[self.name]


def open_sides(texts: Sequence[str]) -> list[Side]:
    """Return what `RUN`, `RUN/MODEL` or `RUN:MODEL` names, where MODEL is a model or a group of training seeds.

    Raises:
        ConfigError: fewer than two are named, one is named twice, or a run has no such model, or several of which none
            is named.
        DataError: a run cannot be read.
    """
    found = [split_run(text) or (Path(text), "") for text in texts]
    runs = {run.folder.path.resolve(): run for run in read_runs([folder for folder, _ in found])}
    chosen = [(runs[folder.resolve()], wanted) for folder, wanted in found]
    if len(chosen) == 1:
        raise ConfigError(f"expected two or more runs or models to compare, got one: {texts[0]}", _pairs(chosen[0][0]))
    named = [(run, _choose(run, wanted)) for run, wanted in chosen]
    for place, (run, name) in enumerate(named):
        if (run, name) in named[:place]:
            raise ConfigError(f"'{name}' of {run.folder.path} is named twice", "compare it with another model or run")
    names = [name for _, name in named]
    return [
        Side(label=f"{name} ({run.name})" if names.count(name) > 1 else name, name=name, run=run) for run, name in named
    ]


def _choices(run: Run, dataset: str) -> dict[str, tuple[Member, ...]]:
    """Return what can be named in a run: its groups and lone models, and the models of the groups one by one."""
    members, _ = find_members([(run, dataset)])
    teams, _ = gather_teams(members)
    alone = [Team(name=member.name, members=(member,)) for team in teams for member in team.members]
    return {team.name: team.members for team in (*alone, *teams)}


def _whole(run: Run) -> list[str]:
    """Return the names of groups and lone models, without those of a group's models."""
    teams, _ = gather_teams(find_members([(run, _first_dataset(run))])[0])
    return [team.name for team in teams]


def _first_dataset(run: Run) -> str:
    name: str = list(run.manifest["datasets"])[0]  # noqa: RUF015 - no dataset is an IndexError, of a damaged manifest
    return name


def _choose(run: Run, wanted: str) -> str:
    whole = _whole(run)
    if not wanted and len(whole) == 1:
        return whole[0]
    hint = f"name one: {', '.join(f'{run.folder.path}/{name}' for name in whole[:4])}"
    if not wanted:
        raise ConfigError(f"the run {run.folder.path} has {len(whole)} models or groups", hint)
    choices = _choices(run, _first_dataset(run))
    if printable(wanted) in choices:
        return printable(wanted)
    near = did_you_mean(wanted, list(choices))
    raise ConfigError(f"the run {run.folder.path} has no model or group '{wanted}'", near or hint)


def _pairs(run: Run) -> str:
    names = _whole(run)
    if len(names) < 2:
        return "name another run: robustkit compare RUN_A RUN_B"
    return f"compare two of its models: robustkit compare {' '.join(f'{run.folder.path}/{name}' for name in names[:2])}"
