"""Every first-party dataset, and every layout that robustkit opens, keeps the contract."""

import numpy as np
import pytest
from PIL import Image

from robustkit import Dataset
from robustkit.engine.data import NumpyDataset, apply_view, open_layout, open_table, parse_view
from robustkit.host import load_host
from robustkit.testing import DATASET_CHECKS, check_dataset

HOST = load_host(strict=True)
ENTRIES = [entry for entry in HOST.catalog.all("dataset") if entry.first_party]


@pytest.mark.parametrize("check", DATASET_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.qualified)
def test_first_party_datasets_keep_the_contract(entry, check):
    check(lambda: HOST.build(entry, {}), entry.component)


def test_the_other_split_of_the_bundled_data_keeps_the_contract():
    entry = HOST.catalog.find("dataset", "zoo/fashion-mnist-mini")
    check_dataset(lambda: HOST.build(entry, {"split": "train"}), entry.component)
    fingerprints = {HOST.build(entry, {"split": split}).fingerprint() for split in ("train", "test")}
    assert len(fingerprints) == 2


def test_the_other_split_of_the_bundled_texts_keeps_the_contract():
    entry = HOST.catalog.find("dataset", "zoo/debian-sections")
    check_dataset(lambda: HOST.build(entry, {"split": "train"}), entry.component)


def test_the_first_party_datasets_are_found():
    assert {"zoo/fashion-mnist-mini", "zoo/debian-sections"} <= {entry.qualified for entry in ENTRIES}


PIXELS = np.random.default_rng(0).integers(256, size=(20, 9, 7, 3), dtype=np.uint8)
LABELS = np.arange(20) % 4


def floats(folder):
    return NumpyDataset(images=PIXELS.astype(np.float64) / 255, labels=LABELS, class_names="abcd")


def mapped(folder):
    np.save(folder / "images.npy", PIXELS)
    np.save(folder / "labels.npy", LABELS)
    return open_layout(folder)


def pictures(folder):
    for number, (pixels, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        (folder / f"class{label}").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"class{label}" / f"{number:02}.png")
    return open_layout(folder)


def viewed(folder):
    return apply_view(NumpyDataset(images=PIXELS, labels=LABELS), parse_view("resize=8,crop=6"))


@pytest.mark.parametrize("opened", [floats, mapped, pictures, viewed])
def test_the_layouts_that_robustkit_opens_keep_the_contract(opened, tmp_path):
    check_dataset(lambda: opened(tmp_path), Dataset(name=opened.__name__, summary="a layout", target=opened))


def test_tables_of_texts_keep_the_contract(tmp_path):
    (tmp_path / "t.csv").write_text("label,text\n" + "".join(f"{n % 3},text {n}\n" for n in range(20)))
    declared = Dataset(name="table", summary="a table", target=open_table, modality="text")
    check_dataset(lambda: open_table(tmp_path / "t.csv"), declared)
