"""Code in a checkpoint does not run unasked."""

from __future__ import annotations

import argparse
import io
import os
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.serialization import add_safe_globals, get_safe_globals

from robustkit.engine.checkpoint import open_checkpoint
from robustkit.engine.checkpoint.pickled import demands
from robustkit.protocols import CheckpointOptions

UNTRUSTED = CheckpointOptions()
TRUSTED = CheckpointOptions(trust_pickle=True)
FORMS = ["torch zip", "torch legacy", "pickle"]
SYSTEM = f"{os.system.__module__}.system"  # posix.system, or nt.system


@pytest.mark.parametrize("form", FORMS)
def test_a_payload_does_not_run_and_is_named(tmp_path, writers, weights, payload, refused, form):
    path, marker = tmp_path / "model.pt", tmp_path / "marker"
    writers[form](path, {"state_dict": weights, "extra": payload(marker)})
    error = refused(open_checkpoint, path, UNTRUSTED)
    assert not marker.exists()
    assert SYSTEM in error.message
    assert "--trust-pickle" in error.hint


@pytest.mark.parametrize("form", FORMS)
def test_negative_control_the_payload_runs_when_the_file_is_trusted(tmp_path, writers, weights, payload, form):
    path, marker = tmp_path / "model.pt", tmp_path / "marker"
    writers[form](path, {"state_dict": weights, "extra": payload(marker)})
    opened = open_checkpoint(path, TRUSTED)
    assert marker.exists()
    assert torch.equal(opened.weights["weight"], weights["weight"])
    assert SYSTEM in opened.extras["pickle"]


@pytest.mark.parametrize("protocol", range(6))
def test_a_payload_in_any_pickle_protocol_is_named(tmp_path, payload, refused, protocol):
    path, marker = tmp_path / "model.pt", tmp_path / "marker"
    path.write_bytes(pickle.dumps(payload(marker), protocol=protocol))
    assert SYSTEM in refused(open_checkpoint, path, UNTRUSTED).message
    assert not marker.exists()


def _disguised(marker: Path) -> bytes:
    """A pickle that calls os.system, though the two strings before STACK_GLOBAL read collections.OrderedDict."""
    command = f"echo ran > '{marker}'".encode()

    def text(value: bytes) -> bytes:
        return b"\x8c" + bytes([len(value)]) + value

    disguise = text(b"collections") + text(b"OrderedDict") + b"00"  # pushed, and popped again
    return (
        b"\x80\x04"
        + text(os.system.__module__.encode())
        + text(b"system")
        + disguise
        + b"\x93"
        + text(command)
        + b"\x85R."
    )


def test_the_disguised_pickle_is_a_real_one(tmp_path):
    marker = tmp_path / "marker"
    pickle.loads(_disguised(marker))
    assert marker.exists()


def test_safety_does_not_rest_on_the_static_scan_in_a_bare_pickle(tmp_path, refused):
    path, marker = tmp_path / "model.pt", tmp_path / "marker"
    path.write_bytes(_disguised(marker))
    assert SYSTEM not in demands(path, "pickle").unsafe  # the scan is deceived
    refused(open_checkpoint, path, UNTRUSTED)
    assert not marker.exists()


def test_safety_does_not_rest_on_the_static_scan_in_an_archive(tmp_path, refused):
    path, marker = tmp_path / "model.pt", tmp_path / "marker"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", _disguised(marker).replace(b"\x80\x04", b"\x80\x02"))
        archive.writestr("model/version", "3\n")
        archive.writestr("model/byteorder", "little")
    refused(open_checkpoint, path, UNTRUSTED)
    assert not marker.exists()


