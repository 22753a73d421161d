"""Builds the bundled data set `debian-sections`: short descriptions of Debian packages, by section of the archive.

    python scripts/build_debian_sections.py                       # from apt's lists, after `apt-get update`
    python scripts/build_debian_sections.py --packages Packages   # from an index file, plain, .gz or .xz

Of every source package in the chosen sections it takes one description, the first line of one binary package: of the
one that is called like the source, else of the one with the shortest name. Left out are transitional, dummy and meta
packages, descriptions that occur in more than one section, and all but one of those that occur several times (letters
and digits alone are compared, without case). A source is in the training or the test part by the sha256 of its name,
and rows are in the order of that digest, so nothing is drawn at random and the same index gives the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import lzma
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OUT = Path(__file__).parents[1] / "plugins/robustkit_zoo/assets/debian-sections"
APT_LISTS = Path("/var/lib/apt/lists")
MAIN_INDEX = "*_dists_bookworm_main_binary-amd64_Packages*"
SECTIONS = ("database", "games", "graphics", "hamradio", "mail", "net", "science", "sound")
TEST_SHARE = 0.3
NO_PROGRAM = re.compile(r"transitional|dummy|meta-?\s?package|obsolete", re.IGNORECASE)


class Sample(NamedTuple):
    """One row of the data set."""

    section: str
    source: str
    description: str


def main() -> None:
    """Build the data set, and print its counts and one `sha256  name` line a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, metavar="FILE", help="a Packages index (default: apt's own)")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="where to write (default: the assets)")
    options = parser.parse_args()
    index = read_index(options.packages or apt_index())
    samples = sorted(without_repeats(one_each(parse_index(index.decode()))), key=lambda sample: digest(sample.source))
    options.out.mkdir(parents=True, exist_ok=True)
    print(hashlib.sha256(index).hexdigest(), "Packages (unpacked)", sep="  ")
    for split in ("train", "test"):
        part = [sample for sample in samples if is_test(sample.source) == (split == "test")]
        content = "".join("\t".join(row) + "\n" for row in (Sample._fields, *part)).encode()
        (options.out / f"{split}.tsv").write_bytes(content)
        print(hashlib.sha256(content).hexdigest(), f"{split}.tsv", sep="  ")
        print(len(part), dict(sorted(Counter(sample.section for sample in part).items())))


def apt_index() -> Path:
    """Return the index of bookworm's main area in apt's lists, or exit with advice."""
    found = sorted(APT_LISTS.glob(MAIN_INDEX))
    if not found:
        sys.exit(f"no {MAIN_INDEX} in {APT_LISTS}\nhint: run `apt-get update` on Debian bookworm, or give --packages")
    return found[0]


def read_index(path: Path) -> bytes:
    """Return the unpacked content of an index file."""
    if not path.is_file():
        sys.exit(f"expected the file {path}\nhint: give a Packages index, plain, .gz or .xz")
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    if path.suffix == ".lz4":
        # What apt stores; its own helper unpacks it.
        return subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", path], check=True, capture_output=True).stdout
    return path.read_bytes()


def parse_index(index: str) -> Iterator[dict[str, str]]:
    """Yield the one-line fields of each package."""
    for paragraph in index.split("\n\n"):
        lines = (line.split(": ", 1) for line in paragraph.split("\n") if ": " in line and not line.startswith(" "))
        fields = {line[0]: line[1].strip() for line in lines}
        if fields:
            yield fields


def one_each(packages: Iterator[dict[str, str]]) -> Iterator[Sample]:
    """Yield one sample for each source package whose chosen binary is in one of the sections."""
    by_source: dict[str, list[dict[str, str]]] = defaultdict(list)
    for package in packages:
        by_source[package.get("Source", package["Package"]).split(" ")[0]].append(package)
    for source, binaries in sorted(by_source.items()):
        chosen = min(binaries, key=lambda b: (b["Package"] != source, len(b["Package"]), b["Package"]))
        description = " ".join(chosen.get("Description", "").split())
        if chosen.get("Section") in SECTIONS and description and not NO_PROGRAM.search(description):
            yield Sample(chosen["Section"], source, description)


def without_repeats(samples: Iterator[Sample]) -> Iterator[Sample]:
    """Yield the samples without those whose description occurs again: none across sections, the first within one."""
    same: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        same[re.sub(r"[\W_]+", " ", sample.description.casefold()).strip()].append(sample)
    for group in same.values():
        if len({sample.section for sample in group}) == 1:
            yield group[0]


def digest(source: str) -> str:
    """Return the sha256 of a source package's name."""
    return hashlib.sha256(source.encode()).hexdigest()


def is_test(source: str) -> bool:
    """Return whether a source package is in the test part."""
    return int(digest(source)[:8], 16) < TEST_SHARE * 2**32


if __name__ == "__main__":
    main()
