from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from robustkit import DataError
from robustkit.engine.data import is_table, open_table
from robustkit_zoo.assets import ASSETS
from robustkit_zoo.debian_sections import debian_sections
from robustkit_zoo.params import DebianSectionsParams

FOLDER = ASSETS / "debian-sections"
SCRIPT = Path(__file__).parents[3] / "scripts" / "build_debian_sections.py"
SPLITS = ["train", "test"]
CLASS_NAMES = ("database", "games", "graphics", "hamradio", "mail", "net", "science", "sound")
ROW = re.compile(r"^\| \d \| (?P<name>\w+) \| (?P<train>\d+) \| (?P<test>\d+) \|$", re.M)


@pytest.fixture(scope="module")
def readme():
    return (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location("build_debian_sections", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def opened(split="test"):
    return debian_sections(DebianSectionsParams(split=split))


def rows_of(split):
    return [line.split("\t") for line in (FOLDER / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]]


@pytest.mark.parametrize("split", SPLITS)
def test_the_counts_are_those_that_the_readme_states(split, readme):
    stated = {row["name"]: int(row[split]) for row in ROW.finditer(readme)}
    data = opened(split)
    assert dict(zip(data.class_names, np.bincount(data.labels).tolist(), strict=True)) == stated
    assert data.labels.dtype == np.int64


def test_the_classes_are_long_tailed():
    counts = np.bincount(opened("train").labels)
    assert counts.max() > 10 * counts.min()
    assert np.bincount(opened().labels).min() >= 25


@pytest.mark.parametrize("split", SPLITS)
def test_the_files_are_those_that_the_readme_states_and_small(split, readme):
    path = FOLDER / f"{split}.tsv"
    assert f"| `{hashlib.sha256(path.read_bytes()).hexdigest()}` | `{path.name}` |" in readme
    assert path.stat().st_size < 500_000


@pytest.mark.parametrize("split", SPLITS)
def test_it_is_the_table_that_any_tool_reads(split):
    ours, table = opened(split), open_table(FOLDER / f"{split}.tsv")
    ids = np.arange(len(ours.labels))
    assert is_table(FOLDER / f"{split}.tsv")
    assert ours.read(ids) == table.read(ids)
    assert ours.labels.tolist() == table.labels.tolist()
    assert ours.class_names == table.class_names == CLASS_NAMES


def test_no_source_and_no_description_is_there_twice():
    rows = [*rows_of("train"), *rows_of("test")]
    sources = [source for _, source, _ in rows]
    plain = [re.sub(r"[^a-z0-9]", "", description.lower()) for _, _, description in rows]
    assert len(set(sources)) == len(set(plain)) == len(rows) == 4_437


@pytest.mark.parametrize("split", SPLITS)
def test_a_source_is_in_the_part_that_its_name_decides(split):
    shares = [
        int.from_bytes(hashlib.sha256(source.encode()).digest()[:4], "big") / 2**32 for _, source, _ in rows_of(split)
    ]
    assert all((share < 0.3) == (split == "test") for share in shares)
    assert shares == sorted(shares)


def test_transitional_and_dummy_packages_are_left_out():
    texts = " ".join(opened("train").read(np.arange(3_099))).lower()
    assert not re.search(r"transitional|dummy|metapackage|meta-package", texts)


def test_the_splits_have_different_fingerprints_that_do_not_change():
    prints = [opened(split).fingerprint() for split in ("train", "test", "test")]
    assert prints[1] == prints[2] != prints[0]


def test_ids_outside_are_refused():
    with pytest.raises(DataError, match="ids from 0 to 1337, got 1338"):
        opened().read(np.array([1_338]))


def test_an_unknown_split_is_refused():
    with pytest.raises(ValidationError, match="'train' or 'test'"):
        TypeAdapter(DebianSectionsParams).validate_python({"split": "dev"})


INDEX = """Package: chess
Source: chess (1.2)
Section: games
Description: board game
Size: 1

Package: chess-data
Source: chess (1.2)
Section: sound
Description: board game - pieces

Package: libmail1
Source: maild
Section: libs
Description: mail library

Package: maild-x
Source: maild
Section: mail
Description: mail  server
Tag: a,
 Section: games

Package: old
Section: games
Description: transitional dummy package

Package: twice-a
Section: net
Description: Network tool!

Package: twice-b
Section: net
Description: network tool

Package: across-a
Section: net
Description: A viewer

Package: across-b
Section: graphics
Description: a viewer.
"""


def test_the_builder_takes_one_description_a_source(builder):
    found = list(builder.without_repeats(builder.one_each(builder.parse_index(INDEX))))
    assert [tuple(sample) for sample in found] == [
        ("games", "chess", "board game"),
        ("mail", "maild", "mail server"),
        ("net", "twice-a", "Network tool!"),
    ]


def test_the_builder_gives_the_same_bytes_again(tmp_path):
    (tmp_path / "Packages").write_text(INDEX)
    for out in ("one", "two"):
        command = [sys.executable, SCRIPT, "--packages", tmp_path / "Packages", "--out", tmp_path / out]
        subprocess.run(command, check=True, capture_output=True)
    for split in SPLITS:
        content = (tmp_path / "one" / f"{split}.tsv").read_bytes()
        assert content == (tmp_path / "two" / f"{split}.tsv").read_bytes()
        assert content.startswith(b"section\tsource\tdescription\n")


def test_the_builder_says_what_to_do_without_an_index(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, "--packages", tmp_path / "absent"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "hint: give a Packages index" in done.stderr
