"""Square breaks as much as the reference implementation, and a weakened one does not."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robustkit import Keys, ThreatModel
from robustkit_attacks import square as module
from robustkit_attacks.noise import RandomNoise
from robustkit_attacks.params import NoiseParams, SquareParams
from robustkit_attacks.square import Square
from robustkit_attacks.square_moves import L2Moves, LinfMoves
from robustkit_zoo.assets import ASSETS
from robustkit_zoo.fashion_mnist_mini import FashionMnistMini
from robustkit_zoo.params import FashionMnistMiniParams, SmallCnnParams
from robustkit_zoo.small_cnn import SmallCnn

NORMS = ["linf", "l2"]
EPS = {"linf": 0.15, "l2": 2.0}
REFERENCE = {"linf": 79.0, "l2": 61.4}
"""How many of the 100 images pyautoattack 0.2.0 breaks: SquareAttack(n_queries=300, resc_schedule=False), the mean of
seeds 0 to 4; it asks about the start too."""


def run(params, net, inputs, labels, norm, eps, keys):
    return Square(params).run(net, inputs, labels, ThreatModel(norm=norm, eps=eps), keys)


@pytest.fixture(scope="module")
def robust_net():
    """Return (network, images, labels): the bundled PGD-AT checkpoint and 100 images that it gets right."""
    net = SmallCnn(SmallCnnParams()).eval().requires_grad_(False)
    net.load_state_dict(load_file(ASSETS / "checkpoints" / "fashion-cnn-pgd-at-seed0.safetensors"))
    data = FashionMnistMini(FashionMnistMiniParams(split="test"))
    images, labels = torch.from_numpy(data.read(np.arange(0, 2000, 16))).float() / 255, torch.tensor(data.labels)[::16]
    right = (net(images).argmax(1) == labels).nonzero().flatten()[:100]
    assert len(right) == 100
    return net, images[right], labels[right]


def broken_by_square(robust_net, norm):
    net, images, labels = robust_net
    keys = Keys(seed=0, stream="attacks/square", version=1, ids=torch.arange(100))
    result = run(SquareParams(queries=301), net, images, labels, norm, EPS[norm], keys)
    return int((net(result.candidates).argmax(1) != labels).sum())


def assert_as_strong_as_the_reference(broken, norm):
    assert broken >= REFERENCE[norm] - 2


@pytest.mark.parametrize("norm", NORMS)
def test_it_is_as_strong_as_the_reference(norm, robust_net):
    assert_as_strong_as_the_reference(broken_by_square(robust_net, norm), norm)


def shrink(monkeypatch):
    monkeypatch.setattr(module, "share_at", lambda query, queries, p_init: 1e-9)


def never_accept(monkeypatch):
    for moves in (LinfMoves, L2Moves):
        settle = moves.settle
        monkeypatch.setattr(moves, "settle", lambda self, accepted, settle=settle: settle(self, accepted & False))


def take_no_step(monkeypatch):
    for moves in (LinfMoves, L2Moves):
        monkeypatch.setattr(moves, "propose", lambda self, number: None)
        monkeypatch.setattr(moves, "settle", lambda self, accepted: None)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("weaken", [shrink, never_accept, take_no_step])
def test_control_a_weakened_search_is_not_as_strong(weaken, norm, robust_net, monkeypatch):
    weaken(monkeypatch)
    with pytest.raises(AssertionError):
        assert_as_strong_as_the_reference(broken_by_square(robust_net, norm), norm)


@pytest.mark.parametrize("norm", NORMS)
def test_it_finds_more_than_noise(norm, robust_net, make_keys):
    net, images, labels = robust_net
    threat_model = ThreatModel(norm=norm, eps=EPS[norm])
    by_square, by_noise = (
        (net(attack.run(net, images, labels, threat_model, make_keys(100)).candidates).argmax(1) != labels).sum()
        for attack in (Square(SquareParams(queries=100)), RandomNoise(NoiseParams(draws=100)))
    )
    assert by_square > by_noise + 10
