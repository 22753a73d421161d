"""frost: which photographs, where they are looked for, and what is said when they are missing."""

from pathlib import Path

import pytest
import torch

import robustkit
from robustkit_corruptions import frost_files
from robustkit_corruptions.frost import scaled
from robustkit_corruptions.frost_files import FILES, VARIABLE, find_files, installed_package, resolve_frost
from robustkit_corruptions.params import CorruptionParams


def test_the_six_photographs_are_those_of_imagecorruptions():
    assert [path.name for path in find_files()] == list(FILES)
    assert find_files()[0].parent == installed_package() / "frost"


def test_a_named_folder_comes_first(tmp_path, monkeypatch):
    for path in find_files():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert find_files()[0].parent == tmp_path


def test_a_named_folder_may_be_in_the_home(tmp_path, monkeypatch):
    for path in find_files():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv(VARIABLE, f"~/{tmp_path.name}")
    assert find_files()[0].parent == tmp_path


def test_it_says_who_named_a_folder_without_them(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(
        robustkit.PluginError, match=rf"frost1\.png cannot be read.*, in the folder that {VARIABLE} names"
    ) as caught:
        find_files()
    # As long as it names a folder, an installed package is not looked at.
    assert f"unset {VARIABLE}" in caught.value.hint
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(frost_files, "installed_package", lambda: tmp_path)
    with pytest.raises(robustkit.PluginError, match="in the installed imagecorruptions") as caught:
        find_files()
    assert "--force-reinstall" in caught.value.hint


def test_without_the_package_and_the_variable_it_says_how_to_get_them(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(frost_files, "installed_package", lambda: None)
    with pytest.raises(robustkit.PluginError, match="frost needs the frost photographs") as caught:
        resolve_frost(CorruptionParams(), (3, 32, 32))
    assert "pip install --no-deps imagecorruptions==1.1.2" in caught.value.hint
    assert VARIABLE in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"), [(None, " cannot be read"), (b"no frost", ", .* is not the published")]
)
def test_missing_and_other_files_are_refused_before_any_work(content, message, tmp_path, monkeypatch):
    if content:
        (tmp_path / "frost1.png").write_bytes(content)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(robustkit.PluginError, match=rf"frost1\.png{message}"):
        resolve_frost(CorruptionParams(), (3, 32, 32))


def test_the_sixth_photograph_is_used_in_fixed_mode_only(build, make_keys, monkeypatch):
    taken = set()
    monkeypatch.setattr(
        "robustkit_corruptions.frost.scaled", lambda path, *rest: taken.add(Path(path).name) or scaled(path, *rest)
    )
    for mode, number in (("reference", 5), ("fixed", 6)):
        taken.clear()
        build("frost", mode=mode).sample(make_keys(range(200)), (3, 32, 32), torch.ones(200, dtype=torch.float64))
        assert taken == set(list(FILES)[:number])


def test_photographs_smaller_than_the_image_are_enlarged(corrupt):
    black = torch.zeros(1, 3, 20, 1000, dtype=torch.uint8)
    assert corrupt("frost", black, 1.0, profile="imagenet").any()


def test_grey_images_get_grey_frost(corrupt):
    black = torch.zeros(3, 1, 32, 32, dtype=torch.float64)
    grey, colour = corrupt("frost", black, 3.0), corrupt("frost", black.expand(-1, 3, -1, -1), 3.0)
    weights = torch.tensor([0.2989, 0.5870, 0.1140], dtype=torch.float64)
    assert torch.allclose(grey[:, 0], torch.einsum("nchw,c->nhw", colour, weights))
    assert not torch.allclose(colour[:, 0], colour[:, 2])
