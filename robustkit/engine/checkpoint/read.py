"""Reading a checkpoint file whose kind is known."""

from __future__ import annotations

import io
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from robustkit.engine.checkpoint.pickled import Demands, allowed, demands
from robustkit.engine.checkpoint.sniff import Form
from robustkit.errors import DataError

_TRUST = "use --trust-pickle only if you trust the source (it runs code from the file), or re-save as safetensors"
_AGAIN = "download or copy it again, and compare its size and checksum with the source's"
_CHUNK = 1 << 22  # bytes


@dataclass(frozen=True)
class Contents:
    """What was read.

    Attributes:
        value: the object that the file holds, tensors on the CPU.
        metadata: what the file declares about itself.
    """

    value: Any
    metadata: Mapping[str, str] = field(default_factory=dict)


def read(path: Path, form: Form, trust_pickle: bool) -> Contents:
    """Return what a checkpoint file holds.

    Args:
        path: the file.
        form: what `sniff` said it is.
        trust_pickle: whether code in the file may run, if it cannot be read without.

    Raises:
        DataError: the file is damaged, or wants code to run that the user did not allow.
    """
    if form == "safetensors":
        return _read_safetensors(path)
    if form == "torch zip":
        _check_members(path)
    wanted = _demands(path, form)
    if form != "pickle" and wanted.restricted:
        try:
            return Contents(_read_restricted(path, form))
        except Exception as error:  # torch raises many kinds for one cause: the file is not as it should be
            if not trust_pickle:
                raise DataError(f"{path} ({form}) cannot be opened: {_cause(error)}", _AGAIN) from error
    if not trust_pickle:
        raise _refusal(path, form, wanted)
    metadata = {"pickle": f"opened as trusted; it imports {', '.join(wanted.unsafe) or 'nothing unusual'}"}
    return Contents(_read_trusted(path, form), metadata)


def _read_safetensors(path: Path) -> Contents:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
        return Contents(load_file(path, device="cpu"), metadata)
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} (safetensors) cannot be opened: {_cause(error)}", _AGAIN) from error


def _check_members(path: Path) -> None:
    """Compare every member of a zip with its checksum: torch itself is built without this check."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.CRC == 0:  # torch.serialization.set_crc32_options(False) writes none
                    continue
                with archive.open(member) as file:
                    while file.read(_CHUNK):
                        pass
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} (torch zip) is damaged: {_cause(error)}", _AGAIN) from error


def _demands(path: Path, form: Form) -> Demands:
    try:
        return demands(path, form)
    except (ValueError, KeyError, OverflowError, MemoryError) as error:
        raise DataError(f"{path} ({form}) is damaged or truncated: {_cause(error)}", _AGAIN) from error


def _refusal(path: Path, form: Form, wanted: Demands) -> DataError:
    if wanted.unsafe:
        return DataError(f"{path} ({form}) wants to import and call {', '.join(wanted.unsafe)}: refused", _TRUST)
    if form == "pickle":
        return DataError(f"expected a checkpoint, but {path} is a pickle without tensors", "save the state_dict()")
    return DataError(
        f"{path} ({form}) uses pickle protocol {wanted.protocol}, of which the safe reader knows only up to 2", _TRUST
    )


def _read_restricted(path: Path, form: Form) -> Any:
    with allowed():
        return torch.load(path, map_location="cpu", weights_only=True, mmap=form == "torch zip" and _is_stored(path))


def _is_stored(path: Path) -> bool:
    """Whether nothing in a zip is compressed: only then can torch map it into memory."""
    with zipfile.ZipFile(path) as archive:
        return all(member.compress_type == zipfile.ZIP_STORED for member in archive.infolist())


def _read_trusted(path: Path, form: Form) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the user's classes may have changed; what matters is whether it fits
            if form == "pickle":
                with path.open("rb") as file:
                    return _CpuUnpickler(file).load()
            return torch.load(path, map_location="cpu", weights_only=False)
    except ModuleNotFoundError as error:
        hint = f"make the module '{error.name}' importable (PYTHONPATH), or re-save the state_dict alone"
        raise DataError(f"{path} ({form}) cannot be unpickled: {_cause(error)}", hint) from error
    except Exception as error:  # a pickle runs arbitrary code, which raises arbitrary errors
        raise DataError(f"{path} ({form}) cannot be unpickled: {_cause(error)}", _AGAIN) from error


class _CpuUnpickler(pickle.Unpickler):
    """Unpickles tensors onto the CPU, wherever they were when they were pickled."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch.storage", "_load_from_bytes"):
            return _storage_on_cpu
        return super().find_class(module, name)


def _storage_on_cpu(data: bytes) -> Any:
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)


def _cause(error: BaseException) -> str:
    """Return the reason in one line; torch's own advice is to load without the restriction, which is not ours."""
    text = str(error)
    found = re.search(r"WeightsUnpickler error:\s*(.+)", text)
    lines = (found.group(1) if found else text).strip().splitlines()
    return lines[0].split(". This is an internal")[0] if lines else type(error).__name__
