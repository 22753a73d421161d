"""Held-out samples, the order of epochs, and the keys that batches carry."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robustkit.components import View
from robustkit.training.batches import Batches, epoch_order, split_ids

IDS = np.arange(100, 300)


def test_every_sample_is_on_one_side() -> None:
    train, held_out = split_ids(IDS, 0.25, seed=3)
    assert (len(train), len(held_out)) == (150, 50)
    assert sorted([*train, *held_out]) == IDS.tolist()
    assert train.tolist() == sorted(train)


def test_the_seed_decides_and_a_larger_share_holds_out_the_same_and_more() -> None:
    held_out = set(split_ids(IDS, 0.1, seed=0)[1].tolist())
    assert held_out == set(split_ids(IDS, 0.1, seed=0)[1].tolist())
    assert held_out < set(split_ids(IDS, 0.2, seed=0)[1].tolist())
    assert held_out != set(split_ids(IDS, 0.1, seed=1)[1].tolist())


def test_epochs_have_orders_of_their_own() -> None:
    first, second = epoch_order(IDS, 0, 0), epoch_order(IDS, 0, 1)
    assert sorted(first) == sorted(second) == IDS.tolist()
    assert first.tolist() != second.tolist() != IDS.tolist()
    assert first.tolist() == epoch_order(IDS, 0, 0).tolist()
    assert first.tolist() != epoch_order(IDS, 1, 0).tolist()


class Ramp:
    """Images whose value is their id over 255."""

    labels = np.arange(300, dtype=np.int64) % 5
    view = View(channels=1, height=2, width=2)
    class_names = ()

    def read(self, ids: np.ndarray) -> np.ndarray:
        return np.broadcast_to((ids % 256).astype(np.uint8)[:, None, None, None], (len(ids), 1, 2, 2))

    def fingerprint(self) -> str:
        return "ramp"


@pytest.fixture
def batches() -> Batches:
    return Batches(
        dataset=Ramp(), ids=IDS[:50], size=8, seed=0, stream="lab/plain", epochs=3, device=torch.device("cpu")
    )


def test_steps_are_full_and_no_sample_comes_twice(batches: Batches) -> None:
    found = list(batches.shuffled(1))
    assert len(found) == batches.steps == 6
    ids = torch.cat([batch.keys.ids for batch in found])
    assert len(set(ids.tolist())) == 48
    for batch in found:
        assert torch.equal(batch.inputs[:, 0, 0, 0], (batch.keys.ids % 256) / 255)
        assert torch.equal(batch.labels, batch.keys.ids % 5)
        assert (batch.epoch, batch.epochs) == (1, 3)


def test_an_epoch_goes_on_where_it_was_left(batches: Batches) -> None:
    whole = [batch.keys.ids.tolist() for batch in batches.shuffled(2)]
    assert [batch.keys.ids.tolist() for batch in batches.shuffled(2, first=4)] == whole[4:]


def test_keys_change_with_the_epoch_in_training_and_not_in_validation(batches: Batches) -> None:
    def draws(batch: object) -> dict[int, float]:
        return dict(zip(batch.keys.ids.tolist(), batch.keys.uniform(1)[:, 0].tolist(), strict=True))  # type: ignore[attr-defined]

    first, second = ({k: v for batch in batches.shuffled(epoch) for k, v in draws(batch).items()} for epoch in (0, 1))
    assert all(first[each] != second[each] for each in first.keys() & second.keys())
    held = [{k: v for batch in batches.in_order(epoch) for k, v in draws(batch).items()} for epoch in (0, 1)]
    assert held[0] == held[1]
    assert list(held[0]) == IDS[:50].tolist()
    assert all(held[0][each] != first[each] for each in first)


def test_what_a_trainer_writes_into_its_keys_does_not_reach_the_plan(batches: Batches) -> None:
    before = batches.ids.copy()
    for batch in [*batches.in_order(0), *batches.shuffled(0)]:
        batch.keys.ids.fill_(-1)
    assert batches.ids.tolist() == before.tolist()
