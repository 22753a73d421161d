"""Where the numbers come from: models, data, runs, and what their methods say about themselves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from robustkit.analysis.comparison.runs import Run
from robustkit.analysis.notes import gather_notes
from robustkit.analysis.specs import TableCell, TableColumn, TableSpec
from robustkit.texts import printable

DIGITS = 16
"""How many digits of a digest a table shows."""


def provenance(runs: Sequence[Run]) -> tuple[TableSpec, ...]:
    """Return tables of models, data and, one a run, how it was run."""
    return (_models(runs), _data(runs), *(_run(run) for run in runs))


def failures_table(runs: Sequence[Run]) -> TableSpec:
    """Return the cells and metrics without a result; no rows if there are none."""
    rows = [
        (run.name, failure["model"], failure["condition"], str(failure["seed"]), failure["error"])
        for run in runs
        for failure in run.manifest["failures"]
    ]
    caption = "They are in no figure and no mean. Tracebacks are in events.jsonl of the run."
    return _table("failures", "Failures", caption, ("run", "model", "condition", "seed", "error"), rows)


def caveats(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return what methods say about themselves, each once: metrics, conditions, and how models were trained."""
    found: dict[str, None] = {}
    for run in runs:
        for name, facts in run.manifest["metrics"].items():
            found |= _caveat(f"metric {name}", facts)
        for facts in run.manifest["conditions"].values():
            found |= _caveat(facts["component"], facts)
    return (*found, *_training_caveats(runs))


def _training_caveats(runs: Sequence[Run]) -> list[str]:
    """Return what trainers say about themselves, each once, behind the models that were trained by them alike."""
    models: dict[tuple[str, str], dict[str, None]] = {}
    for run in runs:
        for name, facts in run.manifest["models"].items():
            training = facts.get("training") or {}
            if training.get("caveat"):
                trainer = training.get("trainer", "an unnamed trainer")
                models.setdefault((trainer, training["caveat"]), {})[printable(name)] = None
    return [
        f"{'models' if len(names) > 1 else 'model'} {', '.join(names)}, trained with {trainer}: {caveat}"
        for (trainer, caveat), names in models.items()
    ]


def _caveat(what: str, facts: Mapping[str, Any]) -> dict[str, None]:
    return {f"{what}: {facts['caveat']}": None} if facts.get("caveat") else {}


def estimate_notes(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return what metrics said about their estimates, equal notes together."""
    return gather_notes(note for run in runs for note in run.manifest.get("notes", []))


def _table(name: str, title: str, caption: str, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> TableSpec:
    return TableSpec(
        id=name,
        title=title,
        caption=caption,
        columns=tuple(TableColumn(title=column) for column in columns),
        rows=tuple(tuple(TableCell(text=str(text)) for text in row) for row in rows),
    )


def _models(runs: Sequence[Run]) -> TableSpec:
    names = ("model", "run", "sha256", "architecture", "parameters", "normalisation", "group", "training", "checkpoint")
    rows = []
    for run in runs:
        for name, facts in run.manifest["models"].items():
            shown = (facts["sha256"], facts["model"], f"{facts['fit']['n_parameters']:,}", facts["normalize"] or "–")
            group = facts.get("group") or ""
            alone = "" if group == name else group
            rows.append((printable(name), run.name, *shown, alone, _training(facts), facts["checkpoint"]))
    return _with_short_digests(
        _table("models", "Models", "Each checkpoint file, by the sha256 of its bytes.", names, rows), "sha256"
    )


def _with_short_digests(table: TableSpec, title: str) -> TableSpec:
    """Return a table whose digests in one column are short, and in full beside."""
    place = [column.title for column in table.columns].index(title)
    rows = []
    for row in table.rows:
        cells, digest = list(row), row[place].text
        if len(digest) > DIGITS:
            cells[place] = TableCell(text=f"{digest[:DIGITS]}…", full=digest)
        rows.append(tuple(cells))
    return replace(table, rows=tuple(rows))


def _training(facts: Mapping[str, Any]) -> str:
    training = dict(facts.get("training") or {})
    seed = facts.get("training_seed")
    parts = [str(training["trainer"])] if training.get("trainer") else []
    parts += [f"on {training['data']}"] if training.get("data") else []
    parts += [f"seed {seed}"] if seed is not None else []
    return ", ".join(parts) or "not stated"


def _data(runs: Sequence[Run]) -> TableSpec:
    rows = [
        (name, run.name, f"{facts['evaluated']:,} of {facts['n']:,}", facts["fingerprint"], _view(facts))
        for run in runs
        for name, facts in run.manifest["datasets"].items()
    ]
    columns = ("data", "run", "samples", "fingerprint", "view")
    table = _table("data", "Data", "The fingerprint covers every sample and label.", columns, rows)
    return _with_short_digests(table, "fingerprint")


def _view(facts: Mapping[str, Any]) -> str:
    view = facts.get("view") or {}
    if not isinstance(view, Mapping) or "height" not in view:
        return str(facts.get("modality", ""))
    size = f"{view['channels']}×{view['height']}×{view['width']}"
    shaped = [f"{key} {view[key]}" for key in ("resize", "crop", "interpolation") if view.get(key)]
    return ", ".join([size, *shaped])


def _run(run: Run) -> TableSpec:
    manifest, environment = run.manifest, run.manifest["environment"]
    git = environment.get("git") or {}
    plugins = [f"{each['name']} {each['version']}" for each in manifest["plugins"] if each["status"] == "ok"]
    facts = {
        "status": manifest["status"],
        "started": manifest["started"],
        "finished": manifest["finished"] or "–",
        "command": " ".join(["robustkit", *manifest["command"]]),
        "robustkit": manifest["robustkit"],
        "plugins": ", ".join(plugins),
        "commit of the working folder": f"{git['commit']}{', changed' if git['dirty'] else ''}" if git else "–",
        "seeds": ", ".join(str(seed) for seed in manifest["seeds"]["roots"]),
        "randomness": manifest["seeds"]["rule"],
        "device": str(environment["gpu"] or environment["device"]),
        "processor": f"{environment['processor']}, {environment['cores']} cores, {environment['threads']} thread(s)",
        "system": environment["os"],
        "versions": ", ".join(f"{each} {environment[each]}" for each in ("python", "torch", "numpy")),
        "conditions": "\n".join(manifest["conditions"]),
        "configuration": _configuration(run),
    }
    title = f"Run {run.name}"
    return _table(f"run-{run.name}", title, "How it was run.", ("fact", "value"), list(facts.items()))


def _configuration(run: Run) -> str:
    path = run.folder.path / "config.toml"
    if path.is_file():
        return path.read_text("utf8").strip()
    return json.dumps(run.manifest.get("config", {}), indent=1)
