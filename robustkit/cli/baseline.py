"""What models are held against: `--baseline`, one table or model; `--effective-robustness`, several models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from robustkit.errors import ConfigError

if TYPE_CHECKING:
    from robustkit.analysis.corruption.baseline import CorruptionBaseline
    from robustkit.analysis.effective.baselines import EffectiveBaselines
    from robustkit.host import Host


def find_baseline(text: str, host: Host) -> CorruptionBaseline:
    """Return the baseline; a path that exists comes before a registered name.

    Raises:
        ConfigError: there is no such file, run, model or registered table.
        DataError: the table or the run cannot be read.
    """
    from robustkit.analysis.corruption.baseline import open_run_baseline, read_baseline
    from robustkit.config.shorthand import parse_shorthand

    if Path(text).is_file():
        return read_baseline(text)
    run = open_run_baseline(text)
    if run is not None:
        return run
    message = f"--baseline: '{text}' is no table, no run folder with a model, and no registered baseline"
    try:
        raw = parse_shorthand(text)
    except ConfigError:
        raise ConfigError(message, "write RUN/MODEL, a file, or a name of 'robustkit list baselines'") from None
    try:
        entry = host.catalog.find("baseline", raw.pop("name"))
    except ConfigError as error:
        raise ConfigError(message, error.hint) from None
    return read_baseline(host.build(entry, raw))


def find_effective(
    sources: tuple[str, ...], scale: Literal["logit", "probit"], fewest: int
) -> EffectiveBaselines | None:
    """Return the models to which lines are fitted, or None where none are named.

    Raises:
        DataError: a file or a run cannot be read.
    """
    if not sources:
        return None
    from robustkit.analysis.effective.baselines import read_effective_baselines

    return read_effective_baselines(sources, scale=scale, fewest=fewest)
