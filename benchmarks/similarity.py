"""What the similarity of all pairs of layers costs beside torch-cka 0.21 and ckatorch 1.0.3, and how exact each is.

    python -m venv peers
    peers/bin/pip install -c constraints.txt . torch-cka==0.21 ckatorch==1.0.3
    peers/bin/python benchmarks/similarity.py [--images N] [--pooled-only]

Captures the outputs of every convolution of the published ResNet-20 for 2,000 images of CIFAR-10's test set (or, where
those are not beside the checkout, of an untrained one for noise) and hands them to all sides as they are, float32, so
that none of them runs the network. Then, on one thread of this process, in CPU seconds:

1. Averaged over positions, one vector a layer: the L x L matrix of the unbiased linear CKA. The reference is the
   definition on the whole kernel matrices, in float64.
   - robustkit: its metric, batch by batch: moments, merged, then every pair with chance level and status.
   - torch-cka: its class, on a model of identities that hands out the features. It makes the kernel of a layer once for
     every partner and compares it with itself each time; nothing is added to that here.
   - ckatorch `cka_batch`: all batches of a pair in one call. (Its class overwrites each batch by the next and asks for
     three dimensions, so its function is called: that is faster.) It wants batches of one size, so the last, short one
     is left out.
   - ckatorch `cka_base(unbiased=True)`: takes all samples together, as robustkit does; timed on every 19th pair.
2. As they are, one number a position: robustkit chooses a projection and says its error; the peers take batches.

Then the peak memory of robustkit's states for 500, 2,000 and 8,000 rows, each in a process of its own.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from robustkit import Keys, MetricBatch, State, capture_features
from robustkit_metrics.similarity.params import SimilarityParams
from robustkit_metrics.similarity.similarity import Similarity
from robustkit_zoo.params import CifarResNetParams
from robustkit_zoo.resnet_cifar import resnet20

PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Where the published checkpoint and images are: beside the checkout."""

BATCH = 256
PEER_BATCHES = (64, 256)
ROWS = (500, 2_000, 8_000)
LEAST_RATIO = 3.0
EXACT = 1e-9
FLAT = 1.1

Features = dict[str, Tensor]
Matrix = NDArray[np.float64]
Timed = tuple[Matrix, float]


def main() -> int:
    """Print both tables and the memory; return 1 where a claim does not hold."""
    options = parse()
    if options.memory:
        print(peak_of(options.memory))
        return 0
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    maps = capture(options.images)
    pooled = {name: each.mean(dim=(2, 3)) if each.ndim == 4 else each for name, each in maps.items()}
    fine = compare_pooled(pooled)
    if not options.pooled_only:
        compare_flattened(maps)
    fine &= compare_memory()
    return 0 if fine or options.images < ROWS[1] else 1


