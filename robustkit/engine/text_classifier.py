"""A network made into what is evaluated on texts: strings in, logits out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from robustkit.engine.classifier import logits_in
from robustkit.errors import DataError, RobustkitError, RunError

_CONTRACT = "a model for texts is a robustkit.TextNetwork: a torch.nn.Module with encode(texts) and max_length"
_PROBES = ["The quick brown fox jumps over the lazy dog.", "a"]


class TextClassifier(nn.Module):
    """A frozen network that reads texts.

    The network is put into evaluation mode and its parameters no longer require gradients. The logits of a text do not
    depend on its batch as far as the network's kernels allow: torch's have another order of summation for a batch of
    one on a CPU, so that a single text is computed as two.

    Args:
        net: a `robustkit.TextNetwork`; what it returns may be a tuple, list, mapping or object that holds the logits
            (the only matrix in it, or `logits`).
        autocast: the dtype in which the network computes under `torch.autocast`; None for float32.

    Raises:
        DataError: the network has no `encode` or no `max_length`.
    """

    anchor: Tensor

    def __init__(self, net: nn.Module, autocast: torch.dtype | None = None) -> None:
        super().__init__()
        _check_network(net)
        self.net = net
        self.autocast = autocast
        # Holds nothing: it says where the classifier is, also for a network without parameters.
        self.register_buffer("anchor", torch.empty(0), persistent=False)
        self.eval()
        self.requires_grad_(False)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Return (N, classes) float32 logits.

        Args:
            texts: N texts, at least one. What lies behind the network's `max_length` is not read; see `truncated`.

        Raises:
            DataError: something else than texts, or an output that is not (N, classes).
        """
        encoded = self._encode(texts)
        if len(encoded) == 1 and encoded.device.type == "cpu" and not self.training:
            logits = self._run(encoded.repeat_interleave(2, dim=0))[:1]
            # Forward hooks that capture features keep the last pass; that one must have one row a text.
            self._run(encoded)
            return logits
        return self._run(encoded)

    def truncated(self, texts: Sequence[str]) -> int:
        """Return how many of the texts are longer, in code points, than what the network reads."""
        limit = int(self.net.max_length)  # type: ignore[arg-type]
        return sum(len(text) > limit for text in texts)

    def _encode(self, texts: Sequence[str]) -> Tensor:
        if isinstance(texts, str | Tensor) or not all(isinstance(text, str) for text in texts) or not len(texts):
            raise DataError(f"expected a list of at least one text, got {_form(texts)}", "pass a list of strings")
        encoded: Any = self.net.encode(list(texts))  # type: ignore[operator]
        if not isinstance(encoded, Tensor) or encoded.ndim < 1 or len(encoded) != len(texts):
            raise DataError(
                f"expected a tensor with a row for each of {len(texts)} texts from the model's encode, "
                f"got {_form(encoded)}",
                _CONTRACT,
            )
        return encoded.to(self.anchor.device)

    def _run(self, encoded: Tensor) -> Tensor:
        device = encoded.device.type
        with nullcontext() if self.autocast is None else torch.autocast(device, dtype=self.autocast):
            output = logits_in(self.net(encoded))
        if output.ndim != 2 or len(output) != len(encoded) or output.is_complex():
            raise DataError(
                f"expected (N, classes) logits for {len(encoded)} texts, got {_form(output)}",
                "robustkit evaluates classifiers: check --model",
            )
        return output.float()


def probe_texts(classifier: TextClassifier) -> int:
    """Return how many classes the classifier tells apart, after a forward pass on two fixed texts.

    Raises:
        DataError: the network fails on them, or returns NaN or fewer than two logits.
        RunError: the device has no memory for two texts.
    """
    try:
        with torch.no_grad():
            logits = classifier(_PROBES)
    except RobustkitError:
        raise
    except torch.OutOfMemoryError as error:
        raise RunError(
            f"{classifier.anchor.device} has no memory for two texts", "free some, or use --device cpu"
        ) from error
    except Exception as error:  # a network's own code may raise anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"the model fails on two short texts: {first}", "check --model; " + _CONTRACT) from error
    if torch.isnan(logits).any():
        raise DataError("the model returns NaN on two short texts", "check the weights and --precision")
    if logits.shape[1] < 2:
        raise DataError(
            f"expected at least two logits a text, got {logits.shape[1]}",
            "robustkit evaluates classifiers: check --model",
        )
    return int(logits.shape[1])


def _check_network(net: nn.Module) -> None:
    name = type(net).__name__
    if not callable(getattr(net, "encode", None)):
        raise DataError(f"expected a model that reads texts, but {name} has no method encode", _CONTRACT)
    limit = getattr(net, "max_length", None)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise DataError(f"expected max_length of {name} as an integer of 1 or more, got {limit!r:.40}", _CONTRACT)


def _form(found: Any) -> str:
    if isinstance(found, Tensor):
        return f"{found.dtype} of shape {tuple(found.shape)}"
    if isinstance(found, list | tuple):
        kinds = sorted({type(item).__name__ for item in found})
        return f"a {type(found).__name__} of {len(found)} ({', '.join(kinds) or 'empty'})"
    return f"a {type(found).__name__}"
