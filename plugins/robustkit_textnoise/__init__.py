"""Text noise: what goes wrong when texts are typed."""

from __future__ import annotations

from robustkit import Perturbation, hookimpl
from robustkit_textnoise.params import KeyboardParams

robustkit_api = 1


@hookimpl
def robustkit_perturbations() -> list[Perturbation]:
    """Return the text perturbations."""
    return [
        Perturbation(
            name="keyboard",
            summary="typing errors on neighbouring keys, at character error rates of 1 to 20 %",
            target="robustkit_textnoise.keyboard:KeyboardNoise",
            params=KeyboardParams,
            modality="text",
            tags=("character", "typing"),
            citation="robustkit's own model of typing errors, with the key positions of common keyboards",
        ),
    ]
