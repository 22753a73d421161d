"""Gates of `robustkit eval`: what `--fail-under` demands of the results."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from robustkit.errors import ConfigError

if TYPE_CHECKING:
    from robustkit.config import RunConfig
    from robustkit.host import Host


def read_gate(text: str) -> tuple[str, float]:
    """Return metric and least value of `METRIC=VALUE`.

    Raises:
        ConfigError: it is something else, or the value is not finite.
    """
    name, _, value = text.rpartition("=")  # The name may hold parameters, as NAME:key=value.
    try:
        least = float(value)
    except ValueError:
        least = float("nan")
    if not isfinite(least):
        raise ConfigError(
            f"--fail-under: expected METRIC=VALUE with a finite number, got '{text}'", "for example accuracy=0.8"
        )
    return name.strip(), least


def _names(metric: str, gate: str) -> bool:
    """Return whether a gate is on a metric, or on the whole that it is a part of."""
    whole, short = metric.partition("@")[0], metric.partition("/")[2]
    return gate in (metric, short, whole, whole.partition("/")[2])


def check_gates(gates: list[tuple[str, float]], config: RunConfig, host: Host) -> None:
    """Refuse a gate on a metric that the run has not, or of which more is not better, before anything is computed.

    Which parts a metric has is known with its results alone: a gate on one that there is not is missed then.

    Raises:
        ConfigError: there is such a gate.
    """
    if not gates:
        return
    from robustkit.engine.metrics import choose_metrics

    chosen = choose_metrics(config, host)
    for name, _ in gates:
        wholes = (name, name.rpartition("@")[0])
        found = [metric for text, metric in chosen.items() if any(_names(text, each) for each in wholes)]
        if not found:
            raise ConfigError(f"--fail-under: this run has no metric '{name}'", f"it has {', '.join(chosen)}")
        if not getattr(found[0].entry.component, "higher_is_better", False):
            raise ConfigError(f"--fail-under: of '{name}' more is not better", "give a metric such as accuracy")


def missed_gates(gates: list[tuple[str, float]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that are below a gate or undefined, each with the value that it should have.

    A gate on a metric with parts is on every part. One that no row answers to is missed as well, without model,
    condition, seed and value: nothing shows that it holds.
    """
    return [missed for name, least in gates for missed in _missed(name, least, rows)]


def _missed(name: str, least: float, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [row for row in rows if _names(row["metric"], name)]
    if not found:
        return [{"model": None, "condition": None, "seed": None, "metric": name, "value": None, "least": least}]
    return [
        {**{key: row[key] for key in ("model", "condition", "seed", "metric", "value")}, "least": least}
        for row in found
        if row["value"] is None or row["value"] < least
    ]


def gate_text(missed: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return a line on a gate that was missed, of those that `missed_gates` returns."""
    metric, value = missed["metric"], missed["value"]
    if missed["model"] is None:
        listed = ", ".join(list(dict.fromkeys(row["metric"] for row in rows))[:12]) or "none"
        return f"no row of this run is called '{metric}', so nothing shows that it holds; its rows are {listed}"
    what = "is undefined" if value is None else f"is {value}"
    return f"{missed['model']} · {missed['condition']}: {metric} {what}, not {missed['least']:g} or more"
