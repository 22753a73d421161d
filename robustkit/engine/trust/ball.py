"""Where probes may go: the part of a ball around each image that lies in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from robustkit.components import Norm, ThreatModel
from robustkit.engine.adversarial import largest_norm, perturbation_norm
from robustkit.engine.seeds import Keys


@dataclass(frozen=True, kw_only=True, eq=False)
class Ball:
    """The balls of one size around some images.

    Attributes:
        images: (n, C, H, W), the centres.
        norm: of the change.
        eps: the largest norm.
    """

    images: Tensor
    norm: Norm
    eps: float

    def rows(self, index: Tensor) -> Ball:
        """Return the balls of some of the images."""
        return Ball(images=self.images[index], norm=self.norm, eps=self.eps)

    def project(self, points: Tensor) -> Tensor:
        """Return the points, brought into the ball and then into [0, 1]; in a box this never raises the norm."""
        change = points - self.images
        if self.norm == "linf":
            change = change.clamp(-self.eps, self.eps)
            return (self.images + change).clamp(0, 1)
        change = change * (self.eps / length(change)).clamp(max=1)
        moved = (self.images + change).clamp(0, 1)
        # Where many values are rounded away from the image, the sum of it all leads out of the ball.
        outwards = ((moved - self.images).abs() > change.abs()) & ~self.contains(moved).view(-1, 1, 1, 1)
        return torch.where(outwards, torch.nextafter(moved, self.images), moved)

    def direction(self, gradient: Tensor) -> Tensor:
        """Return the step of length 1 in this norm that raises a linear function most; 0 where the gradient is."""
        gradient = gradient.nan_to_num(nan=0.0, posinf=1.0, neginf=-1.0)
        if self.norm == "linf":
            return gradient.sign()
        # Scaled first: the squares of tiny values are zero.
        scaled = gradient / gradient.abs().flatten(1).amax(dim=1).clamp(min=1e-30).view(-1, 1, 1, 1)
        return scaled / length(scaled)

    def corners(self, keys: Keys) -> Tensor:
        """Return random extreme points: every value at its limit in Linf, a random direction at full length in L2."""
        shape = self.images.shape[1:]
        if self.norm == "linf":
            change = torch.where(keys.uniform(*shape) < 0.5, -self.eps, self.eps)
        else:
            change = keys.normal(*shape)
            change = change * (self.eps / length(change))
        return self.project(self.images + change.to(self.images))

    def start(self, keys: Keys, share: float = 1.0) -> Tensor:
        """Return random points; in L2 a corner at a random part of its length.

        Args:
            keys: one a sample.
            share: of the ball's size within which they lie.
        """
        if self.norm == "linf":
            change = (2 * keys.uniform(*self.images.shape[1:]) - 1) * self.eps
        else:
            change = keys.child("direction").normal(*self.images.shape[1:])
            change = change * (self.eps / length(change)) * keys.child("length").uniform(1, 1, 1)
        return self.project(self.images + share * change.to(self.images))

    def contains(self, points: Tensor) -> Tensor:
        """Return (n,) bool: which points count as inside, by the measure that the evaluator holds attacks to."""
        norms = perturbation_norm(points.double() - self.images.double(), self.norm)
        return norms <= largest_norm(ThreatModel(norm=self.norm, eps=self.eps))


def length(change: Tensor) -> Tensor:
    """Return (n, 1, 1, 1): the L2 norm of each change, at least 1e-12, so that one can divide by it."""
    # Not `vector_norm`, which adds up in one go: for large images it is wrong by more than rounding explains.
    norms = change.flatten(1).square().sum(dim=1).sqrt()
    return norms.clamp(min=1e-12).view(-1, 1, 1, 1)
