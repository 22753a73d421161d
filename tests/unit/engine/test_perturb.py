"""The host's side of the perturbation contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from robustkit import Keys
from robustkit.engine.inputs import to_model
from robustkit.engine.perturb import perturb
from robustkit.errors import PluginError


class Darker:
    """Takes as many levels away as the severity says."""

    def sample(self, keys: Keys, shape: tuple[int, int, int], severity: Tensor) -> Any:
        assert len(keys.ids) == len(severity)
        return severity

    def apply(self, images: Tensor, draws: Any) -> Tensor:
        return (images.double() - draws.view(-1, 1, 1, 1)).clamp(0, 255).to(images.dtype)


def keys(n: int) -> Keys:
    return Keys(seed=0, stream="t/darker", version=1, ids=torch.arange(n))


IMAGES = torch.full((3, 1, 2, 2), 9, dtype=torch.uint8)


def test_severity_zero_is_identity_whatever_the_plugin_does() -> None:
    result = perturb(Darker(), IMAGES, keys(3), 0.0)
    assert torch.equal(result, IMAGES)
    assert result.data_ptr() != IMAGES.data_ptr()


def test_each_sample_has_its_own_severity() -> None:
    result = perturb(Darker(), IMAGES, keys(3), torch.tensor([0.0, 2.0, 5.0]))
    assert result[:, 0, 0, 0].tolist() == [9, 7, 4]


@pytest.mark.parametrize(
    "broken",
    [lambda x: x[:1], lambda x: x.float(), lambda x: None],
    ids=["shape", "dtype", "nothing"],
)
def test_a_result_of_another_form_is_refused(broken: Callable[[Tensor], Any]) -> None:
    class Broken(Darker):
        def apply(self, images: Tensor, draws: Any) -> Tensor:
            return broken(images)

    with pytest.raises(PluginError, match="Broken must return"):
        perturb(Broken(), IMAGES, keys(3), 1.0)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_floats_outside_the_range_are_refused(value: float) -> None:
    class Broken(Darker):
        def apply(self, images: Tensor, draws: Any) -> Tensor:
            return torch.full_like(images, value)

    with pytest.raises(PluginError, match="outside"):
        perturb(Broken(), to_model(IMAGES), keys(3), 1.0)


def test_uint8_becomes_the_unit_range() -> None:
    assert to_model(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0.0, 0.2, 1.0])
