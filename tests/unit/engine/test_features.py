"""Layers: found by name or pattern, captured while a network runs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robustkit.engine.classifier import Classifier
from robustkit.engine.features import capture_features, find_layers, pool_features
from robustkit.engine.normalize import parse_normalize
from robustkit.errors import ConfigError, DataError


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
        self.second = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)))


class Repeating(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.twice(self.twice(x))


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ((), ("first", "second")),
        (("second", "first"), ("first", "second")),
        (("first.*",), ("first.0", "first.1")),
        (("*1", "second", "s*"), ("first.1", "second")),
    ],
)
def test_layers_are_found_in_the_order_of_the_network_each_once(
    patterns: tuple[str, ...], found: tuple[str, ...]
) -> None:
    assert find_layers(Two(), patterns) == found


def test_a_wrapped_model_means_its_network() -> None:
    assert find_layers(Classifier(Two(), parse_normalize("none"))) == ("first", "second")


def test_a_layer_that_is_not_there_has_a_near_name() -> None:
    with pytest.raises(ConfigError, match="no layer of Two matches 'frist'") as raised:
        find_layers(Two(), ("second", "frist"))
    assert "did you mean 'first'" in raised.value.hint


def test_captured_is_what_the_layer_returned_and_gradients_flow() -> None:
    net, inputs = Two(), torch.linspace(0, 1, 8).view(2, 1, 2, 2).requires_grad_()
    with capture_features(net, ("first", "second")) as found:
        output = net(inputs)
    assert torch.equal(found["second"], output)
    assert torch.equal(found["first"], net.first(inputs))
    (gradient,) = torch.autograd.grad(found["first"].sum(), inputs)
    assert torch.equal(gradient[0].flatten(), net.first[1].weight.sum(dim=0))


def test_the_last_output_of_a_layer_counts_and_no_hook_stays() -> None:
    net = Repeating()
    with capture_features(net, ("twice",)) as found:
        output = net(torch.ones(1, 2))
    assert torch.equal(found["twice"], output)
    net(torch.zeros(1, 2))
    assert torch.equal(found["twice"], output)


def test_a_layer_that_works_in_place_does_not_change_what_was_captured_before_it() -> None:
    net = nn.Sequential(nn.Linear(3, 2, bias=False), nn.ReLU(inplace=True))
    net[0].weight.data = torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    with torch.no_grad(), capture_features(net, ("0",)) as found:
        output = net(torch.linspace(-1, 1, 3)[None])
    assert torch.equal(found["0"].relu(), output)
    assert not torch.equal(found["0"], output)


def test_a_layer_without_a_tensor_is_an_error() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"x": x}

    net = nn.Sequential(Odd())
    with capture_features(net, ("0",)), pytest.raises(DataError, match="layer '0' returns dict"):
        net(torch.ones(1, 2))


def test_pooling_is_the_mean_over_positions() -> None:
    maps = torch.arange(24.0).view(1, 2, 3, 4)
    assert pool_features(maps).tolist() == [[5.5, 17.5]]
    assert pool_features(maps.view(1, 2, 12), "second").tolist() == [[5.5, 17.5]]
    assert pool_features(maps.view(1, 12, 2), "last").tolist() == [[11.0, 12.0]]
    assert pool_features(maps, "last").tolist() == [[10.0, 11.0, 12.0, 13.0]]
    assert pool_features(maps.view(12, 2), "last").tolist() == maps.view(12, 2).tolist()
    with pytest.raises(DataError, match="expected"):
        pool_features(torch.ones(3))


def test_where_the_channels_are_is_not_guessed() -> None:
    """A transformer's (N, tokens, d) and a convolution's (N, d, positions) look alike."""
    with pytest.raises(DataError, match=r"\(2, 7, 4\) features may be") as raised:
        pool_features(torch.ones(2, 7, 4))
    assert "channels=second or channels=last" in raised.value.hint


def test_a_layer_that_is_never_called_is_named() -> None:
    net = Two()
    net.spare = nn.Linear(2, 2)
    with capture_features(net, ("first", "spare")) as found:
        net(torch.ones(1, 2, 2))
    assert list(found) == ["first"]
    with pytest.raises(DataError, match="layer 'spare' is not called in the forward pass"):
        found["spare"]


def test_reasons_may_be_collected_instead() -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"x": x}

    unusable: dict[str, str] = {}
    net = nn.Sequential(nn.Identity(), Odd())
    with capture_features(net, ("0", "1"), unusable) as found:
        net(torch.ones(1, 2))
    assert (list(found), unusable) == (["0"], {"1": "returns dict, not a tensor"})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_layer_cannot_be_observed_and_the_others_can() -> None:
    traced = torch.jit.trace(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2))  # type: ignore[no-untyped-call]
    net = nn.Sequential(nn.Linear(2, 2), traced)
    unusable: dict[str, str] = {}
    with capture_features(net, ("0", "1"), unusable) as found:
        net(torch.ones(1, 2))
    assert (list(found), unusable) == (["0"], {"1": "is TorchScript, whose output cannot be captured"})
    with pytest.raises(DataError, match="layer '1' is TorchScript"), capture_features(net, ("1",)):
        pass
