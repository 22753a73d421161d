"""Features that are directions: one's own, or one value at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import forward_ad

from robustkit.contextual.bases import FeatureBasis
from robustkit.contextual.first_order import Represent, check_represented
from robustkit.errors import ConfigError, DataError


@dataclass(frozen=True, eq=False)
class DirectionBasis:
    """The `FeatureBasis` whose features are single directions, which need not be orthogonal to each other.

    Attributes:
        name: what a feature is, for reports.
        directions: (G, ...), each the shape of one input and of length 1.
    """

    name: str
    directions: Tensor

    @property
    def size(self) -> int:
        """How many directions there are."""
        return len(self.directions)

    def energy(self, values: Tensor) -> Tensor:
        """Return (N, size): the squared component of the values along each direction."""
        return (values.flatten(1) @ self.directions.to(values).flatten(1).T).square()

    def project(self, values: Tensor, feature: int) -> Tensor:
        """Return the component of the values along one direction, as a tensor like them."""
        direction = self.directions[feature].to(values)
        lengths = values.flatten(1) @ direction.flatten()
        return lengths.reshape(-1, *[1] * direction.ndim) * direction


def direction_basis(name: str, directions: Tensor) -> DirectionBasis:
    """Return the basis of directions of one's own, such as principal components or the change between two images.

    Args:
        name: what a feature is, for reports.
        directions: (G, ...), each the shape of one input, of any length but 0.

    Raises:
        ConfigError: no direction, or one without a length.

    >>> basis = direction_basis("diagonal", torch.tensor([[1.0, 1.0]]))
    >>> basis.energy(torch.tensor([[2.0, 0.0]])), basis.project(torch.tensor([[2.0, 0.0]]), 0)
    (tensor([[2.0000]]), tensor([[1.0000, 1.0000]]))
    """
    lengths = directions.flatten(1).norm(dim=1)
    if not len(directions) or not bool((lengths.isfinite() & (lengths > 0)).all()):
        raise ConfigError(
            f"basis '{name}': expected directions of a finite length above 0, got the lengths {lengths.tolist()}",
            "leave out what has no direction",
        )
    return DirectionBasis(name, directions / lengths.reshape(-1, *[1] * (directions.ndim - 1)))


def directional_sensitivity(represent: Represent, inputs: Tensor, directions: Iterable[Tensor]) -> Tensor:
    """Return (N, k): ||J d||, how much the representation changes along each of k directions, to first order; exact.

    By forward-mode differentiation: one pass for each direction, however many outputs there are, and no graph is kept.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float.
        directions: each the shape of one input, or (N, ...) with another one for each sample; k of 1 or more.

    Raises:
        ConfigError: an operation of the model has no forward mode.
        DataError: the representations are not (N, m), or depend on other samples.
    """
    with _forward_mode():
        points = inputs.detach()
        _require_independence(represent, points)
        lengths = [_tangent(represent, points, direction).norm(dim=1) for direction in directions]
        return torch.stack(lengths, dim=1)


def forward_sensitivity(represent: Represent, inputs: Tensor, basis: FeatureBasis) -> Tensor:
    """Return (N, G): ||J P_g||_F as `gradient_sensitivity` does, by one forward-mode pass for each of the D values.

    It pays where a representation has more components than an input has values.

    Args:
        represent: (N, ...) inputs to (N, m) representations.
        inputs: (N, ...) float.
        basis: G features, each a set of values: it has a method `total`, as `Partition`.

    Raises:
        ConfigError: features that are no sets of values, or an operation of the model has no forward mode.
        DataError: the representations are not (N, m), or depend on other samples.
    """
    total = getattr(basis, "total", None)
    if total is None:
        raise ConfigError(
            f"forward mode needs features that are sets of values; those of basis '{basis.name}' are not",
            "take estimator=gradient, or directional_sensitivity for single directions",
        )
    lengths = directional_sensitivity(represent, inputs, _units(inputs))
    found: Tensor = total(lengths.square().reshape(inputs.shape))
    return found.sqrt()


def _units(inputs: Tensor) -> Iterator[Tensor]:
    size = inputs[0].numel()
    for position in range(size):
        unit = torch.zeros(size, dtype=inputs.dtype, device=inputs.device)
        unit[position] = 1
        yield unit.reshape(inputs.shape[1:])


def _tangent(represent: Represent, points: Tensor, direction: Tensor) -> Tensor:
    """Return (N, m): J d."""
    with forward_ad.dual_level():
        spread = direction.to(points).expand_as(points).contiguous()
        outputs = represent(forward_ad.make_dual(points, spread))  # type: ignore[no-untyped-call]
        check_represented(outputs, points)
        tangent: Tensor | None = forward_ad.unpack_dual(outputs).tangent  # type: ignore[no-untyped-call]
    return torch.zeros_like(outputs) if tangent is None else tangent


def _require_independence(represent: Represent, points: Tensor) -> None:
    if len(points) < 2:
        return
    only_first = torch.zeros_like(points)
    only_first[0] = 1
    if bool(_tangent(represent, points, only_first)[1:].any()):
        raise DataError(
            "the representation of a sample depends on the other samples of its batch",
            "put the model into evaluation mode: model.eval()",
        )


@contextmanager
def _forward_mode() -> Iterator[None]:
    """Switch on what forward mode needs, and say what an operation without it means."""
    try:
        with torch.inference_mode(False), torch.no_grad():
            _load_forward_mode()
            yield
    except (NotImplementedError, RuntimeError) as error:
        # torch has no exception of its own for this: operations raise the one, custom functions the other.
        said = str(error)
        if not any(word in said for word in ("forward AD", "forward mode", "forward-mode", "jvp")):
            raise
        raise ConfigError(
            f"an operation of the model has no forward-mode derivative: {said.splitlines()[0]}",
            "take estimator=gradient, which needs backward passes only",
        ) from error


def _load_forward_mode() -> None:
    """Let torch compile its rules, at its first use, without the warnings that are meant for torch itself."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))  # type: ignore[no-untyped-call]
