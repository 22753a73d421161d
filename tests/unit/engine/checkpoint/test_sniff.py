"""What a file is, from its content."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import tarfile
import warnings
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from robustkit.engine.checkpoint.sniff import sniff


@pytest.mark.parametrize("form", ["torch zip", "torch legacy", "pickle"])
def test_torch_files_and_pickles_are_told_apart_whatever_their_extension(tmp_path, writers, weights, form):
    path = tmp_path / "misleading.safetensors"
    writers[form](path, weights)
    assert sniff(path) == form


@pytest.mark.parametrize("protocol", range(2, 6))
def test_the_legacy_form_is_known_under_every_pickle_protocol(tmp_path, weights, protocol):
    path = tmp_path / "a.pt"
    torch.save(weights, path, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    assert sniff(path) == "torch legacy"


@pytest.mark.parametrize("protocol", range(6))
def test_a_bare_pickle_is_known_under_every_protocol(tmp_path, protocol):
    path = tmp_path / "a.txt"
    path.write_bytes(pickle.dumps({"lr": 0.1, "names": ["a", "b"]}, protocol=protocol))
    assert sniff(path) == "pickle"


def test_safetensors_is_known_whatever_its_extension(tmp_path, weights):
    path = tmp_path / "a.pth"
    save_file(weights, path)
    assert sniff(path) == "safetensors"


def test_a_safetensors_header_length_that_looks_like_a_pickle_header_is_no_pickle(tmp_path, weights):
    # 640 is b"\x80\x02" in little-endian: the first bytes of a protocol-2 pickle.
    path = tmp_path / "a.safetensors"
    for padding in range(400, 640, 8):
        save_file(weights, path, metadata={"padding": "x" * padding})
        if path.read_bytes().startswith(b"\x80\x02"):
            break
    assert path.read_bytes().startswith(b"\x80\x02")
    assert sniff(path) == "safetensors"


def _zip(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return buffer.getvalue()


def _npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2))
    return buffer.getvalue()


OTHERS = {
    "html": (b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>", "HTML"),
    "html without doctype": (b"<html><body>404</body></html>", "HTML"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS pointer"),
    "gzip": (gzip.compress(b"weights"), "gzip"),
    "xz": (b"\xfd7zXZ\x00\x00\x04", "compressed archive"),
    "tar": (_tar(), "tar archive"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
    "onnx": (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0:\x80\x01", "ONNX"),
    "json": (json.dumps({"weight": [1, 2]}).encode(), "JSON text"),
    "text": ("Zugriff verweigert für diese Datei.\n".encode(), "text file"),
    "csv": (b"epoch,loss\n1,0.5\n", "text file"),
    "npy": (_npy(), "NumPy"),
    "other zip": (_zip({"model/config.yaml": b"a: 1"}), "zip archive that torch.save did not write"),
    "empty zip": (_zip({}), "empty zip"),
    "torch.package": (_zip({"a/.data/extern_modules": b"", "a/model/model.pkl": b""}), "torch.package"),
    "old torch.export": (_zip({"serialized_exported_program.json": b"{}", "version": b"1"}), "torch.export"),
    "noise": (bytes(range(200, 256)) + bytes(16), "unknown kind"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize(("content", "name"), OTHERS.values(), ids=OTHERS)
def test_other_files_are_refused_by_name(tmp_path, refused, content, name):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    error = refused(sniff, path)
    assert name in error.message
    assert str(path) in error.message
    assert error.hint


def test_torchscript_is_refused_by_name(tmp_path, refused):
    path = tmp_path / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(nn.Linear(2, 2)).save(path)
    assert "TorchScript" in refused(sniff, path).message


def test_torch_export_is_refused_by_name(tmp_path, refused):
    path = tmp_path / "model.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(nn.Linear(2, 2), (torch.zeros(1, 2),)), path)
    assert "torch.export" in refused(sniff, path).message


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_truncated_zip_is_called_so(tmp_path, refused, weights, kept):
    path = tmp_path / "model.pt"
    torch.save(weights, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    error = refused(sniff, path)
    assert "truncated zip" in error.message
    assert "again" in error.hint


@pytest.mark.parametrize("missing", [1, 20, 60])
def test_a_truncated_safetensors_is_called_so(tmp_path, refused, weights, missing):
    path = tmp_path / "model.safetensors"
    save_file(weights, path)
    path.write_bytes(path.read_bytes()[:-missing])
    assert "truncated safetensors" in refused(sniff, path).message


def test_a_damaged_safetensors_header_is_called_so(tmp_path, refused, weights):
    path = tmp_path / "model.safetensors"
    save_file(weights, path)
    content = bytearray(path.read_bytes())
    content[20] = 0
    path.write_bytes(content)
    assert "damaged safetensors" in refused(sniff, path).message


def test_a_missing_file_suggests_its_neighbour(tmp_path, refused):
    (tmp_path / "resnet20.pth").write_bytes(b"x")
    error = refused(sniff, tmp_path / "resnet2.pth")
    assert error.message.startswith("file not found")
    assert "resnet20.pth" in error.hint


def test_a_missing_folder_is_named(tmp_path, refused):
    error = refused(sniff, tmp_path / "absent" / "a.pt")
    assert error.message.startswith("file not found")
    assert "absent" in error.hint


def test_a_folder_is_refused_and_its_files_named(tmp_path, refused):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    error = refused(sniff, tmp_path)
    assert "folder" in error.message
    assert "model.safetensors" in error.hint


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path, refused):
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(sniff, tmp_path / "pipe").message
