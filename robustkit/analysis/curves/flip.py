"""How often predictions change along a sequence of the same sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def flip_shares(predictions: ArrayLike, *, from_first: bool = False) -> NDArray[np.float64]:
    """Return (n,) the share of steps at which the prediction of each sample is another one.

    Their mean over samples is the flip probability. Frames of noise have nothing in common but the image, so each is
    compared with the first frame; other perturbations move gradually, and each frame is compared with the one before.

    Source: Hendrycks and Dietterich (2019), section 4.2, as their code and AugMix's decide it (`noise_perturbation`).

    Args:
        predictions: (frames, n), at least two frames.
        from_first: compare with the first frame instead of the one before.

    >>> flip_shares([[0, 0], [1, 0], [1, 0], [0, 1]]).round(3).tolist()
    [0.667, 0.333]
    >>> flip_shares([[0, 0], [1, 0], [1, 0], [0, 1]], from_first=True).round(3).tolist()
    [0.667, 0.333]
    >>> flip_shares([[0], [1], [1]]).tolist(), flip_shares([[0], [1], [1]], from_first=True).tolist()
    ([0.5], [1.0])
    """
    frames: NDArray[Any] = np.asarray(predictions)
    before = frames[:1] if from_first else frames[:-1]
    return np.asarray((frames[1:] != before).mean(axis=0))
