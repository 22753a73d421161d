"""What kind of file a checkpoint is, from its content."""

from __future__ import annotations

import json
import os
import pickletools
import re
import warnings
import zipfile
from pathlib import Path
from typing import Literal

from robustkit.errors import DataError
from robustkit.names import did_you_mean

Form = Literal["torch zip", "torch legacy", "pickle", "safetensors"]

_AGAIN = "download or copy it again, and compare its size and checksum with the source's"
_STATE_DICT = "save the model's state_dict() with torch.save or safetensors, and open that"
_UNPACK = "unpack it and name the checkpoint inside"
_OTHER = "robustkit opens torch files (zip and legacy), safetensors and, under --trust-pickle, bare pickles"

# torch.save before 1.6 begins with a pickle of this number (torch.serialization.MAGIC_NUMBER), of any protocol.
_LEGACY = re.compile(rb"\x80[\x02-\x05](\x95.{8})?\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19\.", re.DOTALL)
_HEADLESS_PICKLE = b"(])}c"  # what protocols 0 and 1, which have no header, begin with
_MAX_HEADER = 100_000_000  # bytes; the safetensors library refuses longer headers too

_KNOWN: tuple[tuple[re.Pattern[bytes], str, str], ...] = tuple(
    (re.compile(pattern, re.DOTALL | re.IGNORECASE), name, hint)
    for pattern, name, hint in (
        (rb"version https://git-lfs\.github\.com", "a Git LFS pointer, not the file itself", "run `git lfs pull`"),
        (
            rb"\s*(<!doctype|<html|<head|<body|<\?xml|<!--)",
            "an HTML or XML page, as a failed download leaves behind",
            "open the address in a browser, and download the file itself",
        ),
        (rb"PK\x05\x06", "an empty zip archive", _AGAIN),
        (rb"\x1f\x8b", "gzip-compressed data", _UNPACK),
        (rb"BZh|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|7z\xbc\xaf\x27\x1c", "a compressed archive", _UNPACK),
        (rb".{257}ustar", "a tar archive", _UNPACK),
        (rb"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras?)", "robustkit evaluates PyTorch models: convert the weights"),
        (rb"\x93NUMPY", "a NumPy array", _STATE_DICT),
        # ModelProto: field 1 (IR version, one byte), then field 2 (producer name) or field 7 (graph).
        (rb"\x08[\x01-\x20](\x12.[\x20-\x7e]{2}|\x3a)", "an ONNX model", _STATE_DICT),
        (rb"\s*[{\[][^\x00-\x08\x0e-\x1f]*$", "JSON text", _OTHER),
        (rb"[^\x00-\x08\x0e-\x1f]*$", "a text file", _OTHER),
    )
)


def sniff(path: Path) -> Form:
    """Return what kind of checkpoint a file is: `"torch zip"`, `"torch legacy"`, `"pickle"` or `"safetensors"`.

    Only the content counts, never the extension. Nothing is unpickled.

    Raises:
        DataError: there is no such file, it is damaged, or it is something else; the message says what.
    """
    head = _head(path)
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(path)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= _MAX_HEADER:
        return _sniff_safetensors(path)
    if _LEGACY.match(head):
        return "torch legacy"
    if re.match(rb"\x80[\x02-\x05]", head) or (head[0] in _HEADLESS_PICKLE and _is_whole_pickle(path)):
        return "pickle"
    for pattern, name, hint in _KNOWN:
        if pattern.match(head):
            raise _refusal(path, name, hint)
    raise _refusal(path, f"of an unknown kind (it begins with {head[:8]!r})", _OTHER)


def _refusal(path: Path, what: str, hint: str) -> DataError:
    return DataError(f"expected a checkpoint, but {path} is {what}", hint)


def _head(path: Path) -> bytes:
    if path.is_dir():
        found = sorted(file.name for file in path.iterdir() if file.is_file())[:3]
        raise _refusal(path, "a folder", f"name one file in it: {', '.join(found)}" if found else "it holds no files")
    if not path.exists():
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, siblings) or f"folder: {path.parent.absolute()}"
        raise DataError(f"file not found: {path}", hint)
    if not path.is_file():
        raise _refusal(path, "not a regular file", _OTHER)
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", "check its permissions") from error
    if not head:
        raise _refusal(path, "empty (0 bytes)", _AGAIN)
    return head


def _sniff_zip(path: Path) -> Form:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        size = path.stat().st_size
        raise _refusal(path, f"a damaged or truncated zip archive of {size} bytes ({error})", _AGAIN) from error
    inner = {name.partition("/")[2] for name in names}  # torch puts everything below one folder
    if "constants.pkl" in inner:
        raise _refusal(path, "a TorchScript archive, which carries its own code", _STATE_DICT)
    if inner & {"archive_format", "models/model.json"} or "serialized_exported_program.json" in {*names, *inner}:
        raise _refusal(path, "a torch.export archive, which carries its own program", _STATE_DICT)
    if ".data/extern_modules" in inner:
        raise _refusal(path, "a torch.package archive, which carries its own code", _STATE_DICT)
    if "data.pkl" not in inner:
        raise _refusal(path, f"a zip archive that torch.save did not write ({', '.join(names[:3])} …)", _UNPACK)
    return "torch zip"


def _sniff_safetensors(path: Path) -> Form:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = file.read(length)
    try:
        entries = json.loads(header)
        ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        what = "truncated" if len(header) < length else "damaged"
        raise _refusal(path, f"a {what} safetensors file: its header cannot be read", _AGAIN) from error
    if size != expected:
        raise _refusal(path, f"a damaged or truncated safetensors file: {size} bytes instead of {expected}", _AGAIN)
    return "safetensors"


def _is_whole_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b".":
            return False
        file.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # text is full of what no pickle would escape
                for _ in pickletools.genops(file):
                    pass
        except (ValueError, OverflowError, MemoryError):
            return False
        return True
