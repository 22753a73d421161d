"""Which samples make a step: held-out samples, the order of an epoch, and batches as an objective takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.engine.inputs import read_inputs, read_labels, to_model
from robustkit.engine.seeds import Keys
from robustkit.protocols import ImageDataset, TextDataset, TrainingBatch
from robustkit.training.augment import augment

Ids = NDArray[np.int64]


def split_ids(ids: Ids, share: float, seed: int) -> tuple[Ids, Ids]:
    """Return the ids to train on and those held out, each in the order given.

    The held-out ones are the rounded share of the samples to whose ids the lowest numbers fall under this seed: another
    seed holds out others, and a larger share holds out the same and more.

    >>> [part.tolist() for part in split_ids(np.arange(10), 0.3, seed=0)]
    [[1, 2, 3, 5, 6, 8, 9], [0, 4, 7]]
    """
    held_out = np.zeros(len(ids), dtype=bool)
    held_out[_shuffle(ids, seed, "training/validation", 0)[: round(share * len(ids))]] = True
    return ids[~held_out], ids[held_out]


def epoch_order(ids: Ids, seed: int, epoch: int) -> Ids:
    """Return the ids in the random order of an epoch (from 0)."""
    shuffled: Ids = ids[_shuffle(ids, seed, "training/order", epoch)]
    return shuffled


def _shuffle(ids: Ids, seed: int, stream: str, replicate: int) -> Ids:
    """Return the places of the ids in the order of the random words that fall to them."""
    keys = Keys(seed=seed, stream=stream, version=1, ids=torch.from_numpy(ids), replicate=replicate)
    places: Ids = torch.argsort(keys.words(1)[:, 0], stable=True).numpy()
    return places


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Reads batches of one dataset.

    Attributes:
        dataset: images or texts.
        ids: the samples to take.
        size: samples a batch.
        seed: of the run.
        stream: qualified name of the trainer, whose keys the batches carry.
        epochs: how many there will be.
        device: where tensors go.
        augmentation: names of `augment`, for training.
    """

    dataset: ImageDataset | TextDataset
    ids: Ids
    size: int
    seed: int
    stream: str
    epochs: int
    device: torch.device
    augmentation: tuple[str, ...] = ()

    @property
    def steps(self) -> int:
        """Full batches in an epoch."""
        return len(self.ids) // self.size

    def shuffled(self, epoch: int, first: int = 0) -> Iterator[TrainingBatch]:
        """Yield the full batches of an epoch from the `first` one on, augmented."""
        order = epoch_order(self.ids, self.seed, epoch)
        for step in range(first, self.steps):
            yield self._batch(order[step * self.size : (step + 1) * self.size], epoch, self.augmentation)

    def in_order(self, epoch: int) -> Iterator[TrainingBatch]:
        """Yield all samples in their order, not augmented, with the same keys in every epoch."""
        for start in range(0, len(self.ids), self.size):
            yield self._batch(self.ids[start : start + self.size], epoch, None)

    def _batch(self, ids: Ids, epoch: int, augmentation: tuple[str, ...] | None) -> TrainingBatch:
        inputs = to_model(read_inputs(self.dataset, ids, self.device))
        training = augmentation is not None
        keys = Keys(
            seed=self.seed,
            stream=self.stream,
            version=1,
            # A copy: what a trainer writes into its keys must not reach the plan.
            ids=torch.from_numpy(ids.copy()).to(self.device),
            replicate=epoch if training else 0,
            path=() if training else ("validation",),
        )
        if augmentation and isinstance(inputs, Tensor):
            inputs = augment(inputs, augmentation, Keys(self.seed, "training/augment", 1, keys.ids, epoch))
        labels = read_labels(self.dataset, ids, self.device)
        return TrainingBatch(inputs=inputs, labels=labels, keys=keys, epoch=epoch, epochs=self.epochs)
