"""Dark stripes across images, a plugin of robustkit."""

from robustkit import Perturbation, hookimpl

from robustkit_stripes.params import StripesParams

robustkit_api = 1


@hookimpl
def robustkit_perturbations() -> list[Perturbation]:
    """Return the plugin's perturbations."""
    return [
        Perturbation(
            name="stripes",
            summary="dark stripes at a random offset",
            target="robustkit_stripes.stripes:Stripes",
            params=StripesParams,
            tags=("occlusion",),
            caveat="its levels are its author's choice, not from a publication",
        )
    ]
