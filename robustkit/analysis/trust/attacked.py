"""What an attack was counted on, whether its inputs stand up, and whether it was strong enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from robustkit.analysis.statistics.intervals import wilson_interval
from robustkit.analysis.trust.sealed import Cell
from robustkit.store.checks import Check, Number, Probed, Status, judged, not_run

SLACK = 1e-5
"""How far above eps, relative to it, a stored norm may lie: norms are stored as float32."""

MISSED = 2
"""Samples that robustkit's probes break and the run's attacks do not, from which it warns: one may be chance."""

MANY = 0.1
"""Share of the probed samples above which the same fails, if it is more than MISSED: then the run's robust accuracy is
off by as much."""


def attack_checks(cell: Cell) -> list[Check]:
    """Return the checks of one attacked cell."""
    if cell.records is None:
        return not_run(("denominators", "verified"), "the cell has no result")
    return [_denominators(cell), _verified(cell)]


def _denominators(cell: Cell) -> Check:
    """Return what the shares rest on: robust accuracy on all samples, success on those that were right before."""
    assert cell.records is not None
    tried = cell.records["broken_by"] != "clean"
    n, robust, attacked = len(cell.right), int(cell.right.sum()), int(tried.sum())
    low, high = wilson_interval(robust, n)
    numbers: dict[str, Number] = {
        "n": n,
        "right_before": attacked,
        "robust": robust,
        "robust_accuracy": robust / n,
        "robust_low": low,
        "robust_high": high,
    }
    if attacked:
        broken = int((tried & ~cell.right).sum())
        low, high = wilson_interval(broken, attacked)
        numbers |= {"success_rate": broken / attacked, "success_low": low, "success_high": high}
    advice = "no sample was right before, so nothing was attacked: look at the clean accuracy first"
    return judged("denominators", "pass" if attacked else "fail", numbers, advice)


def _verified(cell: Cell) -> Check:
    """Return whether what is stored agrees: what counts as broken is misclassified, and every change is in the ball."""
    records = cell.records
    assert records is not None
    broken = (records["broken_by"] != "") & (records["broken_by"] != "clean")
    eps = cell.ball[1]
    outside = int((~(records["norm"] <= eps * (1 + SLACK) + 1e-7)).sum())
    contradicting = int((broken & cell.right).sum() + ((records["broken_by"] == "") & ~cell.right).sum())
    changed = int(((records["broken_by"] == "clean") & cell.right).sum())
    numbers: dict[str, Number] = {
        "verified": int((broken & ~cell.right).sum()),
        "outside_eps": outside,
        "contradicting": contradicting,
        "wrong_before_and_right_after": changed,
        "largest_norm": float(records["norm"].max()),
        "eps": eps,
    }
    if outside or contradicting:
        advice = "records contradict one another or leave the threat model: repeat the run in a new folder"
        return judged("verified", "fail", numbers, advice)
    # Of an input that was not touched; rounding can do that to a tie, and noise to many.
    advice = "the same input was wrong first and right then: the model does not always give the same answer"
    return judged("verified", "warn" if changed else "pass", numbers, advice)


def strength(probed: Probed, cells: Sequence[Cell]) -> Check:
    """Return whether the worst case over the run's attacks of a threat model has what robustkit's probes found.

    Several attacks and seeds count together, sample by sample: the worst case is what one reports.

    Args:
        probed: what the probes of one model broke.
        cells: the attacked cells of that model, of any threat model.
    """
    same = [each for each in cells if each.ball == (probed.norm, probed.eps) and each.records is not None]
    if not same:
        return not_run(["strength"], "no attack of this norm and eps has a result")[0]
    standing = set(probed.broken)
    for cell in same:
        assert cell.records is not None
        standing -= set(cell.records["id"][~cell.right].tolist())
    missed = len(standing)
    many = max(MISSED, MANY * len(probed.ids))
    status: Status = "pass" if missed < MISSED else "fail" if missed > many else "warn"
    numbers: dict[str, Number] = {
        "norm": probed.norm,
        "eps": probed.eps,
        "n": len(probed.ids),
        "robust_after_the_run": len(set(probed.ids) - _broken(same)),
        "robust_after_probes": len(probed.ids) - len(probed.broken),
        "missed": missed,
        "bar": MISSED,
    }
    advice = (
        "robust accuracy is overstated: robustkit's small probes (20 steps on two losses, random corners, a random "
        "search) break samples that this run's attacks left standing. Use a stronger attack (-a standard:eps=…)"
    )
    return judged("strength", status, numbers, advice)


def _broken(cells: Sequence[Cell]) -> set[int]:
    found: set[int] = set()
    for cell in cells:
        assert cell.records is not None
        found |= set(np.asarray(cell.records["id"])[~cell.right].tolist())
    return found
