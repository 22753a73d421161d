"""What a checkpoint says of its training, and what follows from it for results on these data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from robustkit.engine.data import open_layout
from robustkit.engine.runner import Unobserved
from robustkit.engine.training_facts import seen_before, training_facts
from robustkit.evaluation import evaluate
from robustkit.protocols import LoadedCheckpoint

CHECKPOINTS = Path(__file__).resolve().parents[3] / "plugins" / "robustkit_zoo" / "assets" / "checkpoints"


def facts(stated: Any) -> dict[str, Any]:
    metadata = {"training": stated if isinstance(stated, str) else json.dumps(stated)}
    return training_facts(LoadedCheckpoint(weights={}, format="", metadata=metadata))


def test_only_plain_facts_are_taken() -> None:
    stated = {"trainer": "a\x1b\nb", "seed": 3, "data_fingerprint": "ab", "validation_fingerprint": 7, "other": "x"}
    assert facts(stated) == {"trainer": "a b", "seed": 3, "data_fingerprint": "ab"}
    assert facts("not json") == facts([1]) == facts("[" * 100_000) == {}


@pytest.mark.parametrize(
    ("training", "note"),
    [
        ({"data_fingerprint": "ab"}, "was trained on these data"),
        ({"data_fingerprint": "ab", "validation_fingerprint": "ab"}, "was trained on these data"),
        ({"data_fingerprint": "cd", "validation_fingerprint": "ab"}, "was selected on these data"),
        ({"data_fingerprint": "cd", "validation_fingerprint": "ef"}, ""),
        ({}, ""),
    ],
)
def test_data_that_the_model_has_seen_are_told(training: dict[str, str], note: str) -> None:
    found = "".join(seen_before("net", training, "ab"))
    assert found.startswith(f"model 'net' {note}") if note else not found


class Watch(Unobserved):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def noted(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("key", ["data_fingerprint", "validation_fingerprint"])
def test_the_note_is_said_and_stays_in_the_manifest(tmp_path: Path, key: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", images=images, labels=np.arange(20) % 10)
    stated = {key: open_layout(tmp_path / "data.npz").fingerprint()}
    metadata = {
        "robustkit.model": "zoo/small-cnn",
        "robustkit.normalize": "none",
        "robustkit.training": json.dumps(stated),
    }
    weights = load_file(sorted(CHECKPOINTS.glob("fashion-*.safetensors"))[0])
    save_file(weights, tmp_path / "net.safetensors", metadata=metadata)
    config = {"model": [str(tmp_path / "net.safetensors")], "data": str(tmp_path / "data.npz"), "device": "cpu"}
    watch = Watch()
    done = evaluate({**config, "limit": 5}, out=tmp_path / "run", observer=watch)
    assert len(watch.notes) == 1
    assert "unseen samples" in watch.notes[0]
    # What follows is about estimates from five samples.
    assert done.folder.read_manifest()["notes"][:1] == watch.notes
