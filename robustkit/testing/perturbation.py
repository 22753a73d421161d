"""The contract of an image perturbation, one check a clause."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from robustkit.components import Perturbation
from robustkit.engine.seeds import Keys
from robustkit.errors import RobustkitError
from robustkit.protocols import ImagePerturbation
from robustkit.testing.watch import (
    make_images,
    make_keys,
    require,
    require_no_global_randomness,
    working,
)

Factory = Callable[[], ImagePerturbation]
Shape = tuple[int, int, int]
Check = Callable[[Factory, Perturbation, Shape], None]

_DTYPES = (torch.uint8, torch.float32)
_N = 4
# A convolution may add up in another order in another batch; a uint8 level may not move.
_ROUNDING = 1e-6


def check_result_form(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """The result has the shape, dtype, device and range of the images, at the lowest and the highest severity."""
    for dtype in _DTYPES:
        images = make_images(_N, shape, dtype)
        for severity in _ends(declaration):
            result = _perturb(factory(), images, make_keys(declaration.name, _N), severity)
            _require_form(result, images, f"{declaration.name} at severity {severity:g}")


def check_images_unchanged(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """`apply` leaves its images as they are."""
    for dtype in _DTYPES:
        images = make_images(_N, shape, dtype)
        before = images.clone()
        _perturb(factory(), images, make_keys(declaration.name, _N), max(declaration.severities))
        require(torch.equal(images, before), f"{declaration.name} changes its {dtype} input; work on a copy")


def check_repeatable(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """The same keys give the same bits: from the same object, from a new one, and from the same draws."""
    images, keys = make_images(_N, shape), make_keys(declaration.name, _N)
    perturbation, severity = factory(), max(declaration.severities)
    draws = perturbation.sample(keys, shape, _levels(_N, severity))
    first, again = perturbation.apply(images, draws), perturbation.apply(images, draws)
    require(torch.equal(first, again), f"{declaration.name}: apply gives another result for the same draws")
    require(
        torch.equal(_perturb(perturbation, images, keys, severity), first),
        f"{declaration.name}: the same keys give another result the second time",
    )
    require(
        torch.equal(_perturb(factory(), images, keys, severity), first),
        f"{declaration.name}: the same keys give another result in a new object",
    )


def check_batch_independence(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """A row of a batch is what a batch of that row alone gives."""
    for dtype in _DTYPES:
        _compare_rows(factory, declaration, make_images(_N, shape, dtype), [[row] for row in range(_N)])


def check_order_independence(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """A batch in another order gives the same results in that order."""
    for dtype in _DTYPES:
        _compare_rows(factory, declaration, make_images(_N, shape, dtype), [list(reversed(range(_N)))])


def check_severity_per_sample(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """Samples of one batch may have different severities, each as if it had the batch to itself."""
    images, keys = make_images(_N, shape), make_keys(declaration.name, _N)
    low, high = _ends(declaration)
    levels = torch.tensor([low, high] * (_N // 2), dtype=torch.float64)
    mixed = _perturb(factory(), images, keys, levels)
    for severity in (low, high):
        rows = (levels == severity).nonzero().flatten()
        alone = _perturb(factory(), images, keys, severity)[rows]
        require(
            _close(mixed[rows], alone),
            f"{declaration.name}: severity {severity:g} gives another result beside other severities",
        )


def check_levels_nest(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """All severities draw from the same random streams, so that a sample's levels differ in strength alone."""
    drawn = []
    for severity in _ends(declaration):
        keys = make_keys(declaration.name, _N)
        _perturb(factory(), make_images(_N, shape), keys, severity)
        drawn.append(keys.drawn)
    low, high = drawn
    require(
        low <= high or high <= low,
        f"{declaration.name}: severities draw from different streams; do not put the severity into a child's name",
    )


