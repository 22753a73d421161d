"""Tables of errors that corruption errors are divided by; each says where its numbers come from."""

from __future__ import annotations

from pathlib import Path

from robustkit import NoParams


def alexnet_imagenet_c(_params: NoParams) -> Path:
    """Return the table of AlexNet on ImageNet-C."""
    return Path(__file__).with_name("alexnet-imagenet-c.toml")
