"""Image corruptions with the published severity constants, after Hendrycks and Dietterich (2019)."""

from __future__ import annotations

from robustkit import Perturbation, hookimpl
from robustkit_corruptions.params import CorruptionParams

robustkit_api = 1

_CITATION = (
    "Hendrycks and Dietterich (2019), Benchmarking neural network robustness to common corruptions and perturbations"
)


@hookimpl
def robustkit_perturbations() -> list[Perturbation]:
    """Return the corruptions, ordered as in the paper."""
    return [
        _corruption("gaussian-noise", "independent normal noise on every value", "noise:GaussianNoise", "common", True),
        _corruption("brightness", "every pixel's HSV value raised by a constant", "weather:Brightness", "common"),
        _corruption("contrast", "every channel drawn towards its mean", "digital:Contrast", "common"),
        _corruption("gaussian-blur", "convolution with a normal kernel", "blur:GaussianBlur", "extra"),
    ]


def _corruption(name: str, summary: str, target: str, tag: str, stochastic: bool = False) -> Perturbation:
    return Perturbation(
        name=name,
        summary=summary,
        target=f"robustkit_corruptions.{target}",
        params=CorruptionParams,
        tags=(tag,),
        citation=_CITATION,
        stochastic=stochastic,
        resolve="robustkit_corruptions.params:resolve_profile",
    )
