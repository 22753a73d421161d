"""What is made of each image before anything else sees it: resize, then central crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from robustkit.components import View
from robustkit.errors import ConfigError, DataError
from robustkit.names import did_you_mean

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
INTERPOLATIONS = tuple(_FILTERS)
"""The names of Pillow's filters; all but `nearest` smooth when they shrink."""

_GRAMMAR = "write --view 224, or --view resize=256,crop=224,interpolation=bicubic"


@dataclass(frozen=True, kw_only=True)
class ViewRequest:
    """A resize, a central crop, or the first and then the second.

    Sizes and offsets are those of torchvision's `Resize` and `CenterCrop` on Pillow images: the longer side is
    truncated to a whole number, the offset of the crop is rounded half to even.

    Attributes:
        resize: length of the shorter side after the resize, in pixels; None for no resize.
        crop: side of the central square, in pixels; None for no crop.
        interpolation: one of `INTERPOLATIONS`.

    Raises:
        ConfigError: if nothing is asked for, or a value is out of range.
    """

    resize: int | None = None
    crop: int | None = None
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if self.resize is None and self.crop is None:
            raise ConfigError("view: expected resize, crop or both, got neither", _GRAMMAR)
        for name, value in (("resize", self.resize), ("crop", self.crop)):
            if value is not None and value < 1:
                raise ConfigError(f"view: expected {name} of 1 pixel or more, got {value}", _GRAMMAR)
        if self.resize is not None and self.crop is not None and self.crop > self.resize:
            raise ConfigError(
                f"view: expected a crop that fits into resize={self.resize}, got crop={self.crop}", _GRAMMAR
            )
        if self.interpolation not in _FILTERS:
            known = ", ".join(INTERPOLATIONS)
            hint = did_you_mean(self.interpolation, INTERPOLATIONS) or _GRAMMAR
            raise ConfigError(f"view: expected interpolation in {known}, got '{self.interpolation}'", hint)


def parse_view(text: str) -> ViewRequest:
    """Return the view that a `--view` option asks for.

    A bare number N means: resize the shorter side to N, then crop the central N by N.

    Raises:
        ConfigError: if the text is not of that form.

    >>> parse_view("224")
    ViewRequest(resize=224, crop=224, interpolation='bilinear')
    >>> parse_view("resize=256,crop=224,interpolation=bicubic")
    ViewRequest(resize=256, crop=224, interpolation='bicubic')
    """
    if "=" not in text:
        side = _pixels("view", text)
        return ViewRequest(resize=side, crop=side)
    given: dict[str, Any] = {}
    for item in text.split(","):
        key, _, value = (part.strip() for part in item.partition("="))
        if key in given:
            raise ConfigError(f"view: expected {key} once, got it twice in '{text}'", _GRAMMAR)
        if key not in ("resize", "crop", "interpolation"):
            hint = did_you_mean(key, ("resize", "crop", "interpolation")) or _GRAMMAR
            raise ConfigError(f"view: expected resize, crop or interpolation, got '{key}' in '{text}'", hint)
        given[key] = value if key == "interpolation" else _pixels(key, value)
    if "interpolation" in given and "resize" not in given:
        raise ConfigError(f"view: expected resize with interpolation, got '{text}'", _GRAMMAR)
    return ViewRequest(**given)


def _pixels(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"view: expected {name} in whole pixels, got '{text}'", _GRAMMAR) from None


def resized_size(request: ViewRequest, height: int, width: int) -> tuple[int, int]:
    """Return (height, width) after the resize.

    >>> resized_size(ViewRequest(resize=256), 375, 500)
    (256, 341)
    """
    if request.resize is None:
        return height, width
    if height <= width:
        return request.resize, int(request.resize * width / height)
    return int(request.resize * height / width), request.resize


def resized(image: Image.Image, request: ViewRequest) -> Image.Image:
    """Return the image after the resize, before the crop."""
    if request.resize is None:
        return image
    height, width = resized_size(request, image.height, image.width)
    return image.resize((width, height), _FILTERS[request.interpolation])


def cropped(images: NDArray[Any], request: ViewRequest, *, where: str) -> NDArray[Any]:
    """Return the central square of images (…, H, W), as a view of the same memory.

    Raises:
        DataError: if they are smaller than the crop.
    """
    if request.crop is None:
        return images
    height, width = images.shape[-2:]
    if request.crop > min(height, width):
        raise DataError(
            f"{where}: expected at least {request.crop} x {request.crop} pixels for the crop, got {height} x {width}",
            f"resize first: --view resize={request.crop},crop={request.crop}",
        )
    top, left = round((height - request.crop) / 2), round((width - request.crop) / 2)
    return images[..., top : top + request.crop, left : left + request.crop]


def resulting_view(request: ViewRequest | None, channels: int, height: int, width: int) -> View:
    """Return what is handed out for images of a size; a crop larger than the image is not noticed here."""
    if request is None:
        return View(channels=channels, height=height, width=width)
    height, width = resized_size(request, height, width) if request.crop is None else (request.crop, request.crop)
    return View(
        channels=channels,
        height=height,
        width=width,
        resize=request.resize,
        crop=request.crop,
        interpolation=request.interpolation if request.resize is not None else "",
    )
