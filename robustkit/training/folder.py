"""The folder of one training.

manifest.json        what was trained, how, on what, with what; written first, and anew after each epoch
config.toml          the resolved configuration; `robustkit train --config` takes it
model.safetensors    weights of the selected epoch; `robustkit eval` takes it without further flags
last.safetensors     weights of the last epoch
history.csv          one row an epoch
state/state.pt       all that is needed to continue exactly, behind the digest of it
events.jsonl         what happened when
"""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from robustkit.engine.manifest import timestamp
from robustkit.errors import RobustkitError
from robustkit.store import RunFolder
from robustkit.store.atomic import write_atomically

KIND = "training"


class TrainingFolder(RunFolder):
    """Reads and writes one training's folder; every file appears whole or not at all."""

    @property
    def model_path(self) -> Path:
        """Weights of the selected epoch."""
        return self.path / "model.safetensors"

    @property
    def last_path(self) -> Path:
        """Weights of the last epoch."""
        return self.path / "last.safetensors"

    @property
    def state_path(self) -> Path:
        """What is needed to continue."""
        return self.path / "state" / "state.pt"

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write one row an epoch; a loss that an epoch does not have is left empty."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path / "history.csv", text.getvalue().encode())


@contextlib.contextmanager
def status_kept(folder: TrainingFolder, manifest: dict[str, Any]) -> Iterator[None]:
    """Note in the manifest how a training ended that did not finish; the disk may be the reason, so never insist."""
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        manifest |= {"status": "interrupted" if interrupted else "failed", "finished": timestamp()}
        manifest |= {} if interrupted else {"error": str(error)}
        with contextlib.suppress(RobustkitError):
            folder.write_manifest(manifest)
            folder.log(manifest["status"], error="" if interrupted else str(error))
        raise
