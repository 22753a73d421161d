"""Finding the state dict."""

from __future__ import annotations

import pytest
import torch

from robustkit.engine.checkpoint.unwrap import AVERAGED, WRAPPERS, unwrap

W = {"a.weight": torch.ones(2)}
OTHER = {"b.weight": torch.zeros(2)}


@pytest.mark.parametrize("key", WRAPPERS)
def test_every_wrapper_is_descended(key):
    found = unwrap({"epoch": 3, key: W}, "file")
    assert (found.path, found.weights, found.extras) == ((key,), W, {"epoch": "3"})


def test_a_plain_state_dict_is_taken_even_if_a_name_is_that_of_a_wrapper():
    weights = {"weights": torch.ones(2), "model": torch.ones(1)}
    assert unwrap(weights, "file").weights is weights


def test_wrappers_are_tried_in_order():
    assert unwrap({"model": OTHER, "state_dict": W}, "file").path == ("state_dict",)


def test_only_mappings_that_lead_to_tensors_are_descended():
    value = {"state_dict": {"step": 3}, "model": "resnet20", "net": {"depth": 20}, "network": {"weights": W}}
    found = unwrap(value, "file")
    assert found.path == ("network", "weights")
    assert found.extras["model"] == "'resnet20'"
    assert found.extras["state_dict"] == "dict of 1"


def test_a_lightning_checkpoint_reports_its_version():
    value = {"pytorch-lightning_version": "2.4.0", "epoch": 9, "state_dict": W, "hyper_parameters": {"lr": 0.1}}
    found = unwrap(value, "file")
    assert found.path == ("state_dict",)
    assert found.extras["pytorch-lightning_version"] == "'2.4.0'"


@pytest.mark.parametrize("key", AVERAGED)
def test_averaged_weights_are_reported_and_not_used(key):
    found = unwrap({key: OTHER, "model": W}, "file")
    assert found.weights is W
    assert found.extras[key] == "averaged (EMA) weights: present and unused"


@pytest.mark.parametrize("key", AVERAGED)
def test_averaged_weights_alone_are_not_chosen_silently(refused, key):
    error = refused(unwrap, {key: W, "epoch": 1}, "file")
    assert key in error.message
    assert "averaged" in error.hint


@pytest.mark.parametrize(
    "value",
    [{}, {"encoder": W, "head": OTHER}, {"state_dict": {}}, {**W, "epoch": 3}, {1: torch.ones(1)}],
    ids=["empty", "two parts", "empty inside", "mixed", "names that are numbers"],
)
def test_what_is_no_state_dict_is_refused_with_its_keys(refused, value):
    error = refused(unwrap, value, "file.pt")
    assert "file.pt" in error.message
    assert all(str(key) in error.message for key in value)


@pytest.mark.parametrize("value", [torch.ones(2), [W], 3, None])
def test_what_is_no_mapping_is_refused_with_its_type(refused, value):
    assert type(value).__name__ in refused(unwrap, value, "file.pt").message


def test_an_object_that_holds_itself_is_refused(refused):
    value: dict[str, object] = {}
    value["model"] = value
    refused(unwrap, value, "file.pt")


def test_extras_are_described_in_a_few_words():
    value = {"model": W, "note": "x" * 500, "optimizer": {"a": 1}, "best": torch.ones(2, 3), "arch": None, "ok": True}
    extras = unwrap(value, "file").extras
    assert len(extras["note"]) == 60
    assert {key: extras[key] for key in ("optimizer", "best", "arch", "ok")} == {
        "optimizer": "dict of 1",
        "best": "float32 tensor of shape (2, 3)",
        "arch": "None",
        "ok": "True",
    }
