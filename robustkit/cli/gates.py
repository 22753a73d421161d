"""Gates of `robustkit eval`: what `--fail-under` demands of the results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from robustkit.errors import ConfigError

if TYPE_CHECKING:
    from robustkit.config import RunConfig
    from robustkit.host import Host


def read_gate(text: str) -> tuple[str, float]:
    """Return metric and least value of `METRIC=VALUE`.

    Raises:
        ConfigError: it is something else.
    """
    name, _, value = text.rpartition("=")  # The name may hold parameters, as NAME:key=value.
    try:
        return name.strip(), float(value)
    except ValueError:
        raise ConfigError(f"--fail-under: expected METRIC=VALUE, got '{text}'", "for example accuracy=0.8") from None


def _is_metric(row: dict[str, Any], name: str) -> bool:
    metric: str = row["metric"]
    return name in (metric, metric.partition("/")[2])


def check_gates(gates: list[tuple[str, float]], config: RunConfig, host: Host) -> None:
    """Refuse a gate that could never fail or never pass, before anything is computed for it."""
    if not gates:
        return
    from robustkit.engine.metrics import choose_metrics

    chosen = choose_metrics(config, host)
    for name, _ in gates:
        found = [metric for text, metric in chosen.items() if _is_metric({"metric": text}, name.partition("@")[0])]
        if not found:
            raise ConfigError(f"--fail-under: this run has no metric '{name}'", f"it has {', '.join(chosen)}")
        if not getattr(found[0].entry.component, "higher_is_better", False):
            raise ConfigError(f"--fail-under: of '{name}' more is not better", "give a metric such as accuracy")


def missed_gates(gates: list[tuple[str, float]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that are below a gate, each with the value that it should have."""
    return [
        {**{key: row[key] for key in ("model", "condition", "seed", "metric", "value")}, "least": least}
        for name, least in gates
        for row in rows
        if _is_metric(row, name) and (row["value"] is None or row["value"] < least)
    ]
