"""Builds the bundled data set `fashion-mnist-mini`: a class-balanced part of Fashion-MNIST, always the same one.

    python scripts/build_fashion_mnist_mini.py                     # from Debian's package dataset-fashion-mnist
    python scripts/build_fashion_mnist_mini.py --from-folder DIR   # from the four original files, *-ubyte.gz

Of every class it takes the first 1,000 training and the first 200 test images in the order of the original, and keeps
that order. Nothing is drawn at random. The source files are compared with known digests first. The IDX contents are
always the same bytes; the gzip files are so too for a given zlib (headers carry neither a time nor a name).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PACKAGE = "dataset-fashion-mnist"
OUT = Path(__file__).parents[1] / "plugins/robustkit_zoo/assets/fashion-mnist-mini"
PER_CLASS = {"train": 1000, "t10k": 200}
SOURCE_SHA256 = {
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}
"""Digests of the original files as the authors and Debian distribute them."""


def main() -> None:
    """Build the data set and print one `sha256  name` line a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from-folder", type=Path, metavar="DIR", help="folder of the four original files")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="where to write (default: the assets)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = options.from_folder or unpack_package(Path(temporary))
        files = {name: content for part in PER_CLASS for name, content in take_part(source, part).items()}
    options.out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (options.out / name).write_bytes(content)
        print(hashlib.sha256(content).hexdigest(), name, sep="  ")


def unpack_package(folder: Path) -> Path:
    """Download Debian's package into `folder`, unpack it there, and return the folder of its data files."""
    try:
        subprocess.run(["apt-get", "download", "--quiet", PACKAGE], cwd=folder, check=True, stdout=sys.stderr)
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg", "-x", package.name, "unpacked"], cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{error}\nhint: run `apt-get update`, or elsewhere than on Debian give --from-folder")
    return folder / "unpacked/usr/share/datasets/fashion-mnist"


def take_part(source: Path, part: str) -> dict[str, bytes]:
    """Return the two gzip files, by name, of a part (`train` or `t10k`)."""
    images_name, labels_name = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
    labels = np.frombuffer(read_original(source / labels_name)[8:], dtype=np.uint8)
    images = np.frombuffer(read_original(source / images_name)[16:], dtype=np.uint8).reshape(len(labels), 28, 28)
    chosen = first_of_each_class(labels, PER_CLASS[part])
    return {images_name: pack_idx(images[chosen]), labels_name: pack_idx(labels[chosen])}


def read_original(path: Path) -> bytes:
    """Return the unpacked content of a source file, or exit if it is not the original."""
    if not path.is_file():
        sys.exit(f"expected the file {path}\nhint: give the folder of the four original .gz files")
    packed = path.read_bytes()
    if hashlib.sha256(packed).hexdigest() != SOURCE_SHA256[path.name]:
        sys.exit(f"{path} is not the original: its sha256 differs\nhint: download it again")
    return gzip.decompress(packed)


def first_of_each_class(labels: NDArray[np.uint8], count: int) -> NDArray[np.intp]:
    """Return the indices of the first `count` samples of each of the ten classes, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(labels == label)[:count] for label in range(10)]))


def pack_idx(array: NDArray[np.uint8]) -> bytes:
    """Return an array of bytes in the IDX format, gzipped, without name and time."""
    header = bytes((0, 0, 8, array.ndim)) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(header + array.tobytes())
    return packed.getvalue()


if __name__ == "__main__":
    main()
