"""Cases whose worst loss is known exactly."""

import pytest
import torch

from robustkit import NoParams
from robustkit_attacks.fgsm import FGSM
from robustkit_attacks.params import PGDParams
from robustkit_attacks.pgd import PGD


@pytest.mark.parametrize("attack", [FGSM(NoParams()), PGD(PGDParams())], ids=["fgsm", "pgd"])
def test_it_reaches_the_worst_loss_of_a_linear_model(attack, two_classes, make_keys, linf):
    """The loss log(1 + exp(-(w x + b))) is highest where every value moves against its weight as far as it may."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(30, generator=generator)
    inputs = torch.rand(8, 30, generator=generator)
    labels = torch.ones(8, dtype=torch.int64)
    eps = 8 / 255
    result = attack.run(two_classes(weight, 9.0), inputs, labels, linf(eps), make_keys(8))
    worst = (inputs.double() - eps * weight.sign()).clamp(0, 1)
    margin = worst @ weight.double() + 9
    assert (margin > 0).all()
    assert torch.allclose(result.candidates.double(), worst, atol=1e-7)
    assert torch.allclose(result.best_loss, torch.log1p(torch.exp(-margin)), rtol=1e-5)
