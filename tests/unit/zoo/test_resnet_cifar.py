from __future__ import annotations

import numpy as np
import pytest
import torch

from robustkit_zoo import resnet_cifar
from robustkit_zoo.params import CifarResNetParams

# He et al. (2016), table 6, in millions of parameters.
PUBLISHED = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7}


def build(depth, **given):
    return getattr(resnet_cifar, f"resnet{depth}")(CifarResNetParams(**given))


@pytest.mark.parametrize(("depth", "millions"), PUBLISHED.items())
def test_it_has_as_many_parameters_as_published(depth, millions):
    count = sum(parameter.numel() for parameter in build(depth).parameters())
    # The paper gives two significant digits.
    assert float(f"{count / 1e6:.2g}") == millions


@pytest.mark.parametrize("depth", PUBLISHED)
def test_its_depth_counts_convolutions_and_the_linear_layer(depth):
    layers = [m for m in build(depth).modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == depth


def test_a_shortcut_keeps_every_second_pixel_and_pads_channels_evenly():
    block = resnet_cifar.BasicBlock(2, 4, stride=2).eval()
    torch.nn.init.zeros_(block.bn2.weight)  # the residual branch gives 0, so what comes out is the shortcut
    images = torch.arange(1.0, 33.0).reshape(1, 2, 4, 4)
    with torch.no_grad():
        shown = block(images)
    assert shown[0, 0].abs().sum() == shown[0, 3].abs().sum() == 0
    assert torch.equal(shown[0, 1], torch.tensor([[1.0, 3.0], [9.0, 11.0]]))
    assert torch.equal(shown[0, 2], torch.tensor([[17.0, 19.0], [25.0, 27.0]]))


def test_shortcuts_have_no_parameters():
    assert not [name for name in build(20).state_dict() if "shortcut" in name]


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (33, 47)])
def test_it_takes_images_of_any_size_and_number_of_channels(size):
    model = build(20, num_classes=7, in_channels=1).eval()
    with torch.no_grad():
        assert model(torch.zeros(2, 1, *size)).shape == (2, 7)


@pytest.mark.shared
def test_the_published_checkpoint_loads_and_reaches_its_known_accuracy(shared):
    # Measured with the authors' own model code on these JPEG copies: 1,627 of 2,000 right (the data's README).
    path = shared / "checkpoints" / "resnet20-12fca82f.th"
    state = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    model = build(20).eval()
    model.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    with np.load(shared / "cifar10-jpeg" / "test.npz") as data:
        images, labels = torch.from_numpy(data["images"]), torch.from_numpy(data["labels"])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    right = 0
    with torch.inference_mode():
        for batch, label in zip(images.split(250), labels.split(250), strict=True):
            inputs = ((batch.float() / 255 - mean) / std).permute(0, 3, 1, 2)
            right += int((model(inputs).argmax(1) == label).sum())
        # Negative control on the last batch: not normalised, so not what the weights were trained on.
        unnormalised = int((model(batch.permute(0, 3, 1, 2).float() / 255).argmax(1) == label).sum())
    assert right == 1627
    assert unnormalised < 0.7 * len(label)
