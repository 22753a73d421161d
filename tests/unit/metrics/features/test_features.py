"""What metrics of representations share: vectors or a reason, a choice of samples, the last linear layer."""

import numpy as np
import pytest
import torch
from torch import nn

import robustkit
from robustkit_metrics.features.chosen import keep_chosen, merge_chosen, names, reason_of
from robustkit_metrics.features.head import find_head
from robustkit_metrics.features.vectors import UnusableError, usable_vectors


def keys(start, stop):
    return robustkit.Keys(seed=5, stream="cell", version=1, ids=torch.arange(start, stop))


def test_the_choice_follows_from_the_ids_and_the_seed_alone_whatever_the_batches():
    def chosen(step, seed=0):
        spans = [(a, min(a + step, 100)) for a in range(0, 100, step)]
        states = [keep_chosen(keys(a, b), {"layer/rows": torch.arange(a, b)}, {}, 8, seed) for a, b in spans]
        return merge_chosen(states, 8)

    whole = chosen(100)
    assert int(whole["n"]) == 100
    assert chosen(7)["chosen/layer/rows"].tolist() == whole["chosen/layer/rows"].tolist()
    assert len(set(whole["chosen/layer/rows"].tolist())) == 8
    assert set(whole["chosen/layer/rows"].tolist()) != set(chosen(100, seed=1)["chosen/layer/rows"].tolist())


def test_what_one_batch_has_no_rows_of_has_the_first_reason():
    rows = {"a/rows": torch.rand(3, 2), "b/rows": torch.rand(3, 2)}
    states = [
        keep_chosen(keys(0, 3), rows, {}, 9, 0),
        keep_chosen(keys(3, 6), {"a/rows": torch.rand(3, 2)}, {"b": "first"}, 9, 0),
        keep_chosen(keys(6, 9), {"a/rows": torch.rand(3, 2)}, {"b": "second"}, 9, 0),
    ]
    merged = merge_chosen([merge_chosen(states[:2], 9), states[2]], 9)
    assert names(merged, "rows") == ["a", "b"]
    assert (reason_of(merged, "a"), reason_of(merged, "b")) == ("", "first")
    assert merged["chosen/a/rows"].shape == (9, 2)
    assert "chosen/b/rows" not in merged


def test_a_layer_has_vectors_or_a_reason():
    outputs = {
        "map": torch.arange(16.0).reshape(1, 2, 2, 4),
        "wide": torch.rand(4, 9),
        "lost": torch.full((4, 2), torch.nan),
        "tokens": torch.rand(4, 5, 3),
    }
    found, reasons = usable_vectors(outputs, {"spare": "is not called"}, "auto", widest=8)
    assert found["map"].tolist() == [[3.5, 11.5]]
    assert list(found) == ["map"]
    assert {name: reasons[name] for name in ("wide", "lost", "spare")} == {
        "wide": "9 features, more than widest=8",
        "lost": "features that are NaN or infinite",
        "spare": "the layer is not called",
    }
    assert reasons["tokens"].startswith("(N, 5, 3) features may be")
    assert usable_vectors({"map": outputs["map"]}, {}, "auto", "flatten")[0]["map"].shape == (1, 16)


class Tokens(nn.Module):
    """A linear layer for each token before the one whose output are the logits; and one that is as wide as it."""

    def __init__(self):
        super().__init__()
        self.each, self.head, self.other = nn.Linear(4, 4), nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        pooled = self.each(x).mean(dim=1)
        logits = self.head(pooled)
        self.other(pooled)
        return logits


def test_the_head_is_the_layer_that_returns_the_logits():
    model, x = Tokens(), torch.rand(6, 5, 4)
    head = find_head(model, x)
    assert head.weight is model.head.weight
    assert torch.equal(head.features, model.each(x).mean(dim=1))
    assert torch.equal(head.logits, model(x))


def test_without_a_head_there_is_a_reason():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    with pytest.raises(UnusableError, match="the logits are not what a linear layer"):
        find_head(model, torch.randn(6, 4))
    assert np.all([not module._forward_hooks for module in model.modules()])
