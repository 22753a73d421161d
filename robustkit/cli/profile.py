"""How `--profile` is shown: where the time of a run went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from robustkit.texts import printable


def profile_table(profile: Mapping[str, Any]) -> str:
    """Return a table with one line a section and part of it: seconds, share of the run, samples a second.

    Sections that took no time are left out.

    Args:
        profile: as `evaluate` returns it and the manifest has it.
    """
    rows = [("", "wall s", "share", "CPU s", "samples/s")]
    for name, spent in profile["sections"].items():
        if spent["wall_s"]:
            rows.append(_row(name, spent, profile))
            rows += [_row(f"  {printable(part)}", each, profile) for part, each in spent.get("parts", {}).items()]
    rows.append(_row("total", profile, profile))
    width = max(len(row[0]) for row in rows)
    lines = [f"{name:<{width}}{wall:>10}{share:>8}{cpu:>10}{rate:>11}" for name, wall, share, cpu, rate in rows]
    cells, samples = (f"{profile[name]:,} {name}" for name in ("cells", "samples"))
    heading = f"Time of this run: {cells} ({profile['cells_per_s']:.3g}/s), {samples}"
    return "\n".join([heading, *(line.rstrip() for line in lines)]) + "\n"


def _row(name: str, spent: Mapping[str, Any], whole: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    wall = spent["wall_s"]
    share = f"{wall / whole['wall_s']:.1%}" if whole["wall_s"] else ""
    rate = f"{spent['samples'] / wall:,.0f}" if spent["samples"] and wall else ""
    return name, f"{wall:.2f}", share, f"{spent['cpu_s']:.2f}", rate
