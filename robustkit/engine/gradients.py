"""Whether a model gives the gradients that a white-box attack follows."""

from __future__ import annotations

import torch
from torch import Tensor

from robustkit.engine.classifier import Classifier
from robustkit.errors import DataError

_FEW = 2


def require_gradient(model: Classifier, inputs: Tensor, attack: str) -> None:
    """Raise unless the model's logits depend on its inputs as far as gradients can see.

    Without a gradient a white-box attack finds nothing, and the model would look robust for it. That a gradient is
    there and zero is another matter, which may be right for a sample.

    Args:
        model: in evaluation mode.
        inputs: (N, C, H, W) float32 in [0, 1], at least one; a few are tried.
        attack: its name, for messages.

    Raises:
        DataError: there is no gradient with respect to the inputs.
    """
    leaf = inputs[:_FEW].detach().clone().requires_grad_()
    cause = ""
    gradient: Tensor | None = None
    try:
        with torch.enable_grad():
            logits = model(leaf)
        if logits.requires_grad:
            (gradient,) = torch.autograd.grad(logits.sum(), leaf, allow_unused=True)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        cause = f": {(str(error).strip() or type(error).__name__).splitlines()[0]}"
    if gradient is None:
        raise DataError(
            f"attack '{attack}' follows gradients, and the model gives none with respect to its inputs{cause}",
            "it would find nothing, which is no robustness: take detach(), no_grad() and inference_mode() out of the "
            "network's forward, or use an attack that needs no gradient",
        )