def check_no_global_randomness(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """No global random generator is moved, and none has an influence."""
    images, severity = make_images(_N, shape), max(declaration.severities)

    def perturbed() -> Tensor:
        return _perturb(factory(), images, make_keys(declaration.name, _N), severity)

    require_no_global_randomness(declaration.name, perturbed, torch.equal)


def check_randomness_declared(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """`stochastic` says whether `sample` draws; another seed gives another result exactly then."""
    images, severity = make_images(_N, shape), max(declaration.severities)
    keys = make_keys(declaration.name, _N)
    first = _perturb(factory(), images, keys, severity)
    other = _perturb(factory(), images, make_keys(declaration.name, _N, seed=1), severity)
    said = f"{declaration.name} is declared stochastic={declaration.stochastic}"
    require(bool(keys.drawn) == declaration.stochastic, f"{said}, but draws from {len(keys.drawn)} streams")
    require(torch.equal(first, other) != declaration.stochastic, f"{said}, but another seed says otherwise")


def check_fractional_severity(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """Severities between 0 and the highest are all valid, those below 1 too."""
    images = make_images(_N, shape)
    for severity in (1e-3, 0.5, 1.5, max(declaration.severities) - 0.5):
        what = f"{declaration.name} at severity {severity:g}"
        with working(what):
            result = _perturb(factory(), images, make_keys(declaration.name, _N), severity)
        _require_form(result, images, what)


def check_other_shapes(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """Grey and non-square images give a result, or a RobustkitError that says they are not supported."""
    channels, height, width = shape
    for other in ((1, height, width), (channels, height, width + 7), (channels, height + 5, width)):
        images = make_images(_N, other)
        what = f"{declaration.name} on {other}"
        with suppress(RobustkitError):
            with working(what, unless=(RobustkitError,)):
                result = _perturb(factory(), images, make_keys(declaration.name, _N), max(declaration.severities))
            _require_form(result, images, what)


def check_distortion_rises(factory: Factory, declaration: Perturbation, shape: Shape) -> None:
    """Higher severities change the images more. This one only warns: not all published tables do."""
    images, keys = make_images(_N, shape), make_keys(declaration.name, _N)
    found = [_perturb(factory(), images, keys, severity) for severity in sorted(declaration.severities)]
    distortion = [float((result - images).square().mean()) for result in found]
    if distortion != sorted(distortion):
        listed = ", ".join(f"{value:.2g}" for value in distortion)
        warnings.warn(f"{declaration.name}: distortion does not rise with severity: {listed}", stacklevel=2)


PERTURBATION_CHECKS: tuple[Check, ...] = (
    check_result_form,
    check_images_unchanged,
    check_repeatable,
    check_batch_independence,
    check_order_independence,
    check_severity_per_sample,
    check_levels_nest,
    check_no_global_randomness,
    check_randomness_declared,
    check_fractional_severity,
    check_other_shapes,
    check_distortion_rises,
)
"""Every check of `check_perturbation`, to be run one by one."""


def check_perturbation(factory: Factory, declaration: Perturbation, *, shape: Shape = (3, 32, 32)) -> None:
    """Raise AssertionError at the first clause of the contract that an image perturbation breaks.

    Args:
        factory: makes a new implementation, ready to use: `lambda: MyPerturbation(MyParams())`.
        declaration: what the plugin declares for it.
        shape: (C, H, W) of the images to try it on.
    """
    for check in PERTURBATION_CHECKS:
        check(factory, declaration, shape)


def _perturb(perturbation: ImagePerturbation, images: Tensor, keys: Keys, severity: Tensor | float) -> Tensor:
    channels, height, width = images.shape[1:]
    levels = severity if isinstance(severity, Tensor) else _levels(len(images), severity)
    return perturbation.apply(images, perturbation.sample(keys, (channels, height, width), levels))


def _levels(n: int, severity: float) -> Tensor:
    return torch.full((n,), severity, dtype=torch.float64)


def _ends(declaration: Perturbation) -> tuple[float, float]:
    return float(min(declaration.severities)), float(max(declaration.severities))


def _require_form(result: Tensor, images: Tensor, what: str) -> None:
    expected = (tuple(images.shape), images.dtype, images.device)
    got = (tuple(result.shape), result.dtype, result.device)
    require(got == expected, f"{what}: expected {expected}, got {got}")
    if result.is_floating_point():
        # A NaN fails this comparison too.
        require(bool(((result >= 0) & (result <= 1)).all()), f"{what}: values leave [0, 1]")


def _compare_rows(factory: Factory, declaration: Perturbation, images: Tensor, selections: list[list[int]]) -> None:
    keys, severity = make_keys(declaration.name, _N), max(declaration.severities)
    batch = _perturb(factory(), images, keys, severity)
    for rows in selections:
        part = _perturb(factory(), images[rows], keys.rows(rows), severity)
        require(
            _close(part, batch[rows]),
            f"{declaration.name}: rows {rows} on their own differ from the same rows of a batch of {_N} {images.dtype}",
        )


def _close(found: Tensor, expected: Tensor) -> bool:
    if found.dtype == torch.uint8:
        return torch.equal(found, expected)
    return torch.allclose(found, expected, rtol=0, atol=_ROUNDING)
