"""Which of a model's classes each class of the data is."""

from __future__ import annotations

import json

from robustkit.errors import DataError
from robustkit.names import did_you_mean
from robustkit.protocols import ImageDataset, LoadedCheckpoint, TextDataset


def label_map(name: str, checkpoint: LoadedCheckpoint, dataset: ImageDataset | TextDataset) -> tuple[int, ...] | None:
    """Return where each of the data's classes is among the model's, if both name theirs and they differ."""
    known = _stated_classes(checkpoint)
    classes = [str(each) for each in dataset.class_names]
    if not known or not classes or known == classes:
        return None
    unknown = [each for each in classes if each not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"the model knows {', '.join(known[:8])}"
        raise DataError(f"model '{name}' was not trained on the class '{unknown[0]}' of these data", hint)
    return tuple(known.index(each) for each in classes)


def _stated_classes(checkpoint: LoadedCheckpoint) -> list[str]:
    """Return the names that the file gives to the model's classes; none if it gives none."""
    try:
        stated = json.loads(checkpoint.metadata.get("classes", "[]"))
    except ValueError:
        return []
    return [str(each) for each in stated] if isinstance(stated, list) else []
