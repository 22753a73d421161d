"""`robustkit show --perturbation` as users run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from robustkit.engine.degrade import condition_keys, degrade
from robustkit.engine.grid import expand_conditions
from robustkit.host.manager import load_host
from robustkit.host.validate import build


@pytest.fixture(scope="session")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten colour images of 16 pixels."""
    path = tmp_path_factory.mktemp("gallery") / "images.npz"
    images = np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
    np.savez(path, images=images, labels=np.arange(10) % 3)
    return path


def cell(path: Path, row: int, column: int, lines: int = 2, side: int = 16) -> np.ndarray:
    """Return one picture of a sheet, at its own size again."""
    factor = round(128 / side)
    top, left, step = 12 + lines * 18 + 22, 150, side * factor + 6
    whole = np.asarray(Image.open(path).convert("RGB"))
    upper, start = top + row * step, left + column * step
    return whole[upper : upper + side * factor : factor, start : start + side * factor : factor]


def evaluated(data: Path, name: str, severity: float, sample: int, seed: int) -> np.ndarray:
    """Return a sample as an evaluation makes it."""
    from robustkit.config import RunConfig

    config = RunConfig(model=(), data="", perturbation=({"name": name, "severity": severity},))
    images = torch.from_numpy(np.load(data)["images"]).permute(0, 3, 1, 2).contiguous()
    _, condition = expand_conditions(config, load_host(), tuple(images.shape[1:]))
    assert condition.entry is not None
    keys = condition_keys(condition, seed, torch.tensor([sample]))
    found = degrade(condition, build(condition.entry, condition.params), images[[sample]], keys).inputs
    assert isinstance(found, torch.Tensor)
    return found[0].permute(1, 2, 0).numpy()


def test_one_perturbation_is_drawn_image_by_image(robustkit: Any, coloured: Path, tmp_path: Path) -> None:
    result = robustkit("show", "-p", "corruptions/fog", "--data", coloured, "-o", "grid.png", "--seed", 3)
    assert result.code == 0, result.err
    assert result.out == "grid.png\n"
    images = np.load(coloured)["images"]
    for row, sample in enumerate((0, 2, 5, 7)):
        np.testing.assert_array_equal(cell(tmp_path / "grid.png", row, 0), images[sample])
    np.testing.assert_array_equal(cell(tmp_path / "grid.png", 1, 4), evaluated(coloured, "fog", 4, 2, seed=3))
    assert (cell(tmp_path / "grid.png", 1, 4) != evaluated(coloured, "fog", 4, 2, seed=0)).any()


def test_several_are_drawn_one_below_the_other(robustkit: Any, coloured: Path, tmp_path: Path) -> None:
    result = robustkit(
        *("show", "-p", "contrast:severity=[2,5]", "-p", "brightness:severity=2", "--data", coloured, "--json"),
        *("--indices", "7", "-o", "sheet.png"),
    )
    assert result.code == 0, result.err
    assert result.json == {
        "figure": "sheet.png",
        "perturbations": [
            "corruptions/contrast:mode=reference,profile=cifar,storage-jpeg=0",
            "corruptions/brightness:mode=reference,profile=cifar,storage-jpeg=0",
        ],
        "samples": [7],
    }
    sheet = tmp_path / "sheet.png"
    np.testing.assert_array_equal(cell(sheet, 0, 2), evaluated(coloured, "contrast", 5, 7, seed=0))
    np.testing.assert_array_equal(cell(sheet, 1, 1), evaluated(coloured, "brightness", 2, 7, seed=0))
    # Brightness was not asked for at severity 5.
    assert (cell(sheet, 1, 2) == 255).all()


def test_a_tag_stands_for_all_that_have_it(robustkit: Any, coloured: Path) -> None:
    drawn = robustkit("show", "-p", "corruptions/extra:severity=1", "--data", coloured, "-o", "a.svg", "--json").json
    names = [name.partition(":")[0].partition("/")[2] for name in drawn["perturbations"]]
    assert sorted(names) == ["gaussian-blur", "saturate", "spatter", "speckle-noise"]


