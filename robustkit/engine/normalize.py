"""How a model's inputs were normalised: by name, or in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from robustkit.errors import ConfigError
from robustkit.names import did_you_mean, normalise

_FORM = "write a name, MEAN/STD, or one number a channel: 0.485,0.456,0.406/0.229,0.224,0.225"


@dataclass(frozen=True)
class Normalization:
    """The map `(x - mean) / std`, applied to images in [0, 1].

    Attributes:
        mean: one number a channel, or one for all channels.
        std: as many numbers as `mean`, each above 0.
        name: the name it was asked for by, or its numbers.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    name: str


_TABLE: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "none": ((0.0,), (1.0,)),
    # timm/data/constants.py, IMAGENET_DEFAULT_MEAN and _STD; the same in every torchvision reference script.
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    # timm/data/constants.py, IMAGENET_INCEPTION_MEAN and _STD: 0.5 for every channel.
    "inception": ((0.5,), (0.5,)),
    # openai/CLIP, clip/clip.py, _transform.
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    # Moments of all training pixels, as recomputed in kuangliu/pytorch-cifar#129 and
    # chenyaofo/image-classification-codebase#5. The other std in circulation, (0.2023, 0.1994, 0.2010) of
    # kuangliu/pytorch-cifar, is the mean of the images' own std: who trained with it gives the numbers.
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    # weiaicunzai/pytorch-cifar100, conf/global_settings.py.
    "cifar100": ((0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    # PatrickZH/DeepCore, deepcore/datasets/svhn.py; to more digits 0.4376821, 0.4437697, 0.47280442 and
    # 0.19803012, 0.20101562, 0.19703614 in other code.
    "svhn": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    # pytorch/examples, mnist/main.py.
    "mnist": ((0.1307,), (0.3081,)),
    # Computed from the 60,000 training images of zalandoresearch/fashion-mnist: 0.28604, 0.35302.
    "fashion-mnist": ((0.2860,), (0.3530,)),
}


def parse_normalize(text: str) -> Normalization:
    """Return the normalisation that `--normalize` asks for.

    Args:
        text: a name (`imagenet`, `cifar10`, `cifar100`, `svhn`, `mnist`, `fashion-mnist`, `clip`, `inception`, `none`),
            or `MEAN/STD` with one number for all channels or one a channel, for images in [0, 1].

    Raises:
        ConfigError: an unknown name, a number that is none, counts that differ, a std that is not above 0, or a mean
            above 1.

    >>> parse_normalize("0.5/0.25")
    Normalization(mean=(0.5,), std=(0.25,), name='0.5/0.25')
    >>> parse_normalize("Fashion_MNIST").mean
    (0.286,)
    """
    name = normalise(text)
    if name in _TABLE:
        return Normalization(*_TABLE[name], name)
    mean_text, slash, std_text = text.partition("/")
    if not slash:
        hint = did_you_mean(name, _TABLE) or f"known: {', '.join(_TABLE)}; or {_FORM}"
        raise ConfigError(f"--normalize: unknown name '{text}'", hint)
    mean, std = _numbers(mean_text, "mean", text), _numbers(std_text, "std", text)
    channels = max(len(mean), len(std))
    mean, std = (values * channels if len(values) == 1 else values for values in (mean, std))
    _check(mean, std, text)
    return Normalization(mean, std, "/".join(",".join(map(repr, values)) for values in (mean, std)))


def _numbers(text: str, what: str, whole: str) -> tuple[float, ...]:
    try:
        values = tuple(float(number) for number in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--normalize {whole}: expected numbers for the {what}, got '{text}'", _FORM) from error
    if not all(math.isfinite(value) for value in values):
        raise ConfigError(f"--normalize {whole}: expected finite numbers for the {what}, got '{text}'", _FORM)
    return values


def _check(mean: tuple[float, ...], std: tuple[float, ...], text: str) -> None:
    if len(mean) != len(std):
        raise ConfigError(f"--normalize {text}: {len(mean)} numbers for the mean but {len(std)} for the std", _FORM)
    if min(std) <= 0:
        raise ConfigError(f"--normalize {text}: expected std above 0, got {min(std):g}", "for no scaling give 1")
    if max(mean) > 1:
        divided = "/".join(",".join(f"{value / 255:.4g}" for value in values) for values in (mean, std))
        raise ConfigError(
            f"--normalize {text}: expected means in units of the [0, 1] range, got {max(mean):g}",
            f"for values in 0..255 divide by 255: {divided}",
        )
