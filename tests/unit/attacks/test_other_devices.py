"""Every attack on CUDA: as strong as on the CPU, and inside the ball there too."""

import copy

import pytest
import torch

from robustkit import Keys, ThreatModel
from robustkit.engine.adversarial import largest_norm, perturbation_norm
from robustkit.host import load_host

HOST = load_host()
ENTRIES = [entry for entry in HOST.catalog.all("attack") if entry.plugin == "attacks"]
FAST = {"square": {"queries": 300}, "standard": {"queries": 300, "steps": 20}, "rand": {"steps": 20, "eot": 3}}


def broken(entry, norm, trained_net, device):
    net, inputs, labels = (copy.deepcopy(part).to(device) for part in trained_net)
    threat_model = ThreatModel(norm=norm, eps={"linf": 0.06, "l2": 0.12}[norm])
    attack = HOST.build(entry, FAST.get(entry.component.name, {}))
    keys = Keys(seed=0, stream=entry.qualified, version=1, ids=torch.arange(len(inputs), device=device))
    found = attack.run(net, inputs, labels, threat_model, keys).candidates
    assert found.device == inputs.device
    assert (perturbation_norm(found.double() - inputs.double(), norm) <= largest_norm(threat_model)).all()
    assert ((found >= 0) & (found <= 1)).all()
    return (net(found).argmax(1) != labels).cpu()


@pytest.mark.gpu
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.component.name)
def test_an_attack_is_as_strong_as_on_the_cpu(entry, norm, trained_net):
    here, there = (broken(entry, norm, trained_net, device) for device in ("cpu", "cuda"))
    # The last bits of gradients differ, and so may samples that are just at the edge.
    assert abs(int(here.sum()) - int(there.sum())) <= 4
    assert int((here != there).sum()) <= 8
