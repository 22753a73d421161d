from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from robustkit_zoo.mlp import mlp
from robustkit_zoo.params import MlpParams, SmallCnnParams
from robustkit_zoo.small_cnn import SmallCnn


@pytest.mark.parametrize("size", [(16, 16), (28, 28), (32, 32), (17, 40)])
def test_small_cnn_takes_any_size(size):
    with torch.no_grad():
        assert SmallCnn(SmallCnnParams(in_channels=3, num_classes=4))(torch.zeros(2, 3, *size)).shape == (2, 4)


def test_small_cnn_has_about_sixty_thousand_parameters():
    # By hand: 9 (16 + 16*32 + 32*64 + 64*64) weights and 16 + 32 + 64 + 64 biases, and 64*10 + 10 of the linear layer.
    assert sum(p.numel() for p in SmallCnn(SmallCnnParams()).parameters()) == 60_048 + 176 + 650


def test_small_cnn_is_the_same_in_training_mode():
    model, images = SmallCnn(SmallCnnParams()), torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        assert torch.equal(model.train()(images), model.eval()(images))


def test_mlp_has_the_layers_it_was_asked_for():
    model = mlp(MlpParams(in_shape=(3, 4, 5), hidden=(7, 6), num_classes=2))
    shapes = [tuple(layer.weight.shape) for layer in model if isinstance(layer, torch.nn.Linear)]
    assert shapes == [(7, 60), (6, 7), (2, 6)]
    assert sum(isinstance(layer, torch.nn.ReLU) for layer in model) == 2


def test_mlp_without_hidden_layers_is_linear():
    model = mlp(MlpParams(in_shape=(1, 2, 2), hidden=(), num_classes=3))
    images = torch.rand(4, 1, 2, 2)
    with torch.no_grad():
        middle = model((images[:2] + images[2:]) / 2)
        assert torch.allclose(middle, (model(images[:2]) + model(images[2:])) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("params", "wrong"),
    [
        (SmallCnnParams, {"width": 0}),
        (MlpParams, {"hidden": [64, 0]}),
        (MlpParams, {"in_shape": [28, 28]}),
        (MlpParams, {"classes": 10}),
    ],
)
def test_impossible_parameters_are_refused(params, wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(params).validate_python(wrong)


def test_parameters_from_json_become_tuples():
    assert TypeAdapter(MlpParams).validate_python({"hidden": [32]}).hidden == (32,)
