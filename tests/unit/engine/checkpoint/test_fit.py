"""Loading weights into a model, strictly."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from robustkit.engine.checkpoint import load_into
from robustkit.protocols import LoadedCheckpoint


def _checkpoint(weights):
    return LoadedCheckpoint(weights=weights, format="torch zip", extras={}, metadata={})


def _weights(model, prefix=""):
    return {prefix + name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_everything_is_loaded(small_net):
    source, model = small_net(), small_net()
    report = load_into(model, _checkpoint(_weights(source, "module._orig_mod.")))
    assert report.stripped == ("module.", "_orig_mod.")
    # 3*4*9 + 4 (conv), 4 + 4 (batch norm), 16*5 + 5 (linear)
    assert report.n_parameters == 108 + 4 + 8 + 85
    assert (report.ignored, report.notes) == ((), ())
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in source.state_dict().items())


def test_a_missing_batch_counter_is_tolerated_and_reported(small_net):
    weights = _weights(small_net())
    del weights["1.num_batches_tracked"]
    assert load_into(small_net(), _checkpoint(weights)).ignored == ("1.num_batches_tracked",)


def test_nothing_else_is_tolerated(small_net, refused):
    weights = _weights(small_net())
    del weights["1.running_mean"]
    assert (
        "1 missing from the checkpoint (1.running_mean)"
        in refused(load_into, small_net(), _checkpoint(weights)).message
    )


def test_an_averaged_model_is_loaded_and_named(small_net):
    source = AveragedModel(small_net())
    report = load_into(small_net(), _checkpoint(_weights(source)))
    assert (report.stripped, report.ignored) == (("module.",), ("n_averaged",))
    assert "running average" in report.notes[0]


def test_differences_are_counted_and_the_first_shown(refused):
    model = nn.ModuleDict({name: nn.Linear(2, 2, bias=False) for name in "abcdef"})
    weights = {"a.weight": torch.ones(3, 2), "z.weight": torch.ones(1)}
    message = refused(load_into, model, _checkpoint(weights)).message
    assert "5 missing from the checkpoint (b.weight, c.weight, d.weight …)" in message
    assert "1 unknown to the model (z.weight)" in message
    assert "1 of another shape (a.weight: checkpoint (3, 2), model (2, 2))" in message


def test_a_refused_checkpoint_leaves_the_model_as_it_was(small_net, refused):
    model = small_net()
    before = copy.deepcopy(model.state_dict())
    weights = _weights(small_net())
    weights["extra"] = torch.ones(1)
    refused(load_into, model, _checkpoint(weights))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_another_number_of_classes_is_recognised(small_net, refused):
    weights = _weights(small_net())
    weights["3.weight"], weights["3.bias"] = torch.ones(7, 16), torch.ones(7)
    assert "--model NAME:num_classes=7" in refused(load_into, small_net(), _checkpoint(weights)).hint


def test_another_width_is_not_taken_for_another_number_of_classes(small_net, refused):
    weights = _weights(small_net())
    weights["3.weight"] = torch.ones(5, 32)
    assert "num_classes=" not in refused(load_into, small_net(), _checkpoint(weights)).hint
    weights = _weights(small_net())
    weights["0.weight"], weights["0.bias"] = torch.ones(8, 3, 3, 3), torch.ones(8)
    assert "num_classes=" not in refused(load_into, small_net(), _checkpoint(weights)).hint


@pytest.mark.parametrize("names", [("mean", "std"), ("mu", "sigma"), ("normalizer.new_mean", "normalizer.new_std")])
def test_normalisation_inside_the_checkpoint_is_recognised(small_net, refused, names):
    weights = {**_weights(small_net()), **{name: torch.ones(1, 3, 1, 1) for name in names}}
    hint = refused(load_into, small_net(), _checkpoint(weights)).hint
    assert "normalisation is inside the checkpoint" in hint
    assert "--normalize none" in hint


def test_normalisation_inside_the_model_is_recognised(small_net, refused):
    # RobustBench/robustbench#16: "Missing key(s): mu, sigma"
    model = small_net()
    model.register_buffer("mu", torch.zeros(3))
    assert "the model normalises by itself" in refused(load_into, model, _checkpoint(_weights(small_net()))).hint


def test_a_part_that_fits_is_recognised(small_net, refused):
    # MadryLab/robustness#73: several copies of the model and its normaliser in one file
    weights = {
        **_weights(small_net(), "module.attacker.model."),
        **_weights(small_net(), "module.model."),
        "module.normalizer.new_mean": torch.ones(3),
    }
    hint = refused(load_into, small_net(), _checkpoint(weights)).hint
    assert "'module.attacker.model.' alone fit" in hint
    assert "normalisation is inside the checkpoint" in hint


def test_another_architecture_is_recognised(small_net, refused):
    other = nn.ModuleDict({"layer1": nn.Linear(2, 2)})
    assert "no name agrees" in refused(load_into, small_net(), _checkpoint(_weights(other))).hint


def test_broken_weights_are_noted(small_net):
    weights = _weights(small_net())
    weights["0.weight"][0, 0, 0, 0] = float("nan")
    weights["3.bias"][1] = float("inf")
    notes = load_into(small_net(), _checkpoint(weights)).notes
    assert notes == ("2 of 9 tensors hold NaN or infinite values: 0.weight, 3.bias",)


def test_a_conversion_of_precision_is_noted(small_net):
    weights = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in _weights(small_net()).items()
    }
    model = small_net()
    assert load_into(model, _checkpoint(weights)).notes == ("weights stored as float16 were converted to float32",)
    assert model[0].weight.dtype == torch.float32
