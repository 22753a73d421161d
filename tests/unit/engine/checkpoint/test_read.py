"""Opening sound and damaged files."""

from __future__ import annotations

import zipfile

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.serialization import set_crc32_options

from robustkit.engine.checkpoint import open_checkpoint, weights_digest
from robustkit.errors import DataError
from robustkit.protocols import CheckpointOptions

UNTRUSTED = CheckpointOptions()


@pytest.mark.parametrize("form", ["torch zip", "torch legacy"])
def test_weights_come_back_as_they_were_saved(tmp_path, writers, weights, form):
    path = tmp_path / "model.pt"
    writers[form](path, weights)
    opened = open_checkpoint(path, UNTRUSTED)
    assert opened.format == form
    assert (opened.unwrapped, dict(opened.extras), dict(opened.metadata)) == ((), {}, {})
    assert all(torch.equal(opened.weights[name], weights[name]) for name in weights)


def test_safetensors_declares_its_model_and_normalisation(tmp_path, weights):
    path = tmp_path / "model.safetensors"
    declared = {"robustkit.model": "resnet20", "robustkit.normalize": "cifar10", "format": "pt"}
    save_file(weights, path, metadata=declared)
    opened = open_checkpoint(path, UNTRUSTED)
    assert opened.metadata == {"model": "resnet20", "normalize": "cifar10"}
    assert opened.extras == {"format": "pt"}
    assert torch.equal(opened.weights["weight"], weights["weight"])


def test_the_weights_digest_does_not_depend_on_the_container(tmp_path, writers, weights):
    paths = [tmp_path / name for name in ("zip.pt", "legacy.pt", "a.safetensors")]
    writers["torch zip"](paths[0], {"state_dict": weights})
    writers["torch legacy"](paths[1], dict(reversed(weights.items())))
    save_file(weights, paths[2])
    digests = {weights_digest(open_checkpoint(path, UNTRUSTED).weights) for path in paths}
    assert digests == {weights_digest(weights)}


@pytest.mark.parametrize("kept", [30, 100, 300, -1])
def test_a_truncated_legacy_file_is_a_clear_error(tmp_path, writers, weights, refused, kept):
    path = tmp_path / "model.pt"
    writers["torch legacy"](path, weights)
    path.write_bytes(path.read_bytes()[:kept])
    error = refused(open_checkpoint, path, UNTRUSTED)
    assert "torch legacy" in error.message
    assert "again" in error.hint


def _flip(path, needle):
    content = bytearray(path.read_bytes())
    content[content.index(needle)] ^= 0xFF
    path.write_bytes(content)


def test_a_flipped_bit_in_a_weight_is_found_though_torch_itself_does_not_see_it(tmp_path, weights, refused):
    path = tmp_path / "model.pt"
    torch.save(weights, path)
    _flip(path, weights["weight"].numpy().tobytes()[4:])
    assert not torch.equal(torch.load(path, weights_only=True)["weight"], weights["weight"])  # silently wrong
    error = refused(open_checkpoint, path, UNTRUSTED)
    assert "damaged" in error.message
    assert "data/" in error.message


def test_an_archive_written_without_checksums_opens(tmp_path, weights):
    path = tmp_path / "model.pt"
    set_crc32_options(False)
    try:
        torch.save(weights, path)
    finally:
        set_crc32_options(True)
    assert set(open_checkpoint(path, UNTRUSTED).weights) == set(weights)


def test_a_compressed_archive_opens(tmp_path, weights):
    plain, path = tmp_path / "plain.pt", tmp_path / "model.pt"
    torch.save(weights, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info in source.infolist():
            archive.writestr(info.filename, source.read(info))
    assert torch.equal(open_checkpoint(path, UNTRUSTED).weights["weight"], weights["weight"])


def test_a_missing_record_is_a_clear_error(tmp_path, weights, refused):
    path = tmp_path / "model.pt"
    torch.save(weights, path)
    with zipfile.ZipFile(path) as archive:
        entries = {info.filename: archive.read(info) for info in archive.infolist() if "data/0" not in info.filename}
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in entries.items():
            archive.writestr(entry, data)
    error = refused(open_checkpoint, path, UNTRUSTED)
    assert "cannot be opened" in error.message
    assert "weights_only" not in error.message


def test_opening_leaves_the_file_and_the_global_generator_alone(tmp_path, weights):
    path = tmp_path / "model.pt"
    torch.save(weights, path)
    content, state = path.read_bytes(), torch.get_rng_state()
    open_checkpoint(path, UNTRUSTED).weights["weight"].add_(1)  # memory-mapped, but not shared
    assert path.read_bytes() == content
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("form", ["torch zip", "torch legacy", "pickle", "safetensors"])
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_whatever_the_damage_a_file_opens_or_is_refused_in_one_line(tmp_path, writers, weights, form, data):
    path = tmp_path / "model.pt"
    if form == "safetensors":
        save_file(weights, path)
    else:
        writers[form](path, weights)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    told = "opened"
    try:
        assert open_checkpoint(path, UNTRUSTED).weights
    except DataError as error:
        told = error.message + error.hint
    assert "\n" not in told
