"""`robustkit.perturb`: what an evaluation makes of a sample, for tensors, arrays and texts in memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import robustkit
from robustkit import ConfigError, DataError, Host, PluginError, load_host
from robustkit.engine.degrade import condition_keys, degrade
from robustkit.engine.grid import expand_perturbations
from robustkit.host.validate import build
from robustkit_corruptions.frost_files import installed_package

ALL = [
    entry.component.name
    for entry in load_host().catalog.all("perturbation")
    if entry.plugin == "corruptions" and (entry.component.name != "frost" or installed_package())
]


@pytest.fixture(scope="module")
def host() -> Host:
    return load_host()


def pictures(*shape: int, dtype: Any = np.uint8) -> NDArray[Any]:
    levels = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    return levels if dtype == np.uint8 else (levels / 255).astype(dtype)


def evaluated(host: Host, name: str, severity: float, images: NDArray[Any], sample: int, seed: int) -> NDArray[Any]:
    """What an evaluation makes of one image."""
    (condition,) = expand_perturbations([{"name": name, "severity": severity}], host, images.shape)
    assert condition.entry is not None
    keys = condition_keys(condition, seed, torch.tensor([sample]))
    found = degrade(condition, build(condition.entry, condition.params), torch.from_numpy(images[None]), keys)
    return np.asarray(found.inputs)[0]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", ALL)
def test_a_sample_is_what_an_evaluation_makes_of_it_whatever_the_batch(name: str, dtype: Any, host: Host) -> None:
    images = pictures(6, 3, 32, 32, dtype=dtype)
    ids, severities = [40, 3, 17, 3, 8, 1], [5, 0.7, 3, 5, 0, 2]
    batch = robustkit.perturb(images, name, severity=severities, seed=2, ids=ids, host=host)
    for place, (sample, severity) in enumerate(zip(ids, severities, strict=True)):
        alone = evaluated(host, name, severity, images[place], sample, seed=2)
        assert np.array_equal(batch[place], alone)
    assert np.array_equal(batch[4], images[4])


def test_a_set_on_disk_holds_the_same(tmp_path: Path, host: Host) -> None:
    images, labels = pictures(5, 3, 32, 32), np.arange(5)
    np.savez(tmp_path / "test.npz", images=images.transpose(0, 2, 3, 1), labels=labels)
    config = {"data": str(tmp_path / "test.npz"), "perturbation": ["fog", "gaussian-noise"], "seed": 7, "limit": 3}
    done = robustkit.corrupt(config, out=tmp_path / "set", host=host)
    ids = done.manifest["samples"]["ids"]
    for name in ("fog", "gaussian-noise"):
        stored = np.load(tmp_path / "set" / f"{name.replace('-', '_')}.npy").reshape(5, 3, 32, 32, 3)
        found = robustkit.perturb(images[ids], f"{name}:severity=4", seed=7, ids=ids, host=host)
        assert np.array_equal(found.transpose(0, 2, 3, 1), stored[3])


def test_conditions_and_severities_may_differ_within_a_batch(host: Host) -> None:
    images = pictures(4, 3, 32, 32)
    conditions = ["fog:severity=2", "corruptions/contrast", "fog:severity=2", "fog:severity=2,profile=imagenet"]
    mixed = robustkit.perturb(images, conditions, severity=[1, 2, 3, 4], host=host)
    for place in range(4):
        alone = robustkit.perturb(images[place], conditions[place], severity=place + 1, ids=place, host=host)
        assert np.array_equal(mixed[place], alone)
    assert not np.array_equal(mixed, robustkit.perturb(images, conditions, severity=1, host=host))


@pytest.mark.parametrize(
    "shape", [(3, 32, 32), (1, 28, 28), (5, 9, 40), (2, 3, 32, 32), (2, 1, 28, 28), (0, 3, 32, 32)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_type_shape_and_dtype_stay(shape: tuple[int, ...], dtype: Any, host: Host) -> None:
    images = pictures(*shape, dtype=dtype)
    before = images.copy()
    found = robustkit.perturb(images, "gaussian-noise:severity=3", host=host)
    tensor = robustkit.perturb(torch.from_numpy(images), "gaussian-noise:severity=3", host=host)
    assert (found.shape, found.dtype) == (shape, dtype)
    assert (tensor.shape, tensor.dtype) == (shape, torch.from_numpy(before).dtype)
    assert np.array_equal(tensor.numpy(), found)
    assert np.array_equal(images, before)
    assert 0 in shape or not np.array_equal(found, before)


def test_the_layout_in_memory_does_not_matter(host: Host) -> None:
    images = pictures(2, 3, 32, 32, dtype=np.float32)
    plain = robustkit.perturb(images, "zoom-blur:severity=3", host=host)
    reordered = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    flipped = np.ascontiguousarray(images[..., ::-1])[..., ::-1]
    foreign = images.astype(">f4")
    locked = images.copy()
    locked.setflags(write=False)
    for other in (reordered, flipped, foreign, locked):
        found = robustkit.perturb(other, "zoom-blur:severity=3", host=host)
        assert np.array_equal(found, plain)
        assert found.dtype == other.dtype
    channels_last = torch.from_numpy(images).to(memory_format=torch.channels_last)
    assert np.array_equal(robustkit.perturb(channels_last, "zoom-blur:severity=3", host=host).numpy(), plain)


def test_gradients_do_not_pass_and_do_no_harm(host: Host) -> None:
    images = torch.from_numpy(pictures(2, 3, 32, 32, dtype=np.float32)).requires_grad_()
    assert not robustkit.perturb(images, "contrast:severity=3", host=host).requires_grad


@pytest.mark.parametrize("given", [3, 3.0, np.float32(3), np.array([3, 3]), torch.tensor([3.0, 3.0]), (3, 3)])
def test_severities_come_as_numbers_or_arrays(given: Any, host: Host) -> None:
    images = pictures(2, 3, 32, 32)
    expected = robustkit.perturb(images, "fog:severity=3", host=host)
    assert np.array_equal(robustkit.perturb(images, "fog", severity=given, host=host), expected)


def test_seeds_and_ids_decide_the_randomness(host: Host) -> None:
    images = np.repeat(pictures(1, 3, 32, 32), 2, axis=0)
    found = robustkit.perturb(images, "fog:severity=3", host=host)
    assert not np.array_equal(found[0], found[1])
    assert np.array_equal(found, robustkit.perturb(images, "fog:severity=3", ids=torch.arange(2), host=host))
    same = robustkit.perturb(images, "fog:severity=3", ids=np.array([7, 7]), host=host)
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(found, robustkit.perturb(images, "fog:severity=3", seed=1, host=host))


def test_texts_are_perturbed_too(host: Host) -> None:
    texts = ["a library for reading robust files"] * 3
    found = robustkit.perturb(texts, ["keyboard:severity=5"] * 3, severity=[0, 4, 5], host=host)
    assert found[0] == texts[0]
    assert found[1] != found[2] != texts[2]
    assert found[2] == robustkit.perturb(texts[2:], "keyboard:severity=5", ids=[2], host=host)[0]


def test_files_with_plugins_can_be_included(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from robustkit import Perturbation, hookimpl\n"
        "class Invert:\n"
        "    def __init__(self, params): pass\n"
        "    def sample(self, keys, shape, severity): return None\n"
        "    def apply(self, images, draws): return 255 - images\n"
        "class Broken(Invert):\n"
        "    def apply(self, images, draws): raise ValueError('no')\n"
        "@hookimpl\n"
        "def robustkit_perturbations():\n"
        "    both = (('invert', Invert), ('broken', Broken))\n"
        "    return [Perturbation(name=n, summary='.', target=t, stochastic=False) for n, t in both]\n"
    )
    images = pictures(2, 3, 4, 4)
    found = robustkit.perturb(images, "mine/invert:severity=1", include=[tmp_path / "mine.py"])
    assert np.array_equal(found, 255 - images)
    with pytest.raises(PluginError, match=r"mine/broken:severity=1 failed: ValueError: no"):
        robustkit.perturb(images, "mine/broken:severity=1", include=[tmp_path / "mine.py"])


FOG = "fog:severity=1"
IMAGES = pictures(2, 3, 32, 32)
FLOATS = pictures(2, 3, 32, 32, dtype=np.float32)


def with_value(value: float) -> NDArray[Any]:
    images = FLOATS.copy()
    images[1, 0, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("error", "message", "hint", "call"),
    [
    (ConfigError, "unknown perturbation 'fogg'", "did you mean 'fog'", (IMAGES, "fogg:severity=1")),
    (ConfigError, "unknown perturbation 'fogg'", "did you mean 'fog'", (IMAGES, "fogg")),
    (ConfigError, "severity must lie in 0..5, got 6", "severity=1..5", (IMAGES, "fog:severity=6")),
    (ConfigError, "severity must lie in 0..5, got -1", "", (IMAGES, "fog", {"severity": -1})),
    (ConfigError, "severity must be a number.*got nan", "", (IMAGES, "fog", {"severity": [1, float("nan")]})),
    (ConfigError, r"severity: expected a number, or 2 .* got shape \(3,\)", "", (IMAGES, "fog", {"severity": [1] * 3})),
    (ConfigError, "severity: expected a number.*got 'strong'", "", (IMAGES, "fog", {"severity": "strong"})),
    (ConfigError, "'fog' states no severity", "fog:severity=3", (IMAGES, "fog")),
    (ConfigError, r"'fog:severity=1..2' stands for 2 conditions", "one", (IMAGES, "fog:severity=1..2")),
    (ConfigError, "'corruptions/extra' stands for 4 perturbations", "speckle-noise",
     (IMAGES, "corruptions/extra", {"severity": 1})),
    (ConfigError, "profile", "did you mean 'cifar'", (IMAGES, "fog:severity=1,profile=cifra")),
    (ConfigError, "conditions: expected one, or one a sample: 2, got 3", "", (IMAGES, [FOG] * 3)),
    (ConfigError, "conditions: expected .* got 3", "", (IMAGES, [3, 4])),
    (ConfigError, "keyboard' is for text data, these are image data", "", (IMAGES, "keyboard:severity=1")),
    (ConfigError, "for image data, these are text data", "", (["text"], FOG)),
    (ConfigError, "seed: expected a whole number from 0, got -1", "", (IMAGES, FOG, {"seed": -1})),
    (ConfigError, "seed: expected a whole number from 0, got 1.5", "", (IMAGES, FOG, {"seed": 1.5})),
    (ConfigError, r"ids: expected 2 whole numbers from 0.*got shape \(1,\)", "", (IMAGES, FOG, {"ids": [1]})),
    (ConfigError, r"ids: expected 2 whole numbers from 0", "", (IMAGES, FOG, {"ids": [1.0, 2.0]})),
    (ConfigError, r"ids: expected 2 whole numbers from 0.*got -1", "", (IMAGES, FOG, {"ids": [0, -1]})),
    (ConfigError, "images of 4x4 pixels", "larger", (IMAGES[..., :4, :4], FOG)),
        (DataError, r"\(N, C, H, W\), got \(2, 32, 32, 3\)", r"channels come last.*np.moveaxis\(images, -1, -3\)",
         (IMAGES.transpose(0, 2, 3, 1), FOG)),
        (DataError, r"got \(32, 32, 3\)", r"images.movedim\(-1, -3\)",
         (torch.from_numpy(IMAGES[0].transpose(1, 2, 0)), FOG)),
        (DataError, r"got \(32, 32\)", r"images\[None\]", (IMAGES[0, 0], FOG)),
        (DataError, "expected finite values, got NaN or Inf in sample 1", "", (with_value(np.nan), FOG)),
        (DataError, r"expected floats in \[0, 1\], got .*\.\.200", "divide them by 255", (with_value(200), FOG)),
        (DataError, r"expected floats in \[0, 1\], got -2\.\.", "normalised", (with_value(-2), FOG)),
        (DataError, "expected uint8 or float, got int64", "", (IMAGES.astype(np.int64), FOG)),
        (DataError, "expected uint8 or float, got complex64", "", (IMAGES.astype(np.complex64), FOG)),
        (DataError, "expected uint8 or float, got object", "", (IMAGES.astype(object), FOG)),
        (DataError, "expected uint8 or float, got torch.int32", "", (torch.zeros(3, 32, 32, dtype=torch.int32), FOG)),
        (DataError, r"got \(2, 0, 32, 32\)", "channel", (IMAGES[:2, :0], FOG)),
        (DataError, "expected a dense tensor, got torch.sparse_coo", "", (torch.zeros(3, 32, 32).to_sparse(), FOG)),
        (DataError, "holds no values", "", (torch.empty(3, 32, 32, device="meta"), FOG)),
        (DataError, "expected a torch tensor, .* or a list of texts, got str", "list", ("text", "keyboard:severity=1")),
        (DataError, "got a list with an entry of ndarray", "np.stack", (list(IMAGES), FOG)),
        (DataError, "texts: expected none to be empty, but number 1 is", "", (["text", ""], "keyboard:severity=1")),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(error: type, message: str, hint: str, call: tuple[Any, ...], host: Host) -> None:
    images, conditions, *options = call
    with pytest.raises(error, match=message) as raised:
        robustkit.perturb(images, conditions, **(options[0] if options else {}), host=host)
    assert raised.value.hint
    assert re.search(hint, raised.value.hint)


def test_a_batch_of_grey_images_without_channels_is_not_taken_for_one_image(host: Host) -> None:
    with pytest.raises(ConfigError, match="conditions: expected one") as raised:
        robustkit.perturb(IMAGES[:, 0], [FOG] * 2, host=host)
    assert "images[:, None]" in raised.value.hint


def test_frost_without_its_photographs_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: Host) -> None:
    monkeypatch.setenv("ROBUSTKIT_FROST", str(tmp_path))
    with pytest.raises(PluginError, match=r"frost1\.png cannot be read") as raised:
        robustkit.perturb(IMAGES, [FOG, "frost:severity=1"], host=host)
    assert "ROBUSTKIT_FROST" in raised.value.hint


@pytest.mark.gpu
def test_the_device_stays(host: Host) -> None:
    images = torch.from_numpy(IMAGES).cuda()
    found = robustkit.perturb(images, ["fog:severity=3", "contrast:severity=1"], host=host)
    assert found.device == images.device
    on_cpu = robustkit.perturb(images.cpu(), ["fog:severity=3", "contrast:severity=1"], host=host)
    assert int((found.cpu().int() - on_cpu.int()).abs().max()) <= 1
