"""imagecorruptions 1.1.2, made to run on current numpy, scipy and scikit-image from outside.

As installed it does not import: it wants `pkg_resources`, which setuptools dropped, and calls names that
scikit-image and numpy dropped. Parity tests and benchmarks run it through this adapter; the corruptions of this package
do not need it.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from robustkit import PluginError
from robustkit_corruptions.frost_files import installed_package


def load_imagecorruptions() -> Any:
    """Return the module `imagecorruptions.corruptions`, whose functions take a PIL image and a severity.

    Its `np.random` is numpy's global generator; `injected` replaces it.

    Raises:
        PluginError: it is not installed, or cannot be imported for another reason.
    """
    package = installed_package()
    if package is None:
        raise PluginError("imagecorruptions is not installed", "pip install --no-deps imagecorruptions==1.1.2")
    with _pkg_resources(package), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            module: Any = importlib.import_module("imagecorruptions.corruptions")
        except ImportError as error:
            raise PluginError(
                f"imagecorruptions cannot be imported: {error}", "pip install opencv-python-headless scikit-image"
            ) from error
    if not isinstance(module.np, _Numpy):
        module.np = _Numpy(np.random)
        module.gaussian = _with_channel_axis(module.gaussian)
    return module


@contextmanager
def injected(module: Any, **draws: Any) -> Iterator[None]:
    """Let the module draw from the given functions instead of `np.random`, as `uniform=lambda low, high, size: …`."""
    before = module.np
    module.np = _Numpy(SimpleNamespace(**draws))
    try:
        yield
    finally:
        module.np = before


class _Numpy:
    """numpy, with the name that 2.0 dropped and with another source of random numbers."""

    float_ = np.float64

    def __init__(self, random: Any) -> None:
        self.random = random

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def _with_channel_axis(gaussian: Any) -> Any:
    def call(image: Any, *args: Any, multichannel: bool = False, **options: Any) -> Any:
        return gaussian(image, *args, channel_axis=-1 if multichannel else None, **options)

    return call


@contextmanager
def _pkg_resources(package: Path) -> Iterator[None]:
    """Stand in for the module while imagecorruptions is imported, which asks it for the place of its frost images."""
    stub = ModuleType("pkg_resources")
    stub.resource_filename = lambda _module, name: str(package / name)  # type: ignore[attr-defined]
    before = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stub
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
        if before is not None:
            sys.modules["pkg_resources"] = before
