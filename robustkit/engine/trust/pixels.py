"""Whether images look like images in [0, 1]."""

from __future__ import annotations

from torch import Tensor

from robustkit.store.checks import Check, Status, judged

DARKEST = 2 / 255
"""Images whose brightest value is below this were divided by 255 twice: robustkit's choice."""


def data_range(images: Tensor) -> Check:
    """Return whether the values lie in [0, 1] and use it.

    Values outside look like images that were normalised before; eps then has no meaning. Values that are all tiny look
    like images that were divided by 255 twice.
    """
    low, high = float(images.amin()), float(images.amax())
    status: Status = "pass"
    advice = ""
    if low < 0 or high > 1:
        status = "fail"
        advice = "the images look normalised: give them in [0, 1] and let --normalize do it, or eps has no meaning"
    elif high <= DARKEST:
        status, advice = "warn", "the images are almost black: were they divided by 255 twice?"
    elif low == high:
        status, advice = "warn", "all values of all images are the same"
    return judged("data-range", status, {"smallest": low, "largest": high, "mean": float(images.mean())}, advice)
