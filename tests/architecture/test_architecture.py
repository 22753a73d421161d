"""The rules of the house, held by tests: layers, light declarations, public names, sizes."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = sorted((ROOT / "robustkit").rglob("*.py"))
PLUGINS = sorted([*(ROOT / "plugins").rglob("*.py"), *(ROOT / "reports").rglob("*.py")])
HEAVY = {
    "cv2", "jinja2", "lightning_fabric", "matplotlib", "numpy", "PIL", "pyarrow", "pydantic", "rapidfuzz",
    "safetensors", "scipy", "torch",
}  # fmt: skip


def module_level_imports(path: Path) -> set[str]:
    """Return the modules that importing this file imports, leaving out those for type checkers."""
    found: set[str] = set()
    todo: list[ast.stmt] = list(ast.parse(path.read_text("utf8")).body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            todo += [*node.body, *node.orelse]
        elif isinstance(node, ast.Try):
            todo += [*node.body, *node.orelse, *node.finalbody]
    return found


def all_imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def tops(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_the_layers_hold() -> None:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_what_computes_imports_torch_at_module_level(path: Path) -> None:
    inside = path.relative_to(ROOT / "robustkit").parts[0]
    # The evaluation is the one caller of the engine; it names no torch of its own.
    assert inside in ("contextual", "engine", "testing", "training") or "torch" not in tops(module_level_imports(path))


LIGHT = [path for path in CORE if path.relative_to(ROOT / "robustkit").parts[0] in ("host", "cli")]
LIGHT += [path for path in CORE if path.parent.name == "robustkit" and path.name != "evaluation.py"]
LIGHT += [path for path in PLUGINS if path.name in ("__init__.py", "params.py")]


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: str(path.relative_to(ROOT)))
def test_declarations_host_and_commands_import_nothing_heavy(path: Path) -> None:
    assert not tops(module_level_imports(path)) & HEAVY


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_first_party_plugins_use_public_names_only(path: Path) -> None:
    inner = {module for module in all_imports(path) if module.startswith("robustkit.")}
    assert not inner, "import from robustkit itself: that is the door that third parties have"


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_torchvision(path: Path) -> None:
    assert "torchvision" not in tops(all_imports(path))


def test_files_and_functions_stay_small() -> None:
    files = [len(path.read_text("utf8").splitlines()) for path in CORE + PLUGINS]
    functions = []
    for path in CORE + PLUGINS:
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.FunctionDef):
                first = node.body[0]
                has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
                start = (first.end_lineno if has_docstring else node.lineno) or node.lineno
                functions.append((node.end_lineno or node.lineno) - start)
    assert statistics.median(files) <= 130
    assert statistics.quantiles(files, n=10)[-1] <= 300
    assert statistics.median(functions) <= 10
    assert statistics.quantiles(functions, n=10)[-1] <= 30


def test_the_public_names_are_all_importable() -> None:
    import robustkit

    assert all(getattr(robustkit, name) is not None for name in robustkit.__all__)


def test_the_type_checkers_view_of_the_public_names_is_the_real_one() -> None:
    import robustkit

    tree = ast.parse((ROOT / "robustkit" / "__init__.py").read_text("utf8"))
    guard = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {alias.asname for node in guard.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert declared == set(robustkit.__all__) - {"PLUGIN_API", "__version__"}


ERRORS = {"RobustkitError", "ConfigError", "DataError", "PluginError", "RunError"}


@pytest.mark.parametrize("path", CORE + PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_error_has_a_hint(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
            starred = any(isinstance(argument, ast.Starred) for argument in node.args)
            assert starred or len(node.args) == 2, f"line {node.lineno}: say what to do next"
