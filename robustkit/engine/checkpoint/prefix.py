"""Prefixes that wrappers leave on the names of weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

PREFIXES = (
    "module.",  # DataParallel, DistributedDataParallel, AveragedModel
    "_orig_mod.",  # torch.compile
    "model.",
    "net.",
    "network.",
    "backbone.",
    "encoder.",
    "student.",
    "module.attacker.model.",  # MadryLab/robustness
)
"""What may be stripped, if it makes the names fit."""

_COVERAGE = 0.99  # of the names of floating-point tensors: counters such as n_averaged lie outside the wrapped model
_MAX_CHAIN = 6  # prefixes on top of one another


def strip_prefixes(
    weights: Mapping[str, Tensor], expected: Collection[str]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the weights under the names that fit best, and the prefixes that were stripped, outermost first.

    A prefix goes only if at least 99 % of the names begin with it and more names fit afterwards. Names are cut at their
    beginning alone. Of chains that fit equally well the shortest is taken.

    Args:
        weights: a state dict.
        expected: the names that the model has.
    """
    wanted = set(expected)
    counted = [name for name, tensor in weights.items() if tensor.is_floating_point()] or list(weights)
    best: tuple[str, ...] = ()
    best_fit = sum(name in wanted for name in weights)
    for chain in sorted(_chains(counted, ()), key=len):
        renamed = {strip(name, chain) for name in weights}
        fit = len(renamed & wanted)
        if fit > best_fit and len(renamed) == len(weights):
            best, best_fit = chain, fit
    return {strip(name, best): tensor for name, tensor in weights.items()}, best


def strip(name: str, chain: Collection[str]) -> str:
    """Return a name without the prefixes of a chain, outermost first.

    >>> strip("module.encoder.model.w", ("module.", "model."))
    'encoder.model.w'
    """
    for prefix in chain:
        name = name.removeprefix(prefix)
    return name


def _chains(names: list[str], chain: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield every sequence of prefixes that nearly all names begin with."""
    if len(chain) == _MAX_CHAIN:
        return
    for prefix in PREFIXES:
        covered = sum(name.startswith(prefix) for name in names)
        if covered and covered >= _COVERAGE * len(names):
            longer = (*chain, prefix)
            yield longer
            yield from _chains([name.removeprefix(prefix) for name in names], longer)
