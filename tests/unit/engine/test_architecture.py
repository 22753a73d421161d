"""Finding the network that `--model` asks for."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from robustkit.engine.architecture import Architecture, resolve_architecture
from robustkit.errors import ConfigError

GOOD = """
from torch import nn

def build():
    return nn.Linear(2, 3)

class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Linear(2, width)

class Factories:
    @staticmethod
    def make():
        return Net(6)

def wants(width, *, depth, slope=0.1):
    return nn.Linear(width, depth)

def fails():
    shape = (2, 3)
    raise ValueError("two lines,\\nof which one is shown")

def torch_fails():
    return nn.Linear(-1, 2)

def gives_text():
    return "resnet"

def exits():
    raise SystemExit(2)

instance = nn.Linear(2, 2)
number = 3
"""


def _unregistered(spec: str) -> Architecture:
    raise AssertionError(f"asked the registry for {spec}")


@pytest.fixture
def good(tmp_path) -> Path:
    path = tmp_path / "models.py"
    path.write_text(GOOD)
    return path


@pytest.fixture
def refused():
    """Resolve and build a spec that must fail with one line each of message and hint, and return the error."""

    def call(spec: str) -> ConfigError:
        with pytest.raises(ConfigError) as caught:
            resolve_architecture(spec, _unregistered).build()
        assert caught.value.message.startswith("--model ")
        assert "\n" not in caught.value.message + caught.value.hint
        return caught.value

    return call


@pytest.mark.parametrize(("attribute", "width"), [("build", 3), ("Net", 4), ("Factories.make", 6)])
def test_a_function_or_class_in_a_file_is_built(good, attribute, width):
    found = resolve_architecture(f"{good}:{attribute}", _unregistered)
    network = found.build()
    assert found.name == f"{good}:{attribute}"
    assert [parameter.shape[0] for parameter in network.parameters()] == [width, width]
    assert found.build() is not network


def test_the_source_digest_is_that_of_the_file(good):
    expected = hashlib.sha256(GOOD.encode()).hexdigest()
    assert resolve_architecture(f"{good}:build", _unregistered).source_digest == expected


def test_the_source_digest_follows_a_function_to_where_it_is_defined(good):
    (good.parent / "reexport.py").write_text("from models import build\n")
    expected = hashlib.sha256(GOOD.encode()).hexdigest()
    assert resolve_architecture(f"{good.parent / 'reexport.py'}:build", _unregistered).source_digest == expected


def test_a_changed_file_is_read_anew(tmp_path):
    path = tmp_path / "models.py"
    widths = []
    for width in (3, 44):
        path.write_text(f"from torch import nn\ndef build():\n    return nn.Linear(1, {width})\n")
        found = resolve_architecture(f"{path}:build", _unregistered)
        widths.append((found.build().out_features, found.source_digest))
    assert [width for width, _ in widths] == [3, 44]
    assert widths[0][1] != widths[1][1]


def test_a_callable_in_a_package_is_built():
    found = resolve_architecture("torch.nn:Identity", _unregistered)
    assert isinstance(found.build(), nn.Identity)
    source = Path(nn.modules.linear.__file__).read_bytes()
    assert found.source_digest == hashlib.sha256(source).hexdigest()


@pytest.mark.parametrize(
    "spec", ["resnet20", "resnet20:num_classes=10", "zoo/res-net:depth=20,width=2", "vit:note=a:b", "resnet20:"]
)
def test_other_specs_go_to_the_registry_whole(spec):
    asked = []
    answer = Architecture(spec, nn.Identity, "digest")

    def registered(text: str) -> Architecture:
        asked.append(text)
        return answer

    assert resolve_architecture(spec, registered) is answer
    assert asked == [spec]


def test_siblings_can_be_imported_on_loading_and_on_building(tmp_path):
    (tmp_path / "early_layers.py").write_text("WIDTH = 3\n")
    (tmp_path / "late_layers.py").write_text("WIDTH = 5\n")
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\nfrom early_layers import WIDTH\n"
        "def build():\n    import late_layers\n    return nn.Linear(WIDTH, late_layers.WIDTH)\n"
    )
    before = list(sys.path)
    network = resolve_architecture(f"{path}:build", _unregistered).build()
    assert (network.in_features, network.out_features) == (3, 5)
    assert sys.path == before


def test_a_sibling_is_the_same_module_on_loading_and_on_building(tmp_path):
    (tmp_path / "layers.py").write_text("class Block:\n    pass\n")
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\nfrom layers import Block\n"
        "def build():\n    import layers\n    return nn.Linear(2, 1 if layers.Block is Block else 2)\n"
    )
    assert resolve_architecture(f"{path}:build", _unregistered).build().out_features == 1


def test_two_folders_with_a_sibling_of_the_same_name_do_not_mix(tmp_path):
    found = []
    for width in (3, 5):
        folder = tmp_path / f"project{width}"
        (folder / "parts").mkdir(parents=True)
        (folder / "layers.py").write_text(f"WIDTH = {width}\n")
        (folder / "parts" / "__init__.py").write_text(f"DEPTH = {10 * width}\n")
        (folder / "model.py").write_text(
            "from torch import nn\nimport layers\n"
            "def build():\n    from parts import DEPTH\n    return nn.Linear(layers.WIDTH, DEPTH)\n"
        )
        found.append(resolve_architecture(f"{folder / 'model.py'}:build", _unregistered))
    shapes = [(network.in_features, network.out_features) for network in (each.build() for each in (*found, *found))]
    assert shapes == [(3, 30), (5, 50), (3, 30), (5, 50)]
    assert not {"layers", "parts"} & set(sys.modules)


def test_the_path_is_restored_after_a_failure(tmp_path, refused):
    path = tmp_path / "model.py"
    path.write_text("import sys\nsys.path.append('left behind')\nraise ValueError('no')\n")
    before, modules = list(sys.path), set(sys.modules)
    refused(f"{path}:build")
    assert sys.path == before
    assert set(sys.modules) == modules


def test_building_leaves_the_global_generator_alone(good):
    found = resolve_architecture(f"{good}:build", _unregistered)
    state = torch.get_rng_state()
    found.build()
    assert torch.equal(torch.get_rng_state(), state)


def test_a_missing_file_suggests_its_neighbour(good, refused):
    error = refused(f"{good.parent / 'model.py'}:build")
    assert "file not found" in error.message
    assert "models.py" in error.hint


def test_a_file_without_a_callable_is_told_what_it_defines(good, refused):
    for spec in (str(good), f"{good}:", f"{good}:width=3"):
        error = refused(spec)
        assert "FILE.py:CALLABLE" in error.message
        assert "build, Net, Factories" in error.hint


def test_a_missing_callable_suggests_others(good, refused):
    assert "did you mean 'build'?" in refused(f"{good}:biuld").hint
    assert "it has: " in refused(f"{good}:zzz").hint


def test_a_missing_module_is_named(refused):
    error = refused("absent_package.models:build")
    assert "no module named 'absent_package'" in error.message
    assert "PYTHONPATH" in error.hint


def test_a_module_whose_own_import_fails_is_not_called_missing(tmp_path, monkeypatch, refused):
    (tmp_path / "robustkit_test_broken.py").write_text("import absent_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    error = refused("robustkit_test_broken:build")
    assert "importing robustkit_test_broken failed" in error.message
    assert "absent_dependency" in error.message


@pytest.mark.parametrize(
    ("source", "cause", "line"),
    [
        ("x = 1\ny = 1 / 0\n", "ZeroDivisionError: division by zero", 2),
        ("def build(:\n", "SyntaxError", 1),
        ("\n\nimport absent_dependency\n", "No module named 'absent_dependency'", 3),
        ("import argparse\n\n\n\nraise SystemExit(2)\n", "SystemExit: 2", 5),
    ],
)
def test_a_file_that_fails_on_import_is_an_error_with_its_line(tmp_path, refused, source, cause, line):
    path = tmp_path / "model.py"
    path.write_text(source)
    message = refused(f"{path}:build").message
    assert cause in message
    assert f"({path}:{line})" in message


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("wants", "wants width, depth"),
        ("number", "got int"),
        ("instance", "got Linear"),
        ("gives_text", "expected a torch.nn.Module, got str"),
        ("exits", "SystemExit: 2"),
    ],
)
def test_what_cannot_be_built_is_refused(good, refused, attribute, message):
    assert message in refused(f"{good}:{attribute}").message


def test_a_failing_function_is_an_error_with_the_users_line(good, refused):
    lines = GOOD.splitlines()
    message = refused(f"{good}:fails").message
    line = next(i for i, text in enumerate(lines, 1) if "ValueError" in text)
    assert f"ValueError: two lines, ({good}:{line})" in message
    message = refused(f"{good}:torch_fails").message
    line = next(i for i, text in enumerate(lines, 1) if "Linear(-1" in text)
    assert f"({good}:{line})" in message


def test_packages_of_an_environment_inside_the_folder_stay_known(tmp_path):
    """Projects keep their environment in their own folder; its packages must not be imported twice."""
    site = tmp_path / ".venv" / "lib" / "site-packages"
    site.mkdir(parents=True)
    (site / "installed_once.py").write_text("state = object()\n")
    (tmp_path / "beside.py").write_text("state = object()\n")
    (tmp_path / "net.py").write_text(
        f"import sys\nsys.path.append({str(site)!r})\nimport installed_once, beside\nfrom torch import nn\n"
        "def build():\n    return nn.Identity()\n"
    )
    resolve_architecture(f"{tmp_path / 'net.py'}:build", _unregistered)
    try:
        assert "installed_once" in sys.modules
        assert "beside" not in sys.modules, "the control: what lies beside the file is put aside"
    finally:
        sys.modules.pop("installed_once", None)


def test_a_module_in_the_current_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "nets_of_mine.py").write_text("from torch import nn\ndef build():\n    return nn.Identity()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    built = resolve_architecture("nets_of_mine:build", _unregistered).build()
    assert type(built).__name__ == "Identity"
