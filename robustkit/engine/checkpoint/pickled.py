"""What a pickle would import and call, found without running it.

The answer serves error messages and the choice of reader. Safety does not rest on it: whatever it says, files are read
with torch's restricted unpickler unless the user trusts them, and a bare pickle is not read at all.
"""

from __future__ import annotations

import io
import pickletools
import warnings
import zipfile
from argparse import Namespace
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from torch.serialization import get_safe_globals, get_unsafe_globals_in_checkpoint, safe_globals

from robustkit.engine.checkpoint.sniff import Form

_LEGACY_PICKLES = 5  # magic number, protocol, system, the object, storage keys; raw bytes follow
_COMPUTED = ("unknown", "computed-while-loading")
_SAFE_PROTOCOL = 2  # the highest that torch's restricted unpickler reads in full


@dataclass(frozen=True)
class Demands:
    """What a pickle asks for beyond what is known to be safe.

    Attributes:
        unsafe: sorted `module.name` of every global that is not known to be safe.
        protocol: the highest pickle protocol in the file.
    """

    unsafe: tuple[str, ...]
    protocol: int

    @property
    def restricted(self) -> bool:
        """Whether the restricted unpickler can be expected to read it."""
        return not self.unsafe and self.protocol <= _SAFE_PROTOCOL


def allowed() -> safe_globals:
    """Return a context in which torch's restricted unpickler also takes robustkit's short safe list.

    The list: `argparse.Namespace`, and what a pickled numpy scalar needs, under numpy's old and new module names.
    None of these runs code that a file could choose.
    """
    scalar: Callable[..., Any] = np.float64(0).__reduce__()[0]  # type: ignore[assignment]  # typed as for object
    dtypes = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    ours: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [Namespace, np.dtype, *dtypes]
    ours += [(scalar, f"numpy.{package}.multiarray.scalar") for package in ("core", "_core")]
    # The context removes on exit what it was given: what the user had allowed before must stay.
    already = get_safe_globals()
    return safe_globals([item for item in ours if item not in already])


def demands(path: Path, form: Form) -> Demands:
    """Return what the pickles in a file ask for. Nothing is unpickled.

    Raises:
        ValueError: a pickle is damaged or cut short.
        MemoryError: a damaged pickle claims an absurd length.
        KeyError: a zip archive has no `data.pkl`.
    """
    names: set[tuple[str, str]] = set()
    protocol = 0
    with _object_pickle(path, form) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # damaged text may hold what looks like bad escapes
        for _ in range(_LEGACY_PICKLES if form == "torch legacy" else 1):
            protocol = max(protocol, _scan(file, names))
    return Demands(_not_safe(names), protocol)


def _object_pickle(path: Path, form: Form) -> IO[bytes]:
    if form != "torch zip":
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(archive.namelist()[0].partition("/")[0] + "/data.pkl")
        if member.CRC == 0:  # torch wrote no checksums; without one zipfile reads without checking
            del member.CRC
        return io.BytesIO(archive.read(member))


def _scan(file: IO[bytes], names: set[tuple[str, str]]) -> int:
    """Add the globals of the next pickle in `file` to `names`, and return its protocol."""
    protocol = 0
    memo: dict[int, Any] = {}
    pushed: deque[Any] = deque([None, None], maxlen=2)
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        protocol = max(protocol, opcode.proto)
        if name in ("GLOBAL", "INST"):
            module, _, attribute = str(argument).partition(" ")
            names.add((module, attribute))
        elif name == "STACK_GLOBAL":
            module, attribute = pushed
            names.add((module, attribute) if module is not None and attribute is not None else _COMPUTED)
        _follow(name, argument, memo, pushed)
    return protocol


def _follow(name: str, argument: Any, memo: dict[int, Any], pushed: deque[Any]) -> None:
    """Keep track of the last two values pushed, as far as strings go: STACK_GLOBAL takes its names from there."""
    if name == "MEMOIZE":
        memo[len(memo)] = pushed[-1]
    elif name.endswith("PUT"):
        memo[argument] = pushed[-1]
    elif name.endswith("GET"):
        pushed.append(memo.get(argument))
    elif name not in ("PROTO", "FRAME"):
        # A line break cannot be in a name, but would end it in the listing that `_not_safe` makes.
        pushed.append(argument.replace("\n", " ") if isinstance(argument, str) else None)


def _not_safe(names: set[tuple[str, str]]) -> tuple[str, ...]:
    """Return those that torch's restricted unpickler refuses.

    torch tells which of the globals in an archive it would refuse, so it is shown an archive that only names them.
    """
    lines = [f"c{module}\n{name}\n" for module, name in sorted(names)]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("archive/data.pkl", b"\x80\x02" + "".join(lines).encode(errors="backslashreplace") + b".")
        writer.writestr("archive/version", "3\n")
    archive.seek(0)
    with allowed():
        return tuple(sorted(get_unsafe_globals_in_checkpoint(archive)))