def parse() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2_000, help="with fewer nothing is claimed (default: 2000)")
    parser.add_argument("--pooled-only", action="store_true", help="leave out the flattened maps (minutes)")
    parser.add_argument("--memory", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def capture(count: int) -> Features:
    """Return the outputs of every convolution, float32, by layer."""
    network = resnet20(CifarResNetParams()).eval()
    checkpoint, images = PUBLISHED / "checkpoints" / "resnet20-12fca82f.th", PUBLISHED / "cifar10-jpeg" / "test.npz"
    if checkpoint.is_file() and images.is_file():
        weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
        network.load_state_dict({name.removeprefix("module."): each for name, each in weights.items()})
        pixels = torch.from_numpy(np.load(images)["images"][:count]).permute(0, 3, 1, 2).float() / 255
        mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        pixels = (pixels - mean) / std
    else:
        print("the published checkpoint and images are not there: an untrained network, noise")
        pixels = torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    layers = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    found: dict[str, list[Tensor]] = {name: [] for name in layers}
    with torch.no_grad(), capture_features(network, layers) as captured:
        for part in pixels.split(BATCH):
            network(part)
            for name in layers:
                found[name].append(captured[name])
    return {name: torch.cat(parts) for name, parts in found.items()}


def timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns and the CPU seconds that it takes."""
    start = time.process_time()
    found = compute()
    return found, time.process_time() - start


def definition(features: Features) -> Matrix:
    """Return the matrix from the whole kernel matrices (Song et al. 2012, equation 5), in float64."""
    n = len(next(iter(features.values())))
    kernels = []
    for each in features.values():
        x = each.flatten(1).double()
        # One is subtracted from all samples: kernels move, the unbiased HSIC does not, and digits are kept.
        kernel = ((x := x - x.mean(dim=0)) @ x.T).numpy()
        np.fill_diagonal(kernel, 0)
        kernels.append(kernel.ravel())
    stacked = np.stack(kernels)
    rows = stacked.reshape(len(kernels), n, n).sum(axis=1)
    total = rows.sum(axis=1)
    hsic = stacked @ stacked.T + np.outer(total, total) / ((n - 1) * (n - 2)) - 2 / (n - 2) * rows @ rows.T
    length = np.sqrt(np.diag(hsic))
    found: Matrix = hsic / np.outer(length, length)
    return found


def robustkit_matrix(features: Features, **options: Any) -> tuple[Matrix, str, float]:
    """Return the matrix, what it is in full, and the largest standard error that a projection is said to add."""
    metric = Similarity(SimilarityParams(against="layers", **options))
    held: list[tuple[int, State]] = []
    for batch in batches(features):
        held.append((1, metric.measure(batch)))
        # As the engine does: of n batches few states are held.
        while len(held) > 1 and held[-2][0] == held[-1][0]:
            count, pair = held[-1][0], [state for _, state in held[-2:]]
            held[-2:] = [(2 * count, metric.merge(pair))]
    found = metric.estimate([metric.merge([state for _, state in held])])
    names = {name: place for place, name in enumerate(features)}
    matrix, errors = np.full((len(names), len(names)), np.nan), [0.0]
    for part, estimate in found.items():
        first, second = (names[name] for name in part.removeprefix("cka/").split("~"))
        assert estimate.value is not None, estimate.note
        matrix[first, second] = matrix[second, first] = estimate.value
        said = estimate.note.rpartition("projection ")[2].removeprefix("below ")
        errors += [float(said)] if said else []
    return matrix, max((estimate.spec for estimate in found.values()), key=len), max(errors)


def batches(features: Features) -> Iterator[MetricBatch]:
    """Yield the features as the engine hands them to a metric."""
    count = len(next(iter(features.values())))
    for start in range(0, count, BATCH):
        part = {name: each[start : start + BATCH] for name, each in features.items()}
        ids = torch.arange(start, min(start + BATCH, count))
        keys = Keys(seed=0, stream="metrics/similarity", version=1, ids=ids)
        yield MetricBatch(model=nn.Identity(), inputs=ids, clean=ids, labels=ids, keys=keys, features=part)


class Handing(nn.Module):
    """Hands out features, which are its inputs side by side, through one identity a layer."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = list(widths)
        self.layers = nn.ModuleList(nn.Identity() for _ in widths)

    def forward(self, features: Tensor) -> Tensor:
        """Return the features as they are."""
        for layer, part in zip(self.layers, features.split(self.widths, dim=1), strict=True):
            layer(part)
        return features


def torch_cka_matrix(features: Features, size: int) -> Timed:
    """Return torch-cka's matrix, and the CPU seconds of its `compare`."""
    from torch_cka import CKA

    flat = [each.flatten(1) for each in features.values()]
    widths = [each.shape[1] for each in flat]
    names = [f"layers.{place}" for place in range(len(widths))]
    loader = DataLoader(TensorDataset(torch.cat(flat, dim=1)), batch_size=size)
    models = [Handing(widths), Handing(widths)]
    peer = CKA(*models, "first", "second", model1_layers=names, model2_layers=names)
    with redirect_stderr(io.StringIO()):
        _, seconds = timed(lambda: peer.compare(loader))
    return peer.export()["CKA"].double().numpy(), seconds


def cka_batch_matrix(features: Features, size: int) -> Timed:
    """Return the matrix of ckatorch's `cka_batch`, and its CPU seconds."""
    from ckatorch import cka_batch

    count = len(next(iter(features.values()))) // size
    parts = [each.flatten(1)[: count * size].reshape(count, size, -1) for each in features.values()]
    values, seconds = timed(lambda: [[float(cka_batch(x, y)) for y in parts] for x in parts])
    return np.array(values), seconds


def cka_base_pairs(features: Features) -> tuple[dict[tuple[int, int], float], float]:
    """Return values of ckatorch's `cka_base` for some pairs, and the CPU seconds that all of them would take."""
    from ckatorch import cka_base

    layers = list(features.values())
    pairs = [(k // len(layers), k % len(layers)) for k in range(0, len(layers) ** 2, len(layers))]
    pairs = [(first, (first + 7) % len(layers)) for first, _ in pairs]
    values, seconds = timed(lambda: {(i, j): float(cka_base(layers[i], layers[j], unbiased=True)) for i, j in pairs})
    return values, seconds * len(layers) ** 2 / len(pairs)


def compare_pooled(features: Features) -> bool:
    """Print the table of features averaged over positions; return whether the claims hold."""
    n, layers = len(next(iter(features.values()))), len(features)
    print(f"\n{layers} x {layers} pairs of layers, {n} samples, averaged over positions: unbiased linear CKA")
    exact = definition(features)
    robustkit_matrix(features)
    (found, _, _), ours = timed(lambda: robustkit_matrix(features))
    error = float(np.abs(found - exact).max())
    line("robustkit, exact, streamed", ours, error)
    peers = []
    for size in PEER_BATCHES:
        for name, compute in (("torch-cka", torch_cka_matrix), ("ckatorch cka_batch", cka_batch_matrix)):
            matrix, seconds = compute(features, size)
            peers.append(seconds)
            line(f"{name}, batches of {size}", seconds, float(np.abs(matrix - exact).max()), ours)
    values, seconds = cka_base_pairs(features)
    peers.append(seconds)
    line("ckatorch cka_base, all samples", seconds, max(abs(v - exact[pair]) for pair, v in values.items()), ours)
    ratio = min(peers) / ours
    print(f"the fastest peer takes {ratio:.1f} times as long; claimed: {LEAST_RATIO:g} or more, error up to {EXACT:g}")
    return ratio >= LEAST_RATIO and error <= EXACT


def compare_flattened(maps: Features) -> None:
    """Print the table of features as they are."""
    most = max(each[0].numel() for each in maps.values())
    print(f"\nthe same of flattened maps, up to {most} features a layer")
    exact = definition(maps)
    (found, spec, said), ours = timed(lambda: robustkit_matrix(maps, pooling="flatten"))
    line("robustkit, projected", ours, float(np.abs(found - exact).max()))
    print(f"  chosen: {spec}; largest standard error it says: {said:g}; mean error {np.abs(found - exact).mean():.4f}")
    for size in PEER_BATCHES:
        matrix, seconds = torch_cka_matrix(maps, size)
        line(f"torch-cka, batches of {size}", seconds, float(np.abs(matrix - exact).max()), ours)


def line(name: str, seconds: float, error: float, ours: float | None = None) -> None:
    """Print one line of a table."""
    ratio = "" if ours is None else f"{seconds / ours:8.1f} x"
    print(f"  {name:34s} {seconds:9.2f} s of CPU   largest error {error:.1e} {ratio}")


def compare_memory() -> bool:
    """Print the peak memory for several numbers of rows; return whether it does not grow."""
    peaks = []
    for rows in ROWS:
        done = subprocess.run(
            [sys.executable, __file__, "--memory", str(rows)], capture_output=True, text=True, check=True
        )
        peaks.append(float(done.stdout))
    shown = ", ".join(f"{rows:,} rows {peak:.0f} MiB" for rows, peak in zip(ROWS, peaks, strict=True))
    print(f"\npeak memory of the process: {shown}")
    return max(peaks) <= FLAT * min(peaks)


def peak_of(rows: int) -> float:
    """Return the peak memory, in MiB, of a process that compares 19 layers over some rows, made batch by batch."""
    widths = {f"layer{k}": (16, 32, 64)[k // 7] for k in range(19)}
    metric, total = Similarity(SimilarityParams(against="layers")), None
    for start in range(0, rows, BATCH):
        random = torch.Generator().manual_seed(start)
        count = min(BATCH, rows - start)
        features = {name: torch.randn(count, width, generator=random) for name, width in widths.items()}
        (batch,) = batches(features)
        state = metric.measure(batch)
        total = state if total is None else metric.merge([total, state])
    assert total is not None
    metric.estimate([total])
    # Not getrusage: it starts from what the parent had when it was forked.
    status = Path("/proc/self/status").read_text("utf8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    raise SystemExit(main())
