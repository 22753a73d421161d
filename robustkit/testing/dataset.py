"""The contract of a dataset of images or texts, one check a clause."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustkit.components import Dataset, View
from robustkit.protocols import ImageDataset, TextDataset
from robustkit.testing.watch import require, require_no_global_randomness, working

AnyDataset = ImageDataset | TextDataset
Factory = Callable[[], AnyDataset]
Check = Callable[[Factory, Dataset], None]
Ids = NDArray[np.int64]
Samples = Any
"""What `read` returns: an array of images, or a list of texts."""

_READ = 16
_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_labels(factory: Factory, declaration: Dataset) -> None:
    """Labels are (n,) int64 class indices, 0 or more, of at least one sample."""
    labels = factory().labels
    kept = isinstance(labels, np.ndarray) and labels.ndim == 1 and len(labels) >= 1 and labels.dtype == np.int64
    require(kept, f"{declaration.name}: expected labels as an (n,) int64 array with n >= 1, got {_form(labels)}")
    require(bool((labels >= 0).all()), f"{declaration.name}: expected labels of 0 or more, got {labels.min()}")


def check_class_names(factory: Factory, declaration: Dataset) -> None:
    """There is a name for every label, or none at all."""
    dataset = factory()
    names, classes = list(dataset.class_names), int(dataset.labels.max()) + 1
    words = all(isinstance(name, str) and name.strip() for name in names)
    require(words, f"{declaration.name}: expected class names as non-empty strings, got {names!r:.80}")
    fits = not names or len(names) >= classes
    require(fits, f"{declaration.name}: {len(names)} class names do not cover the labels 0..{classes - 1}")


def check_read_form(factory: Factory, declaration: Dataset) -> None:
    """`read` returns images, (len(ids), *view.shape) uint8 or float32 in [0, 1], of one dtype; or texts, none empty."""
    dataset: Any = factory()
    if declaration.modality == "text":
        _require_texts(dataset, declaration)
        return
    view = getattr(dataset, "view", None)
    require(isinstance(view, View), f"{declaration.name}: expected a robustkit.View, got {view!r:.80}")
    ids, dtypes = _spread(dataset), set()
    for part in (ids, ids[:1], ids[-1:]):
        images = _read(dataset, declaration, part)
        shape = (len(part), *dataset.view.shape)
        kept = isinstance(images, np.ndarray) and images.shape == shape and images.dtype in (np.uint8, np.float32)
        require(kept, f"{declaration.name}: expected an array of shape {shape}, uint8 or float32, got {_form(images)}")
        # A NaN fails this comparison too.
        bounded = images.dtype == np.uint8 or bool(((images >= 0) & (images <= 1)).all())
        require(bounded, f"{declaration.name}: float images leave [0, 1]")
        dtypes.add(images.dtype)
    require(len(dtypes) == 1, f"{declaration.name}: the dtype changes from read to read: {dtypes}")


def check_ids_order(factory: Factory, declaration: Dataset) -> None:
    """Samples come in the order of the ids, whatever it is; the ids are left as they are."""
    dataset = factory()
    ids = _spread(dataset)
    samples = _read(dataset, declaration, ids)
    rows = np.arange(len(ids))
    for order in (rows[::-1], np.roll(rows, 1)):
        asked = ids[order]
        found = _read(dataset, declaration, asked)
        require(np.array_equal(asked, ids[order]), f"{declaration.name}: read changes the ids that it is given")
        kept = _same(found, _rows(samples, order))
        require(kept, f"{declaration.name}: samples do not come in the order of the ids")


def check_read_alone(factory: Factory, declaration: Dataset) -> None:
    """A sample read on its own is the row of a larger read."""
    dataset = factory()
    ids = _spread(dataset)
    samples = _read(dataset, declaration, ids)
    for row in range(len(ids)):
        alone = _read(dataset, declaration, ids[row : row + 1])
        same = _same(alone, samples[row : row + 1])
        require(same, f"{declaration.name}: sample {ids[row]} on its own differs from the one in a read of {len(ids)}")


def check_read_repeatable(factory: Factory, declaration: Dataset) -> None:
    """The same ids give the same samples and labels, from the same object and from a new one."""
    dataset = factory()
    labels, samples = dataset.labels.copy(), _read(dataset, declaration, _spread(dataset)).copy()
    for again in (dataset, factory()):
        require(
            np.array_equal(again.labels, labels), f"{declaration.name}: the labels change from one look to the next"
        )
        found = _read(again, declaration, _spread(again))
        require(_same(found, samples), f"{declaration.name}: the same ids give other samples the second time")


def check_samples_are_copies(factory: Factory, declaration: Dataset) -> None:
    """What is written into the samples that were read is not there at the next read; read-only images are fine too."""
    dataset = factory()
    ids = _spread(dataset)
    samples = _read(dataset, declaration, ids)
    if isinstance(samples, np.ndarray) and not samples.flags.writeable:
        return
    before = samples.copy()
    # Differs from what was there in every value.
    samples[:] = before == 0 if isinstance(samples, np.ndarray) else [text + "!" for text in before]
    try:
        kept = all(_same(_read(each, declaration, ids), before) for each in (dataset, factory()))
    finally:
        samples[:] = before
    require(kept, f"{declaration.name}: writing into the samples that were read changes the dataset; return a copy")


def check_fingerprint(factory: Factory, declaration: Dataset) -> None:
    """The fingerprint is the hex form of a sha256, and the same before and after reading, and in a new object."""
    dataset = factory()
    first = dataset.fingerprint()
    hexadecimal = isinstance(first, str) and _SHA256.fullmatch(first) is not None
    require(hexadecimal, f"{declaration.name}: expected a fingerprint of 64 hex digits, got {first!r:.80}")
    _read(dataset, declaration, _spread(dataset))
    for again, where in ((dataset, "after reading"), (factory(), "in a new object")):
        found = again.fingerprint()
        require(found == first, f"{declaration.name}: the fingerprint is another one {where}: {first}, then {found}")


def check_dataset_no_global_randomness(factory: Factory, declaration: Dataset) -> None:
    """Neither opening nor reading moves a global random generator, and none has an influence."""

    def opened() -> Samples:
        dataset = factory()
        return _read(dataset, declaration, _spread(dataset))

    require_no_global_randomness(declaration.name, opened, _same, "make one of its own with a fixed seed")


DATASET_CHECKS: tuple[Check, ...] = (
    check_labels,
    check_class_names,
    check_read_form,
    check_ids_order,
    check_read_alone,
    check_read_repeatable,
    check_samples_are_copies,
    check_fingerprint,
    check_dataset_no_global_randomness,
)
"""Every check of `check_dataset`, to be run one by one."""


def check_dataset(factory: Factory, declaration: Dataset) -> None:
    """Raise AssertionError at the first clause of the contract that a dataset breaks.

    Args:
        factory: opens the dataset anew: `lambda: MyData(MyParams())`.
        declaration: what the plugin declares for it; its modality decides what is expected.
    """
    for check in DATASET_CHECKS:
        check(factory, declaration)


def _spread(dataset: AnyDataset) -> Ids:
    """Return up to 16 ids in order, from the first to the last sample."""
    return np.unique(np.linspace(0, len(dataset.labels) - 1, _READ).astype(np.int64))


def _require_texts(dataset: TextDataset, declaration: Dataset) -> None:
    require(not hasattr(dataset, "view"), f"{declaration.name}: texts have no view, remove the attribute")
    for ids in (_spread(dataset), _spread(dataset)[:1]):
        texts = _read(dataset, declaration, ids)
        kept = isinstance(texts, list) and len(texts) == len(ids) and all(isinstance(text, str) for text in texts)
        require(kept, f"{declaration.name}: expected a list of {len(ids)} strings, got {_form(texts)}")
        require(all(texts), f"{declaration.name}: expected texts that are not empty, got an empty one")


def _rows(samples: Samples, order: Ids) -> Samples:
    return samples[order] if isinstance(samples, np.ndarray) else [samples[row] for row in order]


def _read(dataset: AnyDataset, declaration: Dataset, ids: Ids) -> Samples:
    with working(f"{declaration.name}: reading the ids {ids.tolist()}"):
        return dataset.read(ids)


def _form(found: Any) -> str:
    if isinstance(found, list) and found:
        return f"a list of {len(found)} {type(found[0]).__name__}"
    if not isinstance(found, np.ndarray):
        return f"a {type(found).__name__}"
    return f"{found.shape} {found.dtype}"


def _same(found: Samples, expected: Samples) -> bool:
    if not isinstance(expected, np.ndarray):
        return bool(found == expected)
    return bool(found.dtype == expected.dtype and np.array_equal(found, expected))
