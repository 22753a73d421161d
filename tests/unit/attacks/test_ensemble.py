import torch
from torch import nn

from robustkit import AttackResult
from robustkit_attacks.ensemble import Ensemble


class Member:
    """Returns the inputs plus a fixed change, and a fixed loss."""

    def __init__(self, change, loss):
        self.change, self.loss = change, loss

    def run(self, model, inputs, labels, threat_model, keys):
        counts = torch.ones_like(labels)
        loss = torch.full((len(inputs),), self.loss)
        return AttackResult(
            candidates=inputs + self.change, best_loss=loss, queries=counts, forwards=counts, backwards=counts
        )


class Trio(Ensemble):
    def members(self):
        return [(name, Member(*facts)) for name, facts in self.params.items()]


class Mute(nn.Module):
    """Class 0 up to 0.3, no answer up to 0.6, class 1 above."""

    def forward(self, inputs):
        score = torch.where(inputs[:, 0] > 0.6, 1.0, -1.0)
        score = torch.where((inputs[:, 0] > 0.3) & (inputs[:, 0] <= 0.6), torch.nan, score)
        return torch.stack([torch.zeros_like(score), score], dim=1)


def found(members, make_keys, linf):
    inputs, labels = torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64)
    return Trio(members).run(Mute(), inputs, labels, linf(1.0), make_keys(2))


def test_the_member_that_breaks_a_sample_is_named(make_keys, linf):
    result = found({"one": (0.1, -5.0), "two": (0.7, -9.0), "three": (0.2, 9.0)}, make_keys, linf)
    assert result.found_by == ("two", "two")
    assert torch.equal(result.candidates, torch.full((2, 1), 0.7))


def test_a_point_without_an_answer_is_shown_whichever_member_comes_upon_it(make_keys, linf):
    result = found({"one": (0.1, -5.0), "two": (0.5, torch.inf), "three": (0.2, 9.0)}, make_keys, linf)
    assert result.found_by == ("", "")
    assert torch.equal(result.candidates, torch.full((2, 1), 0.5))


def test_a_misclassified_point_beats_one_without_an_answer(make_keys, linf):
    result = found({"one": (0.5, torch.inf), "two": (0.1, -5.0), "three": (0.7, -9.0)}, make_keys, linf)
    assert result.found_by == ("three", "three")
    assert torch.equal(result.candidates, torch.full((2, 1), 0.7))
