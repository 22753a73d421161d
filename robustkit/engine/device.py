"""Which device computes, and with what arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from robustkit.errors import ConfigError

AUTOCAST: dict[str, torch.dtype | None] = {
    "fp32": None,
    "tf32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""What each precision runs the network in; None is float32 (with `tf32`, CUDA may round products to TF32)."""


def pick_device(name: str) -> torch.device:
    """Return the device that `--device` means; `auto` is CUDA if there is one, else the CPU.

    Raises:
        ConfigError: no such device, or it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"--device: unknown device '{name}'", "use auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if (device.index or 0) >= found:
            raise ConfigError(f"--device {name}: torch sees {found} CUDA device(s)", "use --device cpu or auto")
    elif device.type != "cpu":
        raise ConfigError(f"--device: '{name}' is not supported", "use auto, cpu, cuda or cuda:N")
    return device


def check_precision(precision: str, device: torch.device, asked: str | None = None) -> None:
    """Raise ConfigError where the device cannot compute in this precision.

    Args:
        precision: a key of `AUTOCAST`.
        device: what computes.
        asked: what asks for it, with which the message begins; by default the option `--precision`.
    """
    if precision in ("tf32", "fp16") and device.type != "cuda":
        raise ConfigError(
            f"{asked or f'--precision {precision}'} needs a CUDA device, this run is on {device}", "use fp32 or bf16"
        )


@contextmanager
def numerics(precision: str) -> Iterator[None]:
    """Set torch's arithmetic switches for a run and put them back afterwards.

    TF32 is off unless asked for, and cuDNN must choose deterministic kernels: without both, two runs of one command
    differ on a GPU.
    """
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic)
    allow = precision == "tf32"
    cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = allow, allow, False, True
    try:
        yield
    finally:
        cuda.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = before
