"""`robustkit show --perturbation`: pictures of what perturbations do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from robustkit.cli.options import load_plugins, only_results_on_stdout
from robustkit.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from robustkit.engine.gallery import Gallery
    from robustkit.host import Host

FORMATS = ("png", "pdf", "svg")

_NUMBERS = re.compile(r"\d{1,18}(,\d{1,18})*")


def write_gallery(options: Mapping[str, Any]) -> dict[str, Any]:
    """Write the pictures and return what was drawn: `figure` (the path), `perturbations`, `samples`.

    Args:
        options: of the command, by name.

    Raises:
        ConfigError: an option is missing or wrong, or the file exists.
    """
    path = _path(options["out"], options["force"])
    if not options["data"]:
        raise ConfigError("no data was given", "--data takes a path or a registered dataset")
    host = load_plugins(options["include"], options["no_plugin"], options["strict_plugins"])

    with only_results_on_stdout():
        gallery, name = _make(options, host)
        content = _render(gallery, f"{name}, seed {options['seed']}", path.suffix[1:].lower())

    from robustkit.store.atomic import write_atomically

    write_atomically(path, content)
    rows = gallery.rows
    return {
        "figure": str(path),
        "perturbations": list(dict.fromkeys(row.perturbation for row in rows)),
        "samples": list(dict.fromkeys(row.sample for row in rows)),
    }


def _path(out: str | None, force: bool) -> Path:
    if not out:
        raise ConfigError("pictures need a file to be written to", "name one with -o grid.png")
    path = Path(out)
    if path.suffix[1:].lower() not in FORMATS:
        raise ConfigError(f"-o {path}: expected a name that ends in .{', .'.join(FORMATS)}", "for example -o grid.png")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a file", "choose another name with -o")
    if path.exists() and not force:
        raise ConfigError(f"{path} exists already", "--force writes over it")
    return path


def _make(options: Mapping[str, Any], host: Host) -> tuple[Gallery, str]:
    from robustkit.config import RunConfig
    from robustkit.config.shorthand import parse_shorthand
    from robustkit.engine.gallery import make_gallery
    from robustkit.engine.open_data import open_data

    asked = [parse_shorthand(text) for text in options["perturbation"]]
    chosen = [
        {**each, "name": entry.qualified}
        for each in asked
        for entry in host.catalog.find_all("perturbation", str(each["name"]))
    ]
    config = RunConfig(
        model=(),
        data=options["data"],
        split=options["split"] or "",
        view=options["view"] or "",
        perturbation=tuple(chosen),
        seed=(options["seed"],),
    )
    dataset, name = open_data(config, host)
    few = 4 if len(chosen) == 1 else 1
    ids = _ids(options["indices"], options["limit"], few, len(dataset.labels))
    return make_gallery(config, dataset, ids, host), name


def _ids(indices: str | None, limit: int | None, few: int, n: int) -> NDArray[np.int64]:
    """Return the ids of the images; a file or a list of them is taken whole, unless there is a limit."""
    import numpy as np

    from robustkit.engine.data import select_ids

    if indices is None:
        return select_ids(n, limit=few if limit is None else limit, indices=None)
    if Path(indices).exists() or not _NUMBERS.fullmatch(indices):
        return select_ids(n, limit=limit, indices=Path(indices))
    ids = [int(text) for text in indices.split(",")]
    beyond = [each for each in ids if each >= n]
    if beyond or len(set(ids)) < len(ids):
        problem = f"expected ids from 0 to {n - 1}, got {beyond[0]}" if beyond else "expected each id once"
        raise ConfigError(f"--indices {indices}: {problem}", "for example --indices 0,7,21")
    return np.array(ids, dtype=np.int64)[select_ids(len(ids), limit=limit, indices=None)]


def _render(gallery: Gallery, about: str, form: str) -> bytes:
    # The reports are a plugin like any other; its drawing of pictures is public.
    from robustkit_reports.gallery import PictureRow, render_pictures

    several = len({row.perturbation for row in gallery.rows}) > 1
    samples = len({row.sample for row in gallery.rows}) > 1
    params = {row.perturbation.partition(":")[2] for row in gallery.rows}
    shared = len(params) == 1
    rows = []
    for row in gallery.rows:
        name, _, own = row.perturbation.partition(":")
        parts = [name.rpartition("/")[2]] if several else []
        parts += [own.replace(",", ", ")] if several and not shared else []
        parts += [f"sample {row.sample}", row.label] if samples or not several else []
        rows.append(PictureRow(label="\n".join(parts), pictures=row.pictures))
    first = gallery.rows[0]
    title = first.perturbation if not several else "perturbations" + (f": {next(iter(params))}" if shared else "")
    about += f", sample {first.sample} ({first.label})" if several and not samples else ""
    columns = ["as stored" if level == 0 else f"severity {level:g}" for level in gallery.severities]
    return render_pictures(f"{title}\n{about}", columns, rows, form)
