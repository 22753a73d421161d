"""The classifier that is evaluated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from robustkit.engine.classifier import Classifier, probe
from robustkit.engine.normalize import parse_normalize
from robustkit.errors import DataError

NONE = parse_normalize("none")


class Means(nn.Module):
    """Its logits are the channels' means; keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.dropout = nn.Dropout(0.5)
        self.seen: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x
        return self.dropout(x.mean((2, 3)) * self.scale)


class Returns(nn.Module):
    """Returns what a function makes of the logits."""

    def __init__(self, wrap) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(x.mean((2, 3)))


@pytest.fixture
def images() -> Tensor:
    return torch.rand(4, 3, 6, 5, generator=torch.Generator().manual_seed(0))


def test_inputs_are_normalised_by_channel(images):
    net = Means()
    Classifier(net, parse_normalize("imagenet"))(images)
    expected = [(images[:, c] - m) / s for c, (m, s) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225)))]
    assert torch.allclose(net.seen, torch.stack(expected, 1), atol=1e-6)


def test_one_number_normalises_every_channel(images):
    net = Means()
    Classifier(net, parse_normalize("0.5/0.25"))(images)
    assert torch.allclose(net.seen, (images - 0.5) / 0.25)


def test_the_resize_is_the_antialiased_bilinear_one_of_pillow(images):
    net = Means()
    Classifier(net, parse_normalize("0.5/0.25"), input_size=(3, 2))(images)
    channels = [Image.fromarray(channel.numpy()).resize((2, 3), Image.Resampling.BILINEAR) for channel in images[0]]
    expected = (torch.stack([torch.from_numpy(np.array(channel)) for channel in channels]) - 0.5) / 0.25
    assert torch.allclose(net.seen[0], expected, atol=1e-5)
    # The control: without antialiasing it is another image.
    plain = nn.functional.interpolate(images[:1], size=(3, 2), mode="bilinear")[0]
    assert not torch.allclose((plain - 0.5) / 0.25, expected, atol=1e-1)


def test_images_of_the_right_size_are_not_resampled(images):
    net = Means()
    Classifier(net, NONE, input_size=(6, 5))(images)
    assert torch.equal(net.seen, images)


def test_it_is_frozen_and_in_evaluation_mode(images):
    net = Means().train()
    classifier = Classifier(net, NONE)
    assert not any(module.training for module in classifier.modules())
    assert not any(parameter.requires_grad for parameter in classifier.parameters())
    assert torch.equal(classifier(images), classifier(images))  # no dropout


def test_gradients_flow_to_the_images(images):
    inputs = images.requires_grad_()
    Classifier(Means(), parse_normalize("0.5/0.25"), input_size=(4, 4))(inputs).sum().backward()
    assert inputs.grad.abs().sum() > 0


def test_its_state_dict_is_that_of_the_network():
    assert list(Classifier(Means(), NONE).state_dict()) == ["net.scale"]


class Pair(NamedTuple):
    logits: Tensor
    features: Tensor


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: (x, None),
        lambda x: [x],
        lambda x: {"features": x * 0, "logits": x},
        lambda x: {"out": x, "features": x[..., None]},
        lambda x: Pair(x, x * 0),
        lambda x: SimpleNamespace(logits=x, hidden_states=None),
        lambda x: x.double(),
        lambda x: x.bfloat16(),
    ],
    ids=["tuple", "list", "logits", "only matrix", "named tuple", "attribute", "double", "bfloat16"],
)
def test_logits_are_found_and_are_float32(images, wrap):
    logits = Classifier(Returns(wrap), NONE)(images)
    assert logits.dtype == torch.float32
    assert torch.allclose(logits, images.mean((2, 3)), atol=1e-2)


