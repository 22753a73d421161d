"""Weights as a file whose bytes depend on the weights and the metadata alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

from safetensors.torch import save
from torch import Tensor


def encode_weights(weights: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file: equal weights and metadata give equal bytes.

    safetensors' own writer puts the metadata in an order that changes from call to call, so the header is written anew,
    with the metadata sorted by key.

    Args:
        weights: by name. Tensors that share memory are written twice.
        metadata: any strings.
    """
    separate = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}
    content = save(separate, metadata=dict(metadata))
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    ordered = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    ordered |= {name: entry for name, entry in header.items() if name != "__metadata__"}
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
    # The format wants the data to begin at a multiple of 8, and allows spaces before.
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + content[8 + length :]