def test_a_payload_in_a_second_pickle_of_an_archive_does_not_run(tmp_path, weights, payload, refused):
    path, marker = tmp_path / "model.pt", tmp_path / "marker"
    torch.save(weights, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", pickle.dumps(payload(marker), protocol=2))
    refused(open_checkpoint, path, UNTRUSTED)
    assert not marker.exists()


@pytest.mark.parametrize("form", FORMS[:2])
def test_hyperparameters_and_numpy_scalars_open_without_trust(tmp_path, writers, weights, form):
    path = tmp_path / "model.pt"
    value = {"state_dict": weights, "args": argparse.Namespace(lr=0.1), "best": np.float64(0.5), "step": np.int64(3)}
    writers[form](path, value)
    opened = open_checkpoint(path, UNTRUSTED)
    assert torch.equal(opened.weights["bias"], weights["bias"])
    assert (opened.extras["args"], opened.extras["best"], opened.extras["step"]) == ("Namespace", "0.5", "3")


@pytest.mark.parametrize("package", ["core", "_core"])
def test_numpy_scalars_open_under_numpys_old_and_new_module_name(tmp_path, weights, package):
    path = tmp_path / "model.pt"
    torch.save({"state_dict": weights, "best": np.float64(0.5)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist()}
    name = "model/data.pkl"
    for other in ("core", "_core"):
        entries[name] = entries[name].replace(f"cnumpy.{other}.".encode(), f"cnumpy.{package}.".encode())
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
    assert f"numpy.{package}.multiarray".encode() in entries[name]
    assert open_checkpoint(path, UNTRUSTED).extras["best"] == "0.5"


def test_what_the_user_allowed_before_stays_allowed(tmp_path, weights):
    path = tmp_path / "model.pt"
    torch.save(weights, path)
    before = set(map(str, get_safe_globals()))
    open_checkpoint(path, UNTRUSTED)
    assert set(map(str, get_safe_globals())) == before
    add_safe_globals([argparse.Namespace])
    try:
        open_checkpoint(path, UNTRUSTED)
        assert argparse.Namespace in get_safe_globals()
    finally:
        torch.serialization.safe_globals([argparse.Namespace]).__exit__(None, None, None)


@pytest.mark.parametrize("form", FORMS)
def test_a_pickled_module_needs_trust_and_then_yields_its_state_dict(tmp_path, writers, refused, form):
    path, model = tmp_path / "model.pt", nn.Sequential(nn.Linear(2, 3))
    writers[form](path, model)
    assert "torch.nn.modules.linear.Linear" in refused(open_checkpoint, path, UNTRUSTED).message
    opened = open_checkpoint(path, TRUSTED)
    assert list(opened.weights) == ["0.weight", "0.bias"]
    assert torch.equal(opened.weights["0.weight"], model[0].weight)
    assert opened.extras["class"].endswith("Sequential")


def test_a_module_below_a_wrapper_yields_its_state_dict(tmp_path):
    path, model = tmp_path / "model.pt", nn.Linear(2, 3)
    torch.save({"epoch": 3, "model": model}, path)
    opened = open_checkpoint(path, TRUSTED)
    assert (opened.unwrapped, list(opened.weights)) == (("model",), ["weight", "bias"])


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_bare_pickle_of_plain_data_is_said_to_hold_no_tensors(tmp_path, refused, protocol):
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps({"lr": 0.1}, protocol=protocol))
    assert "without tensors" in refused(open_checkpoint, path, UNTRUSTED).message


def test_a_newer_pickle_protocol_is_named_and_opens_when_trusted(tmp_path, weights, refused):
    path = tmp_path / "model.pt"
    torch.save(weights, path, pickle_protocol=4)
    assert "protocol 4" in refused(open_checkpoint, path, UNTRUSTED).message
    assert set(open_checkpoint(path, TRUSTED).weights) == set(weights)


def test_a_trusted_file_that_needs_no_trust_is_opened_without_it(tmp_path, weights, monkeypatch):
    path = tmp_path / "model.pt"
    torch.save(weights, path)
    modes, load = [], torch.load
    monkeypatch.setattr(torch, "load", lambda *a, **k: modes.append(k["weights_only"]) or load(*a, **k))
    open_checkpoint(path, TRUSTED)
    assert modes == [True]


def test_a_missing_class_is_said_to_be_missing(tmp_path, refused):
    path = tmp_path / "model.pt"
    path.write_bytes(b"cabsent_project.models\nResNet\n)R.")
    error = refused(open_checkpoint, path, TRUSTED)
    assert "absent_project" in error.message
    assert "importable" in error.hint


def test_names_from_the_memo_are_followed(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps([os.path.join, os.path.split, OrderedDict()], protocol=4))
    opcodes = [opcode.name for opcode, _, _ in pickletools.genops(io.BytesIO(path.read_bytes()))]
    assert "BINGET" in opcodes  # the module's name is pushed once and recalled
    module = os.path.join.__module__
    assert demands(path, "pickle").unsafe == (f"{module}.join", f"{module}.split")
