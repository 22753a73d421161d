"""What `RUN`, `RUN/MODEL` and `RUN:MODEL` name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def split_run(text: str) -> tuple[Path, str] | None:
    """Return the run folder and what is named in it, empty for the run as a whole, or None where no part is a run.

    The longest path that is a run folder counts, so a folder whose name has a colon is found too.
    """
    return next((found for found in _readings(text) if (found[0] / "manifest.json").is_file()), None)


def _readings(text: str) -> Iterator[tuple[Path, str]]:
    path = Path(text)
    yield path, ""
    for folder in path.parents:
        yield folder, path.relative_to(folder).as_posix()
    for place in range(len(text) - 1, 0, -1):
        if text[place] == ":":
            yield Path(text[:place]), text[place + 1 :]
