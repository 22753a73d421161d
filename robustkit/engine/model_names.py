"""How tables call the models of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from robustkit.config import ModelConfig
from robustkit.errors import ConfigError

_GENERIC = frozenset({"model", "last", "best", "checkpoint"})
"""Names of files that say less than their folder."""


def model_names(models: Sequence[ModelConfig]) -> list[str]:
    """Return the models' names: as they are given, or else after their files.

    Raises:
        ConfigError: two models have the same name.
    """
    names = [model.name or _file_name(Path(model.checkpoint)) for model in models]
    repeated = {name for name, count in Counter(names).items() if count > 1}
    # Checkpoints are often called best.pt; their folders tell them apart.
    names = [
        f"{Path(model.checkpoint).resolve().parent.name}/{name}" if name in repeated and not model.name else name
        for name, model in zip(names, models, strict=True)
    ]
    for name, count in Counter(names).items():
        if count > 1:
            raise ConfigError(f"{count} models are called '{name}'", "give each [[model]] a name in the configuration")
    return names


def _file_name(path: Path) -> str:
    """Return the file's name without suffix, or that of its folder where this says more.

    >>> _file_name(Path("fcl/model.safetensors")), _file_name(Path("resnet20-12fca82f.th"))
    ('fcl', 'resnet20-12fca82f')
    """
    return path.parent.name if path.stem in _GENERIC and path.parent.name else path.stem
