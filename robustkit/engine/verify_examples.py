"""Verifies the stored adversarial examples of a run from scratch, and believes nothing that the run says about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustkit.components import ThreatModel
from robustkit.engine.adversarial import largest_norm, perturbation_norm
from robustkit.engine.device import numerics
from robustkit.engine.grid import Cell
from robustkit.engine.inputs import read_inputs, read_labels, to_model
from robustkit.engine.outputs import hash_inputs
from robustkit.engine.plan import Plan
from robustkit.errors import ConfigError, DataError
from robustkit.store import RunFolder
from robustkit.store.choose import find_differences
from robustkit.store.records import find_broken

ROUNDING = 1e-4
"""How far, relative to the largest logit, two forward passes of one input may be apart: the number of samples that
share a pass, the threads and the device decide about last bits, and attacks stop close to the boundary."""

Rows = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Offender:
    """Something that does not hold.

    Attributes:
        id: of the sample; None for a whole file.
        problem: what was expected and what was found.
    """

    id: int | None
    problem: str


@dataclass(kw_only=True)
class VerifiedCell:
    """What became of the examples of one cell.

    Attributes:
        model: name in the run.
        condition: canonical string of the attack.
        seed: the root of its random keys.
        broken: samples that the records say were broken.
        examples: how many are stored.
        close: examples that are wrong by no more than rounding could do.
        absent: chunks that were not computed.
        offenders: what does not hold, in the order of the samples of each chunk.
    """

    model: str
    condition: str
    seed: int
    broken: int = 0
    examples: int = 0
    close: int = 0
    absent: int = 0
    offenders: list[Offender] = field(default_factory=list)


def verify_examples(plan: Plan, folder: RunFolder) -> list[VerifiedCell]:
    """Return, for each cell under attack, how many examples it has and which of them do not hold.

    Each example is compared with the clean sample of the data (norm, bounds, finite values), with its record (hash,
    norm, label, what broke it), and given to the model anew. That other samples are robust, no file can prove.

    Args:
        plan: of the run, with its models and data opened anew.
        folder: of the run.

    Raises:
        ConfigError: the plan is of another run.
        DataError: no examples are stored, or a sample cannot be read.
    """
    manifest = folder.read_manifest()
    _check_same(plan, folder, manifest)
    keys = {(each["model"], each["condition"], each["seed"]): each["key"] for each in manifest["cells"]}
    cells = [cell for cell in plan.cells if cell.condition.threat_model is not None]
    paths = [
        folder.examples_path(keys[cell.model, cell.condition.text, cell.seed], chunk)
        for cell in cells
        for chunk in range(len(plan.chunks))
    ]
    if not any(path.exists() for path in paths):
        raise DataError(
            f"{folder.path} holds no adversarial examples",
            "repeat its command with --save-examples --resume"
            if cells
            else "it has no attack: evaluate with -a NAME:eps=… --save-examples",
        )
    with numerics(plan.config.precision):
        return [_verify_cell(plan, folder, cell, keys[cell.model, cell.condition.text, cell.seed]) for cell in cells]


def _check_same(plan: Plan, folder: RunFolder, manifest: Mapping[str, Any]) -> None:
    differences = sorted(find_differences(manifest.get("identity", {}), plan.identity))
    # The kind of device is all that may differ: whoever verifies need not have the same.
    others = [each for each in differences if not each.startswith("backend ")]
    if others:
        raise ConfigError(
            f"{folder.path} was evaluated with something else than what is here now: {'; '.join(others[:3])}",
            "verify where the same models, data and plugins are",
        )


def _verify_cell(plan: Plan, folder: RunFolder, cell: Cell, key: str) -> VerifiedCell:
    found = VerifiedCell(model=cell.model, condition=cell.condition.text, seed=cell.seed)
    for chunk in range(len(plan.chunks)):
        _verify_chunk(found, plan, folder, cell, key, chunk)
    return found


def _verify_chunk(found: VerifiedCell, plan: Plan, folder: RunFolder, cell: Cell, key: str, chunk: int) -> None:
    records, stored = folder.read_chunk(key, chunk), folder.read_examples(key, chunk)
    path = folder.examples_path(key, chunk)
    if records is None and not path.exists():
        found.absent += 1
        return
    if records is None or "broken_by" not in records or not np.array_equal(records["id"], plan.chunks[chunk]):
        problem = _fault(folder.chunk_path(key, chunk), "the records of this chunk")
        found.offenders.append(Offender(id=None, problem=problem))
        return
    broken = find_broken(records)
    found.broken += int(broken.sum())
    shape = cast("Any", plan.dataset).view.shape
    if stored is None or stored[1].shape[1:] != shape:
        problem = _fault(path, f"examples of shape {shape}")
        found.offenders.append(Offender(id=None, problem=problem))
        return
    found.examples += len(stored[0])
    problems = _Problems()
    _compare_ids(problems, records, broken, stored[0])
    for rows, inputs in _batches(plan.config.batch_size, records, *stored):
        found.close += _verify_batch(problems, plan, cell, rows, inputs)
    found.offenders += problems.offenders()


def _fault(path: Path, expected: str) -> str:
    if not path.exists():
        return f"{path}: expected {expected}, found no file"
    return (
        f"{path}: expected {expected}, got a file that is damaged or not of this chunk: its digest or its stamp differs"
    )


class _Problems:
    """What does not hold, by sample."""

    def __init__(self) -> None:
        self._by_id: dict[int, list[str]] = {}

    def add(self, sample: int, problem: str) -> None:
        self._by_id.setdefault(int(sample), []).append(problem)

    def where(self, bad: Tensor, ids: NDArray[np.int64], problem: str, *values: Tensor) -> None:
        """Note a problem of some rows; its text may take one number of each of the values."""
        for row in bad.nonzero().flatten().tolist():
            self.add(int(ids[row]), problem.format(*(float(each[row]) for each in values)))

    def offenders(self) -> Iterator[Offender]:
        for sample, problems in sorted(self._by_id.items()):
            yield Offender(id=sample, problem="; ".join(problems))


def _compare_ids(problems: _Problems, records: Rows, broken: NDArray[np.bool_], ids: NDArray[np.int64]) -> None:
    """Note where records and examples do not speak of the same samples, or records contradict themselves."""
    counts = Counter(ids.tolist())
    known = set(records["id"].tolist())
    for sample, count in counts.items():
        if sample not in known:
            problems.add(sample, "no sample of this chunk has this id")
        elif count > 1:
            problems.add(sample, f"stored {count} times")
    for sample, is_broken in zip(records["id"].tolist(), broken.tolist(), strict=True):
        if is_broken and sample not in counts:
            problems.add(sample, "broken according to its record, but without an example")
        if not is_broken and sample in counts:
            problems.add(sample, "an example is stored, but its record does not say that an attack broke it")
    held = records["broken_by"].astype(str) == ""
    for sample in records["id"][held != (records["prediction"] == records["label"])].tolist():
        problems.add(sample, "its record has a prediction that contradicts its broken_by")


def _batches(
    size: int, records: Rows, ids: NDArray[np.int64], inputs: NDArray[np.float32]
) -> Iterator[tuple[Rows, NDArray[np.float32]]]:
    """Yield the records of some examples and the examples; those of unknown samples are left out."""
    known = np.isin(ids, records["id"])
    ids, inputs = ids[known], inputs[known]
    places = np.searchsorted(records["id"], ids)
    for start in range(0, len(ids), size):
        chosen = places[start : start + size]
        yield {name: column[chosen] for name, column in records.items()}, inputs[start : start + size]


def _verify_batch(problems: _Problems, plan: Plan, cell: Cell, rows: Rows, inputs: NDArray[np.float32]) -> int:
    """Note what does not hold of some examples, and return how many are wrong by no more than rounding could do."""
    ids, model = rows["id"], plan.models[cell.model]
    examples = torch.from_numpy(inputs).to(plan.device)
    clean = cast("Tensor", to_model(read_inputs(plan.dataset, ids, plan.device)))
    labels = model.translate(read_labels(plan.dataset, ids, plan.device))
    problems.where(torch.from_numpy(rows["label"] != labels.cpu().numpy()), ids, "its record has another label")
    differing = torch.from_numpy(rows["input_hash"] != hash_inputs(examples))
    problems.where(differing, ids, "not the input that was judged: its hash is not that of its record")
    finite = examples.flatten(1).isfinite().all(dim=1)
    problems.where(~finite, ids, "holds values that are not finite")
    _verify_change(problems, cell.condition.threat_model, rows, clean, examples, finite)
    with torch.no_grad():
        logits = model.classifier(examples).double()
    return _verify_answers(problems, ids, logits, labels, finite)


def _verify_change(
    problems: _Problems, threat_model: ThreatModel | None, rows: Rows, clean: Tensor, examples: Tensor, finite: Tensor
) -> None:
    assert threat_model is not None
    ids, flat = rows["id"], examples.flatten(1)
    low, high = flat.amin(dim=1), flat.amax(dim=1)
    outside = finite & ((low < threat_model.low) | (high > threat_model.high))
    bounds = f"[{threat_model.low:g}, {threat_model.high:g}]"
    problems.where(outside, ids, f"expected values in {bounds}, got {{:.6g}} to {{:.6g}}", low, high)
    norms = perturbation_norm(examples.double() - clean.double(), threat_model.norm)
    far = finite & (norms > largest_norm(threat_model))
    expected = f"expected a {threat_model.norm} norm of at most {threat_model.eps:.6g}, got {{:.6g}}"
    problems.where(far, ids, expected, norms)
    recorded = torch.from_numpy(rows["norm"]).to(norms)
    other = finite & ~torch.isclose(recorded, norms, rtol=1e-5, atol=1e-7)
    problems.where(other, ids, "its record has the norm {:.6g}, measured is {:.6g}", recorded, norms)


def _verify_answers(problems: _Problems, ids: NDArray[np.int64], logits: Tensor, labels: Tensor, finite: Tensor) -> int:
    answered = logits.isfinite().all(dim=1)
    problems.where(finite & ~answered, ids, "the model's logits for it are not finite")
    label = labels.unsqueeze(1)
    margin = (logits.gather(1, label) - logits.scatter(1, label, -torch.inf).amax(dim=1, keepdim=True)).squeeze(1)
    rounding = ROUNDING * logits.abs().amax(dim=1).clamp(min=1.0)
    right = answered & (margin > rounding)
    problems.where(right, ids, "the model gets it right, by a margin of {:.6g}", margin)
    return int((answered & (margin.abs() <= rounding)).sum())
