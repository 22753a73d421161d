"""Stripping what wrappers leave on names."""

from __future__ import annotations

import doctest

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robustkit.engine.checkpoint import prefix
from robustkit.engine.checkpoint.prefix import PREFIXES, strip_prefixes

NAMES = ("conv.weight", "conv.bias", "fc.weight", "fc.bias")


def _weights(names):
    return {name: torch.full((1,), float(index)) for index, name in enumerate(names)}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_prefix_is_stripped(prefix):
    found, stripped = strip_prefixes(_weights(prefix + name for name in NAMES), NAMES)
    assert tuple(found) == NAMES
    assert "".join(stripped) == prefix


@given(chain=st.lists(st.sampled_from(PREFIXES), max_size=4))
def test_prefixes_on_top_of_one_another_are_stripped(chain):
    prefix = "".join(chain)
    found, stripped = strip_prefixes(_weights(prefix + name for name in NAMES), NAMES)
    assert tuple(found) == NAMES
    assert "".join(stripped) == prefix
    assert [tensor.item() for tensor in found.values()] == [0, 1, 2, 3]


def test_nothing_is_stripped_if_the_names_fit_as_they_are():
    names = [f"model.{name}" for name in NAMES]
    assert strip_prefixes(_weights(names), names)[1] == ()


def test_nothing_is_stripped_if_the_names_do_not_fit_afterwards_either():
    names = [f"module.{name}" for name in NAMES]
    found, stripped = strip_prefixes(_weights(names), ["other.weight"])
    assert (stripped, list(found)) == ((), names)


def test_names_are_never_cut_inside():
    found, stripped = strip_prefixes(_weights(["encoder.model.w", "encoder.model.b"]), ["model.w", "model.b"])
    assert (list(found), stripped) == (["model.w", "model.b"], ("encoder.",))
    # A naive replace("model.", "") or lstrip("encode.") gives "encoder.w" and "r.model.w".
    assert strip_prefixes(_weights(["encoder.model.w"]), ["encoder.w", "r.model.w"])[1] == ()


def test_a_prefix_of_some_names_only_stays():
    names = ["encoder.w", "encoder.b", "projector.w"]
    assert strip_prefixes(_weights(names), ["w", "b"])[1] == ()


def test_one_name_in_a_hundred_may_lie_outside():
    inside = [f"module.{index}.w" for index in range(99)]
    wanted = [f"{index}.w" for index in range(99)]
    assert strip_prefixes(_weights([*inside, "extra"]), wanted)[1] == ("module.",)
    assert strip_prefixes(_weights([*inside[:98], "extra"]), wanted)[1] == ()


def test_counters_outside_the_wrapped_model_do_not_count():
    weights = {**_weights(f"module.{name}" for name in NAMES), "n_averaged": torch.tensor(7)}
    found, stripped = strip_prefixes(weights, NAMES)
    assert (list(found), stripped) == ([*NAMES, "n_averaged"], ("module.",))


def test_names_that_would_become_the_same_are_not_stripped():
    names = [*(f"module.{index}.w" for index in range(100)), "0.w"]
    assert strip_prefixes(_weights(names), [f"{index}.w" for index in range(100)])[1] == ()


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(prefix).failed == 0
