"""The metrics of probes. Light: listing components imports this module."""

from __future__ import annotations

import robustkit
from robustkit_metrics.probe.params import CoarseToFineParams, LinearProbeParams

_CONVEX = (
    "papers train this probe with AdamW for 100 epochs and with augmentation on the training images; here a convex fit "
    "is cross-fitted on the evaluated samples"
)

METRICS = (
    robustkit.Metric(
        name="linear-probe",
        summary="how much of the labels a linear classifier of its features reads off each layer, clean and degraded",
        target="robustkit_metrics.probe.linear_probe:LinearProbe",
        params=LinearProbeParams,
        higher_is_better=True,
        bounds=(0.0, 1.0),
        needs=frozenset({"features"}),
        tags=("probe",),
        citation="Alain and Bengio (2017), Understanding intermediate layers using linear classifier probes; control "
        "task by Hewitt and Liang (2019), Designing and interpreting probes with control tasks",
    ),
    robustkit.Metric(
        name="coarse-to-fine",
        summary="how much a representation that was trained on coarse labels says about fine ones",
        target="robustkit_metrics.probe.coarse_to_fine:CoarseToFine",
        params=CoarseToFineParams,
        higher_is_better=None,
        part_bounds={
            **dict.fromkeys(("accuracy", "top-1", "ceiling"), (0.0, 1.0)),
            **dict.fromkeys(("nc1", "cdnv"), (0.0, None)),
        },
        needs=frozenset({"model"}),
        tags=("probe",),
        citation="Chen et al. (2022), Perfectly balanced: improving transfer and robustness of supervised contrastive "
        "learning; Galanti et al. (2022), On the role of neural collapse in transfer learning",
        caveat=_CONVEX,
    ),
)
