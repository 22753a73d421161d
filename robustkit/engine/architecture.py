"""Where a network comes from: a function in a file or package, or a registered name."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from robustkit.errors import ConfigError
from robustkit.names import did_you_mean

INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages."""

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True)
class Architecture:
    """A network that can be built.

    Attributes:
        name: as the user wrote it.
        build: returns a new, untrained network; leaves torch's global generator as it was.
        source_digest: sha256 of the source file that defines it. Code that this file imports is not covered.
    """

    name: str
    build: Callable[[], nn.Module]
    source_digest: str


def resolve_architecture(spec: str, registered: Callable[[str], Architecture]) -> Architecture:
    """Return the architecture that `--model` asks for.

    Args:
        spec: `file.py:callable`, `package.module:callable`, or a registered name with optional parameters
            `name:key=value,key=value`. The callable takes no arguments and returns a `torch.nn.Module`; a Module class
            will do. While a file is loaded and its network built, its folder is importable.
        registered: turns the whole spec of a registered name into an architecture.

    Raises:
        ConfigError: no such file, module or callable; it fails, wants arguments, or returns something else.
    """
    head, colon, attribute = spec.rpartition(":")
    if spec.endswith(".py") or (head.endswith(".py") and not _DOTTED.fullmatch(attribute)):
        path = Path(head if head.endswith(".py") else spec)
        raise ConfigError(f"--model {spec}: expected FILE.py:CALLABLE, got no callable", _functions_in(path))
    if head.endswith(".py"):
        return _from_file(spec, Path(head), attribute)
    if colon and _DOTTED.fullmatch(head) and _DOTTED.fullmatch(attribute):
        return _from_module(spec, head, attribute)
    return registered(spec)


def _from_file(spec: str, path: Path, attribute: str) -> Architecture:
    if not path.is_file():
        siblings = [file.name for file in path.parent.glob("*.py")]
        hint = did_you_mean(path.name, siblings) or f"folder: {path.parent.absolute()}"
        raise ConfigError(f"--model {spec}: file not found: {path}", hint)
    folder = _Folder(path.resolve().parent)
    with folder.importable():
        module = _load_file(spec, path.resolve())
        return _architecture(spec, module, attribute, folder)


def _load_file(spec: str, path: Path) -> ModuleType:
    name = f"robustkit_file_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ConfigError(f"--model {spec}: {path} is not a Python file", "name a .py file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses, typing and inspect look a class's module up there
    try:
        found.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigError(
            f"--model {spec}: importing the file failed: {_cause(error, path)}",
            "the file is run as a module: what belongs to a script goes below `if __name__ == '__main__':`",
        ) from error
    return module


def _from_module(spec: str, name: str, attribute: str) -> Architecture:
    if str(Path.cwd()) not in sys.path:
        # The folder that the command runs in is importable, as under `python -m`; last, so that it hides nothing.
        sys.path.append(str(Path.cwd()))
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        absent = error.name if isinstance(error, ModuleNotFoundError) else None
        if absent and f"{name}.".startswith(f"{absent}."):
            raise ConfigError(
                f"--model {spec}: no module named '{absent}'",
                "run in its folder, set PYTHONPATH, or use FILE.py:CALLABLE; parameters are written key=value",
            ) from error
        raise ConfigError(f"--model {spec}: importing {name} failed: {_cause(error)}", "mend the module") from error
    return _architecture(spec, module, attribute, None)


def _architecture(spec: str, module: ModuleType, attribute: str, folder: _Folder | None) -> Architecture:
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            options = [name for name, value in vars(found).items() if callable(value) and not name.startswith("_")]
            hint = did_you_mean(part, options) or f"it has: {', '.join(sorted(options)[:8]) or 'no public callables'}"
            raise ConfigError(f"--model {spec}: no '{part}' in {getattr(module, '__file__', module.__name__)}", hint)
        found = getattr(found, part)
    _check_callable(spec, found)
    source = _source(found) or _source(module)
    if source is None:
        raise ConfigError(f"--model {spec}: {attribute} has no source file", "name a function in a Python file")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Architecture(spec, _builder(spec, found, source, folder), digest)


def _source(found: Any) -> Path | None:
    """Return the file that defines a module, function or class; None for other objects, such as partial ones."""
    try:
        return Path(inspect.getfile(inspect.unwrap(found)))
    except (TypeError, OSError):
        return None


def _check_callable(spec: str, found: Any) -> None:
    if not callable(found) or isinstance(found, nn.Module):
        raise ConfigError(
            f"--model {spec}: expected a function or class that makes a torch.nn.Module, got {type(found).__name__}",
            "write `def build(): return ...` and name that",
        )
    try:
        parameters = inspect.signature(found).parameters.values()
    except (ValueError, TypeError):
        return  # some built-in callables have no signature: calling them will tell
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    wanted = [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]
    if wanted:
        raise ConfigError(
            f"--model {spec}: expected a callable without required arguments, but it wants {', '.join(wanted)}",
            "give them defaults, or name a function without arguments that calls it",
        )


def _builder(spec: str, make: Callable[[], Any], source: Path, folder: _Folder | None) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        try:
            # Initial weights come from the global generator and are replaced anyway: the caller's stream stays put.
            with folder.importable() if folder else nullcontext(), torch.random.fork_rng(devices=[]):
                network = make()
        except (Exception, SystemExit) as error:
            raise ConfigError(
                f"--model {spec}: building failed: {_cause(error, source)}", "mend the function"
            ) from error
        if not isinstance(network, nn.Module):
            raise ConfigError(
                f"--model {spec}: expected a torch.nn.Module, got {type(network).__name__}", "return the network itself"
            )
        return network

    return build


class _Folder:
    """A folder whose modules can be imported for a while, without meeting those of another folder.

    Two projects may both have a `layers.py`. Python knows modules by name alone, so what was imported from this folder
    is put aside when the while is over, and put back for the next.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._aside: dict[str, ModuleType] = {}

    @contextmanager
    def importable(self) -> Iterator[None]:
        path, before = list(sys.path), dict(sys.modules)
        sys.path.insert(0, str(self.path))
        sys.modules.update(self._aside)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:] = path
            new = {name: module for name, module in sys.modules.items() if before.get(name) is not module}
            self._aside = {name: module for name, module in new.items() if self._holds(name, module)}
            for name in self._aside:
                del sys.modules[name]

    def _holds(self, name: str, module: ModuleType) -> bool:
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
        if file is None or name.startswith("robustkit"):
            return False
        # An environment often lies in the project's own folder; installed packages must stay known.
        folders = Path(file).parents
        return self.path in folders and not any(folder.name in INSTALLED for folder in folders)


def _functions_in(path: Path) -> str:
    """Return a hint that names what a file defines, without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return f"write {path}:NAME"
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    return f"write {path}:NAME, where NAME is one of {', '.join(names[:8])}" if names else f"write {path}:NAME"


def _cause(error: BaseException, file: Path | None = None) -> str:
    """Return the error in one line, with the place: in `file` if it passed there, else the innermost."""
    text = (str(error).strip() or "no message").splitlines()[0]
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if file is not None and Path(frame.filename) == file]
    frame = (own or list(frames))[-1]
    return f"{type(error).__name__}: {text} ({frame.filename}:{frame.lineno})"