@pytest.mark.parametrize(
    "wrap",
    [lambda x: (x, x * 0), lambda x: {"features": x * 0, "out": x}, lambda x: (x[0], x[1]), lambda x: x + 0j],
    ids=["two matrices", "two named", "none", "complex"],
)
def test_logits_are_not_guessed(images, wrap):
    with pytest.raises(DataError) as caught:
        Classifier(Returns(wrap), NONE)(images)
    assert caught.value.hint


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: None,
        lambda x: (),
        lambda x: {},
        lambda x: "x",
        lambda x: x[:, :, None],
        lambda x: x[0],
        lambda x: x[:1],
    ],
    ids=["None", "empty tuple", "empty dict", "text", "3 dimensions", "1 dimension", "one row"],
)
def test_an_output_that_is_no_batch_of_logits_is_refused(images, wrap):
    with pytest.raises(DataError, match="logits"):
        Classifier(Returns(wrap), NONE)(images)


def test_channels_that_do_not_match_the_normalisation_are_refused_with_both_numbers():
    classifier = Classifier(Means(), parse_normalize("cifar10"))
    with pytest.raises(DataError, match="'cifar10' has 3 channels, the images have 1"):
        classifier(torch.zeros(2, 1, 4, 4))


@pytest.mark.parametrize("bad", [torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 4)])
def test_images_of_another_form_are_refused(bad):
    with pytest.raises(DataError, match="floating-point images"):
        Classifier(Means(), NONE)(bad)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_covers_the_network_and_nothing_else(images, dtype):
    seen = []

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(90, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.linear(x.flatten(1))
            seen.append((x.dtype, y.dtype))
            return y

    net = Net()
    logits = Classifier(net, NONE, autocast=dtype)(images)
    assert seen == [(torch.float32, dtype)]
    assert logits.dtype == torch.float32
    assert torch.allclose(logits, Classifier(net, NONE)(images), atol=0.05)
    assert seen[-1] == (torch.float32, torch.float32)


def test_probe_counts_the_classes():
    assert probe(Classifier(nn.Sequential(nn.Flatten(), nn.Linear(48, 7)), NONE), (3, 4, 4), "cpu") == 7


def test_probe_reads_no_randomness_and_leaves_no_gradients():
    classifier = Classifier(Means(), NONE)
    state = torch.get_rng_state()
    probe(classifier, (3, 4, 4), "cpu")
    assert torch.equal(torch.get_rng_state(), state)
    first = classifier.net.seen.clone()
    probe(classifier, (3, 4, 4), "cpu")
    assert torch.equal(classifier.net.seen, first)


class _Asserts(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-1] == 224, f"Input width ({x.shape[-1]}) doesn't match model (224)."
        return x.mean((2, 3))


@pytest.mark.parametrize(
    ("net", "torch_says", "hint"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), "to have 1 channels", "another number of channels"),
        (nn.Sequential(nn.Flatten(), nn.Linear(10, 2)), "cannot be multiplied", "--input-size"),
        (_Asserts(), "doesn't match model (224)", "--input-size"),
    ],
    ids=["channels", "size", "assertion"],
)
def test_probe_turns_a_shape_error_into_one_line(net, torch_says, hint):
    with pytest.raises(DataError) as caught:
        probe(Classifier(net, NONE), (3, 8, 8), "cpu")
    assert "(3, 8, 8)" in caught.value.message
    assert torch_says in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_probe_refuses_nan():
    with pytest.raises(DataError, match="NaN"):
        probe(Classifier(Returns(lambda x: x * float("nan")), NONE), (3, 4, 4), "cpu")


def test_probe_allows_classes_masked_with_minus_infinity():
    masked = Returns(lambda x: x.masked_fill(torch.tensor([True, False, False]), float("-inf")))
    assert probe(Classifier(masked, NONE), (3, 4, 4), "cpu") == 3


def test_probe_refuses_a_single_logit():
    with pytest.raises(DataError, match="at least two logits"):
        probe(Classifier(Means(), NONE), (1, 4, 4), "cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [None, torch.bfloat16, torch.float16])
def test_it_computes_the_same_on_a_gpu(images, dtype):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 5))
    classifier = Classifier(net, parse_normalize("imagenet"), input_size=(8, 8), autocast=dtype)
    expected = Classifier(net, parse_normalize("imagenet"), input_size=(8, 8))(images)
    classifier.to("cuda")
    assert probe(classifier, (3, 6, 5), "cuda") == 5
    assert torch.allclose(classifier(images.cuda()).cpu(), expected, atol=1e-3 if dtype is None else 5e-2)
