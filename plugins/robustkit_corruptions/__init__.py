"""Image corruptions with the published severity constants, after Hendrycks and Dietterich (2019)."""

from __future__ import annotations

from robustkit import Baseline, Perturbation, hookimpl
from robustkit_corruptions.params import CorruptionParams

robustkit_api = 1

_CITATION = (
    "Hendrycks and Dietterich (2019), Benchmarking neural network robustness to common corruptions and perturbations; "
    "reference implementation: imagecorruptions 1.1.2, make_cifar_c.py, make_tinyimagenet_c.py, make_imagenet_c.py, "
    "make_imagenet_c_inception.py"
)
_COMMON = (
    ("gaussian-noise", "independent normal noise on every value", "noise:GaussianNoise", True),
    ("shot-noise", "photon counts: Poisson noise", "noise:ShotNoise", True),
    ("impulse-noise", "values replaced by black or white", "noise:ImpulseNoise", True),
    ("defocus-blur", "convolution with a soft disk", "defocus_blur:DefocusBlur", False),
    ("glass-blur", "pixels moved about in small windows, between two blurs", "glass_blur:GlassBlur", True),
    ("motion-blur", "smearing along a line", "motion_blur:MotionBlur", True),
    ("zoom-blur", "mean of enlargements of the middle", "zoom_blur:ZoomBlur", False),
    ("snow", "whitening and smeared flakes", "snow:Snow", True),
    ("frost", "a part of a photograph of frost mixed in", "frost:Frost", True),
    ("fog", "a cloudy field added, by a plasma fractal", "fog:Fog", True),
    ("brightness", "every pixel's HSV value raised by a constant", "hsv:Brightness", False),
    ("contrast", "every channel drawn towards its mean", "contrast:Contrast", False),
    (
        "elastic-transform",
        "smooth random displacements, after a random affine map",
        "elastic_transform:ElasticTransform",
        True,
    ),
    ("pixelate", "shrunk and enlarged again", "pixelate:Pixelate", False),
    ("jpeg-compression", "compressed as JPEG", "jpeg_compression:JpegCompression", False),
)
"""The 15 corruptions of the benchmark, in its order: name, summary, implementation, whether it draws random numbers."""

_EXTRA = (
    ("speckle-noise", "normal noise in proportion to the value", "noise:SpeckleNoise", True),
    ("gaussian-blur", "convolution with a normal kernel", "gaussian_blur:GaussianBlur", False),
    ("spatter", "drops of water or mud on the lens", "spatter:Spatter", True),
    ("saturate", "every pixel's HSV saturation stretched and shifted", "hsv:Saturate", False),
)
"""The 4 that the benchmark holds out, for validation."""


@hookimpl
def robustkit_perturbations() -> list[Perturbation]:
    """Return the corruptions, ordered as in the paper."""
    return [_corruption("common", *row) for row in _COMMON] + [_corruption("extra", *row) for row in _EXTRA]


@hookimpl
def robustkit_baselines() -> list[Baseline]:
    """Return the tables of baseline errors."""
    return [
        Baseline(
            name="alexnet-imagenet-c",
            summary="AlexNet on ImageNet-C: makes corruption errors CE, and their mean mCE",
            target="robustkit_corruptions.baselines:alexnet_imagenet_c",
            tags=("imagenet-c",),
            citation="Hendrycks and Dietterich (2019), arXiv 1903.12261",
        )
    ]


def _corruption(tag: str, name: str, summary: str, target: str, stochastic: bool) -> Perturbation:
    frost = name == "frost"
    home = "frost_files:resolve_frost" if frost else "params:resolve_profile"
    return Perturbation(
        name=name,
        summary=summary,
        target=f"robustkit_corruptions.{target}",
        params=CorruptionParams,
        tags=(tag,),
        citation=_CITATION,
        stochastic=stochastic,
        # An earlier state of 0.1.0 drew gaussian-noise's numbers from whole words.
        stream_version=2 if name == "gaussian-noise" else 1,
        resolve=f"robustkit_corruptions.{home}",
        requires="robustkit_corruptions.frost_files:describe_files" if frost else None,
        parity="exact",
    )
