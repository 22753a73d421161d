"""From a path to the weights in it."""

from __future__ import annotations

from pathlib import Path

from robustkit.engine.checkpoint.read import read
from robustkit.engine.checkpoint.sniff import sniff
from robustkit.engine.checkpoint.unwrap import unwrap
from robustkit.protocols import CheckpointOptions, LoadedCheckpoint

_DECLARED = {
    "robustkit.model": "model",
    "robustkit.normalize": "normalize",
    "robustkit.classes": "classes",
    "robustkit.training": "training",
}


def open_checkpoint(path: Path, options: CheckpointOptions) -> LoadedCheckpoint:
    """Return the weights of a checkpoint file, on the CPU, and what else the file held.

    The form of the file is found from its content, never from its name. Code in a pickle runs only under
    `options.trust_pickle`, and only if the file cannot be opened without it.

    Args:
        path: a torch file (zip or legacy), a safetensors file, or under `trust_pickle` a bare pickle.
        options: how it may be opened.

    Raises:
        DataError: the file is missing, damaged, of another kind, wants code to run, or holds no state dict.
    """
    form = sniff(path)
    contents = read(path, form, options.trust_pickle)
    found = unwrap(contents.value, str(path))
    return LoadedCheckpoint(
        weights=found.weights,
        format=form,
        unwrapped=found.path,
        extras={**found.extras, **{key: text for key, text in contents.metadata.items() if key not in _DECLARED}},
        metadata={_DECLARED[key]: text for key, text in contents.metadata.items() if key in _DECLARED},
    )
