from __future__ import annotations

import numpy as np
import pytest

PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.4, 0.5, 0.1],
        [0.2, 0.2, 0.6],
        [0.9, 0.05, 0.05],
        [0.34, 0.33, 0.33],
        [0.1, 0.8, 0.1],
    ]
)
LABELS = np.array([0, 0, 2, 0, 1, 1])


@pytest.fixture
def records():
    """Records of six samples in three classes, whose metrics are known from elsewhere."""
    truth = np.eye(3)[LABELS]
    return {
        "id": np.arange(6),
        "label": LABELS.astype(np.int32),
        "prediction": PROBABILITIES.argmax(axis=1).astype(np.int32),
        "confidence": PROBABILITIES.max(axis=1).astype(np.float32),
        "nll": -np.log(PROBABILITIES[np.arange(6), LABELS]).astype(np.float32),
        "brier": np.square(PROBABILITIES - truth).sum(axis=1).astype(np.float32),
    }


@pytest.fixture
def make_batch():
    """Make a batch of a model, as a metric that needs the model sees it."""
    import torch

    from robustkit import Keys, MetricBatch

    def make(model, inputs, labels, *, start=0, clean=None, features=None, clean_features=None):
        return MetricBatch(
            model=model,
            inputs=inputs,
            clean=inputs if clean is None else clean,
            labels=labels,
            keys=Keys(seed=0, stream="tests/metrics", version=1, ids=torch.arange(start, start + len(inputs))),
            features=features or {},
            clean_features=clean_features or {},
        )

    return make
