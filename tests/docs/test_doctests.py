"""The examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = (
    "robustkit",
    "robustkit_attacks",
    "robustkit_corruptions",
    "robustkit_metrics",
    "robustkit_peers",
    "robustkit_reports",
    "robustkit_textnoise",
    "robustkit_trainers",
    "robustkit_zoo",
)


def modules() -> list[str]:
    found = []
    for name in PACKAGES:
        package = importlib.import_module(name)
        found += [name, *(module.name for module in pkgutil.walk_packages(package.__path__, f"{name}."))]
    return [name for name in found if not name.endswith("__main__")]


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    attempted = sum(doctest.testmod(importlib.import_module(name)).attempted for name in modules())
    assert attempted >= 10
