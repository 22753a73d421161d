"""zoom-blur."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from robustkit_corruptions.constants import Constants, Row
from robustkit_corruptions.corruption import Corruption
from robustkit_corruptions.pixels import divide_
from robustkit_corruptions.zoom import clipped_zoom, enlargement

_LANES = 8
"""Numbers of float64 that the widest instructions take at once."""

_TOGETHER = 1 << 17
"""Values that are enlarged together, at least eight planes of them."""


class ZoomBlur(Corruption):
    """Averages the image with enlargements of its middle.

    Between whole severities the largest enlargement grows; the step from one to the next is that of the next whole
    severity.

    reference: the image itself counts twice, and where scipy's rounding says so (at a side of 160, for one), the last
    row or column of an enlargement is black. fixed: the image counts once, and no edge is lost.
    """

    constants = Constants(
        names=("end", "step"),
        identity=(1.0, 0.01),
        rules=("linear", "step"),
        tables={
            "cifar": ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
            "tiny-imagenet": ((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
            "imagenet": ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
            "inception": ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        },
    )
    dtype = torch.float32

    def degrade(self, values: Tensor, drawn: None, constants: Row) -> Tensor:  # noqa: ARG002
        """Return the blurred values; any number of channels."""
        end, step = constants
        reference = self.params.mode == "reference"
        factors = np.arange(1, end, step).tolist()
        sides = values.shape[2:]
        grouped = groupby(factors, lambda factor: [enlargement(side, factor) for side in sides])
        alike = [list(each) for _, each in grouped]

        def averaged(fields: Tensor) -> Tensor:
            total, exact = torch.zeros_like(fields), fields.to(torch.float64)
            for same in alike:
                # Factors below 1.5 leave at most one row too many, of which all published programs drop the last. Each
                # enlargement is rounded to float32, as scipy returns it.
                enlarged = clipped_zoom(exact, same[0], edge=reference, trim="centre").to(torch.float32)
                # Each is added by itself: the sums are rounded to float32, too.
                for _ in same:
                    total += enlarged
            return divide_(total.add_(fields), len(factors) + 1) if reference else divide_(total, len(factors))

        return _in_lanes(values, averaged) if values.device.type == "cpu" else averaged(values)


def _in_lanes(values: Tensor, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what `compute` makes of (N, C, H, W) values, given some planes of them at a time.

    It gets them as channels of one image, (1, P, H, W), last in memory. P is a multiple of 8, filled up with zeros:
    eight planes at a time are what a CPU enlarges fastest, by far, and in the same way whatever the batch.
    """
    planes = values.flatten(0, 1)
    size = max(1, _TOGETHER // (_LANES * values.shape[2:].numel())) * _LANES
    found = torch.empty_like(planes)
    for start in range(0, len(planes), size):
        some = planes[start : start + size]
        lanes = functional.pad(some, (0, 0, 0, 0, 0, -len(some) % _LANES))[None]
        found[start : start + size] = compute(lanes.contiguous(memory_format=torch.channels_last))[0, : len(some)]
    return found.view_as(values)