def test_grey_images_are_drawn_grey(robustkit: Any, small: Any, tmp_path: Path) -> None:
    result = robustkit("show", "-p", "contrast", "--data", small.data, "--limit", 2, "-o", "grid.png")
    assert result.code == 0, result.err
    found = cell(tmp_path / "grid.png", 1, 3, side=8)
    assert (found == found[..., :1]).all()
    assert found.std() > 0


def test_indices_may_be_a_file_or_a_list(robustkit: Any, coloured: Path, tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("8\n3\n")
    common = ("show", "-p", "contrast", "--data", coloured, "--json", "--force", "-o", "g.png")
    assert robustkit(*common, "--indices", "ids.txt").json["samples"] == [3, 8]
    assert robustkit(*common, "--indices", "8,3,1", "--limit", 2).json["samples"] == [8, 3]


def test_a_file_is_written_over_only_when_asked(robustkit: Any, coloured: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.png").write_text("mine")
    common = ("show", "-p", "contrast", "--data", coloured, "-o", "grid.png")
    robustkit(*common).assert_error(2, "exists already", "--force")
    assert (tmp_path / "grid.png").read_text() == "mine"
    assert robustkit(*common, "--force").code == 0
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["-p", "fgo", "--data", "DATA", "-o", "g.png"], ["unknown perturbation 'fgo'", "fog"]),
        (["-p", "corruptions/comon", "--data", "DATA", "-o", "g.png"], ["unknown perturbation"]),
        (["-p", "fog:severity=6", "--data", "DATA", "-o", "g.png"], ["severity must lie in 0..5"]),
        (["-p", "fog:profile=mnist", "--data", "DATA", "-o", "g.png"], ["parameter 'profile'"]),
        (["-p", "fog", "--data", "DATA"], ["need a file", "-o grid.png"]),
        (["-p", "fog", "--data", "DATA", "-o", "g.jpg"], ["expected a name that ends in .png, .pdf, .svg"]),
        (["-p", "fog", "--data", "DATA", "-o", "."], ["expected a name that ends in"]),
        (["-p", "fog", "-o", "g.png"], ["no data was given"]),
        (["-p", "fog", "--data", "missing.npz", "-o", "g.png"], ["missing.npz"]),
        (["-p", "fog", "--data", "zoo/debian-sections", "-o", "g.png"], ["these data are texts"]),
        (["-p", "fog", "--data", "DATA", "-o", "g.png", "--indices", "10"], ["expected ids from 0 to 9, got 10"]),
        (["-p", "fog", "--data", "DATA", "-o", "g.png", "--indices", "1,1"], ["expected each id once"]),
        (["-p", "fog", "--data", "DATA", "-o", "g.png", "--indices", "no.txt"], ["--indices", "does not exist"]),
        (["-p", "fog", "--data", "DATA", "-o", "g.png", "--limit", "0"], ["--limit: expected 1 or more"]),
        (["-p", "fog", "--data", "DATA", "-o", "g.png", "--seed", "-1"], ["--seed"]),
        (["run", "-p", "fog", "--data", "DATA", "-o", "g.png"], ["got both: 'run'"]),
        (["run", "--data", "DATA"], ["--data goes with --perturbation"]),
        ([], ["expected a run folder, got none", "--perturbation"]),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    robustkit: Any, coloured: Path, tmp_path: Path, arguments: list[str], parts: list[str]
) -> None:
    result = robustkit("show", *(str(coloured) if each == "DATA" else each for each in arguments))
    result.assert_error(2, *parts)
    assert result.out == ""
    assert not list(tmp_path.iterdir())


def test_a_perturbation_that_fails_is_named(robustkit: Any, coloured: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        "import robustkit\n\n"
        "class Bad:\n    def __init__(self, params): pass\n"
        "    def sample(self, keys, shape, severity): return None\n"
        "    def apply(self, images, draws): print('noise'); raise ValueError('on fire')\n\n"
        "@robustkit.hookimpl\ndef robustkit_perturbations():\n"
        "    return [robustkit.Perturbation(name='bad', summary='fails', target=Bad)]\n"
    )
    result = robustkit("show", "-p", "bad/bad", "--data", coloured, "-o", "g.png", "--include", "bad.py")
    result.assert_error(3, "bad/bad:severity=1 failed", "on fire")
    assert result.out == ""
