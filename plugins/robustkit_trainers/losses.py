"""Losses of the trainers as pure functions of embeddings."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def feature_contrastive_loss(anchor: Tensor, positive: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Return (N,): how much nearer the negatives are to the anchor than the positive is; in nats, above 0.

    -log( e^(c(a, p)/t) / (e^(c(a, p)/t) + sum_m e^(c(a, n_m)/t)) ) with the cosine c and the temperature t. It is
    log(1 + M) where all views are the same. Each sample is contrasted with views of itself alone.

    Source: robustkit's formulation, after Kim et al. (2021), whose own formula is not public.

    Args:
        anchor: (N, d) embeddings of the samples as they are.
        positive: (N, d) embeddings of the views that should stay near.
        negatives: (N, M, d) embeddings of the views that should move away.
        temperature: above 0.

    >>> row = torch.tensor([[3.0, 4.0]])
    >>> round(float(feature_contrastive_loss(row, row, row.expand(1, 3, 2), 0.1)), 4)  # log 4
    1.3863
    """
    origin = unit(anchor)
    near = (origin * unit(positive)).sum(dim=1, keepdim=True)
    far = (origin[:, None] * unit(negatives)).sum(dim=2)
    similarity = torch.cat([near, far], dim=1) / temperature
    return -functional.log_softmax(similarity, dim=1)[:, 0]


def unit(vectors: Tensor) -> Tensor:
    """Return the vectors divided by their lengths; zero stays zero, with no gradient: it has no direction to turn.

    Args:
        vectors: (..., d).

    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    squared = vectors.square().sum(dim=-1, keepdim=True)
    nonzero = squared > torch.finfo(vectors.dtype).tiny
    return torch.where(nonzero, vectors * torch.where(nonzero, squared, 1.0).rsqrt(), 0.0)
