"""A network made into what is evaluated: images in [0, 1] in, logits out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from robustkit.engine.normalize import Normalization
from robustkit.errors import DataError, RobustkitError, RunError


class Classifier(nn.Module):
    """A frozen network with its input size and normalisation.

    The network is put into evaluation mode and its parameters no longer require gradients; gradients with respect to
    the images flow.

    Args:
        net: maps normalised (N, C, H, W) images to logits, or to a tuple, list, mapping or object that holds them
            (the only matrix in it, or `logits`).
        normalization: applied to images in [0, 1], after the resize.
        input_size: (height, width) that the network wants; images are resized to it (bilinear, antialiased). None
            leaves them as they are.
        autocast: the dtype in which the network alone computes under `torch.autocast`; None for float32.
    """

    mean: Tensor
    std: Tensor
    batch_size = 0
    """How many images an attack should give at once; 0: as it likes."""

    def __init__(
        self,
        net: nn.Module,
        normalization: Normalization,
        input_size: tuple[int, int] | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.normalization = normalization
        self.input_size = input_size
        self.autocast = autocast
        # Not persistent: they are settings, and the state dict stays that of the network.
        for name, values in (("mean", normalization.mean), ("std", normalization.std)):
            self.register_buffer(name, torch.tensor(values).view(1, -1, 1, 1), persistent=False)
        self.eval()
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, classes) float32 logits.

        Args:
            images: (N, C, H, W), floating point, in [0, 1].

        Raises:
            DataError: images of another form, or an output that is not (N, classes).
        """
        self._check(images)
        inputs = images.float()
        if self.input_size is not None and tuple(inputs.shape[2:]) != self.input_size:
            inputs = functional.interpolate(inputs, size=self.input_size, mode="bilinear", antialias=True)
        inputs = (inputs - self.mean) / self.std
        with self._precision(images.device.type):
            output = logits_in(self.net(inputs))
        if output.is_complex():
            raise DataError("the model returns complex numbers, not logits", "wrap it with --model FILE.py:callable")
        if output.ndim != 2 or len(output) != len(images):
            raise DataError(
                f"expected (N, classes) logits for {len(images)} images, got an output of shape {tuple(output.shape)}",
                "robustkit evaluates classifiers: check --model",
            )
        return output.float()

    def _check(self, images: Tensor) -> None:
        if images.ndim != 4 or not images.is_floating_point():
            raise DataError(
                f"expected (N, C, H, W) floating-point images in [0, 1], got {images.dtype} {tuple(images.shape)}",
                "convert uint8 images with images / 255",
            )
        channels = len(self.normalization.mean)
        if channels not in (1, images.shape[1]):
            raise DataError(
                f"normalisation '{self.normalization.name}' has {channels} channels, the images have {images.shape[1]}",
                "choose another --normalize, or convert the images",
            )

    def _precision(self, device: str) -> torch.autocast | nullcontext[None]:
        return nullcontext() if self.autocast is None else torch.autocast(device, dtype=self.autocast)


def logits_in(output: Any) -> Tensor:
    """Return the logits in what a network returned: the output itself, its `logits`, or the only matrix in it."""
    if isinstance(output, Tensor):
        return output
    if hasattr(output, "logits"):
        return logits_in(output.logits)
    if isinstance(output, Mapping):
        if "logits" in output:
            return logits_in(output["logits"])
        output = list(output.values())
    if not isinstance(output, list | tuple):
        raise DataError(f"expected logits from the model, got {type(output).__name__}", "check --model")
    matrices = [item for item in output if isinstance(item, Tensor) and item.ndim == 2]
    if len(matrices) != 1:
        shapes = ", ".join(str(tuple(item.shape)) for item in matrices) or "none"
        raise DataError(
            f"the model returns {len(output)} things, of which {len(matrices)} could be the logits: {shapes}",
            "wrap it with --model FILE.py:callable so that it returns the logits alone",
        )
    return matrices[0]


def probe(classifier: Classifier, shape: tuple[int, int, int], device: torch.device | str) -> int:
    """Return how many classes the classifier tells apart, after a forward pass on two fixed images.

    Args:
        classifier: on `device`.
        shape: (C, H, W) of the images that it will get.
        device: where to run.

    Raises:
        DataError: the network fails on such images, or returns NaN or fewer than two logits.
        RunError: the device has no memory for two images.
    """
    logits = _try(classifier, shape, device)
    if torch.isnan(logits).any():
        raise DataError(
            f"the model returns NaN on images of shape {shape}", "check the weights, --normalize, --precision"
        )
    if logits.shape[1] < 2:
        raise DataError(
            "expected at least two logits an image, got 1", "robustkit evaluates classifiers: check --model"
        )
    return int(logits.shape[1])


def _try(classifier: Classifier, shape: tuple[int, int, int], device: torch.device | str) -> Tensor:
    count = 2 * shape[0] * shape[1] * shape[2]
    images = torch.linspace(0, 1, count, device=device).view(2, *shape)
    try:
        with torch.no_grad():
            return classifier(images)  # type: ignore[no-any-return]
    except RobustkitError:
        raise
    except torch.OutOfMemoryError as error:
        raise RunError(
            f"{device} has no memory for two images of shape {shape}", "free some, or use --device cpu"
        ) from error
    except Exception as error:  # a network may reject a shape with any error: RuntimeError, assert, IndexError …
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"the model fails on images of shape {shape} (C, H, W): {first}", _shape_hint(first)) from error


def _shape_hint(cause: str) -> str:
    if "channels" in cause:
        return "the images have another number of channels than the model was made for: check --model and the data"
    return "check --input-size (what the model was trained on), then --model and --normalize"
