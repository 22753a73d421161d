"""Choice of device and arithmetic."""

from __future__ import annotations

import pytest
import torch

from robustkit.engine.device import check_precision, numerics, pick_device
from robustkit.errors import ConfigError


def test_auto_takes_cuda_if_there_is_one() -> None:
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "mps:x", "meta"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        pick_device(name)


def test_precisions_of_cuda_are_refused_on_a_cpu() -> None:
    with pytest.raises(ConfigError, match="fp16"):
        check_precision("fp16", torch.device("cpu"))
    check_precision("bf16", torch.device("cpu"))


def test_the_message_names_what_asked_for_the_precision() -> None:
    with pytest.raises(ConfigError, match=r"^--precision tf32 needs a CUDA device, this run is on cpu"):
        check_precision("tf32", torch.device("cpu"))
    with pytest.raises(ConfigError, match=r"^attacks/pgd: search=fp16 needs a CUDA device, this run is on cpu"):
        check_precision("fp16", torch.device("cpu"), "attacks/pgd: search=fp16")


def test_the_switches_are_set_and_put_back() -> None:
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = False
    with numerics("fp32"):
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = before
