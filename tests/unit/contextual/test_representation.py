"""Logits or one layer, and the losses of the same pass."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from robustkit import ConfigError, DataError, Representation


class Turned(torch.nn.Module):
    """(N, channels, positions) as a transformer has them."""

    def forward(self, x):
        return x.mT


@pytest.mark.parametrize("layer", ["", "2", "5"])
def test_it_is_the_logits_or_a_layer_averaged_over_positions(net, images, layer):
    expected = net[:3](images).mean((2, 3)) if layer == "2" else net(images)
    assert torch.allclose(Representation(net, layer)(images), expected)


def test_channels_may_be_last(net, images):
    turned = torch.nn.Sequential(
        *net[:3], torch.nn.Flatten(2), Turned(), torch.nn.Flatten(), torch.nn.LazyLinear(3, dtype=images.dtype)
    )
    expected = net[:3](images).mean((2, 3))
    assert torch.allclose(Representation(turned, "4", "last")(images), expected, atol=1e-6)
    with pytest.raises(DataError, match="may be"):
        Representation(turned, "4")(images)


def test_losses_are_those_of_the_rows_that_are_asked_about(net, images):
    labels = torch.tensor([4, 3, 2, 1, 0])
    rows = torch.tensor([2, 0, 2])
    losses, representations = Representation(net, "").respond(labels)(images[rows], rows)
    logits = net(images[rows])
    assert torch.equal(representations, logits)
    assert torch.allclose(losses, functional.cross_entropy(logits, torch.tensor([2, 4, 2]), reduction="none"))


@pytest.mark.parametrize(("layer", "reason"), [("7", "no layer of Sequential matches"), ("[01]", "matches 0, 1")])
def test_a_layer_is_one_layer(net, layer, reason):
    with pytest.raises(ConfigError, match=reason):
        Representation(net, layer)
