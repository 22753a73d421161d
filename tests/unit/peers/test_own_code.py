"""What is found is what the library finds when it is called by hand, and what it is told arrives."""

import sys

import pytest
import torch

from robustkit import ConfigError, RunError, ThreatModel
from robustkit.testing import attack as kit
from robustkit.testing.watch import make_images, make_keys
from robustkit_peers import autoattack, guest
from robustkit_peers.autoattack import AutoAttack
from robustkit_peers.foolbox import Foolbox
from robustkit_peers.packages import installed
from robustkit_peers.params import AutoAttackParams, FoolboxParams, TorchattacksParams
from robustkit_peers.torchattacks import Torchattacks

SHAPE, N, CLASSES, EPS = (3, 16, 16), 8, 6, 0.03
LINF, L2 = ThreatModel(norm="linf", eps=EPS), ThreatModel(norm="l2", eps=0.3)
WIDE = ThreatModel(norm="linf", eps=0.2)
KEYS = make_keys("own code", N)


@pytest.fixture(autouse=True)
def generators():
    """The libraries are called by hand here, and draw as they like."""
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.fixture
def problem(monkeypatch):
    monkeypatch.setattr(kit, "_CLASSES", CLASSES)
    model, inputs = kit._Toy(SHAPE).eval().requires_grad_(False), make_images(N, SHAPE)
    return model, inputs, model(inputs).argmax(1)


def seeded(call):
    torch.manual_seed(guest._seed(KEYS))
    return call()


@pytest.mark.peers
def test_foolbox_by_hand(problem):
    foolbox = installed("foolbox")[0]
    model, inputs, labels = problem
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    for threat_model, attack, name in (
        (LINF, foolbox.attacks.LinfPGD(abs_stepsize=0.007, steps=5), "LinfPGD"),
        (L2, foolbox.attacks.L2PGD(abs_stepsize=0.007, steps=5), "L2PGD"),
    ):
        by_hand = seeded(lambda a=attack, t=threat_model: a(wrapped, inputs, labels, epsilons=t.eps)[1])
        params = FoolboxParams(attack=name, step_size=0.007, steps=5)
        found = Foolbox(params).run(model, inputs, labels, threat_model, KEYS).candidates
        assert torch.allclose(found, by_hand, rtol=0, atol=1e-7)
        assert not torch.allclose(found, inputs, rtol=0, atol=1e-3)


@pytest.mark.peers
def test_torchattacks_by_hand(problem):
    import torchattacks

    model, inputs, labels = problem
    for threat_model, attack, params in (
        (
            LINF,
            torchattacks.PGD(model, eps=EPS, alpha=0.007, steps=5),
            {"attack": "PGD", "step_size": 0.007, "steps": 5},
        ),
        (
            L2,
            torchattacks.PGDL2(model, eps=0.3, alpha=0.07, steps=5),
            {"attack": "PGDL2", "step_size": 0.07, "steps": 5},
        ),
        (WIDE, torchattacks.Square(model, eps=0.2, n_queries=90), {"attack": "Square", "queries": 90}),
        (L2, torchattacks.APGD(model, norm="L2", eps=0.3, n_restarts=2), {"attack": "APGD", "restarts": 2}),
    ):
        if hasattr(attack, "seed"):
            attack.seed = guest._seed(KEYS)
        by_hand = seeded(lambda a=attack: a(inputs, labels))
        found = Torchattacks(TorchattacksParams(**params)).run(model, inputs, labels, threat_model, KEYS).candidates
        assert torch.allclose(found, by_hand, rtol=0, atol=1e-7), params
        assert not torch.equal(found, inputs)


@pytest.mark.peers
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_autoattack_by_hand(problem, norm):
    import pyautoattack

    model, inputs, labels = problem
    threat_model = LINF if norm == "linf" else ThreatModel(norm="l2", eps=0.5)
    attack = pyautoattack.AutoAttack(
        model, norm={"linf": "Linf", "l2": "L2"}[norm], eps=threat_model.eps, seed=guest._seed(KEYS)
    )
    attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = CLASSES - 1
    by_hand, _ = attack.run_standard_evaluation(inputs, labels)
    found = AutoAttack(AutoAttackParams()).run(model, inputs, labels, threat_model, KEYS)
    # But for the last bits of what lies on the ball's surface.
    assert torch.allclose(found.candidates, by_hand, rtol=0, atol=1e-6)
    assert not torch.equal(by_hand, inputs)


@pytest.mark.peers
def test_the_step_and_the_start_are_what_was_said(problem):
    model, inputs, labels = problem
    told = {"steps": 1, "step_size": 0.011, "random_start": False}
    for attack in (
        Foolbox(FoolboxParams(attack="LinfPGD", **told)),
        Torchattacks(TorchattacksParams(attack="PGD", **told)),
    ):
        found = attack.run(model, inputs, labels, LINF, KEYS).candidates
        assert float((found - inputs).abs().max()) == pytest.approx(0.011, abs=1e-6)


@pytest.mark.peers
@pytest.mark.parametrize(
    "once",
    [Foolbox(FoolboxParams(attack="LinfPGD", steps=4)), Torchattacks(TorchattacksParams(attack="PGD", steps=4))],
    ids=["foolbox", "torchattacks"],
)
def test_restarts_cost_as_much_again(problem, once):
    model, inputs, labels = problem
    weak = ThreatModel(norm="linf", eps=1e-4)  # nothing falls, so that nothing is left out
    more = type(once)(type(once.params)(attack=once.params.attack, steps=4, restarts=3))
    cost, costs = (int(each.run(model, inputs, labels, weak, KEYS).backwards.sum()) for each in (once, more))
    assert (cost, costs) == (4 * N, 12 * N)


@pytest.mark.peers
def test_too_few_classes_are_an_error_that_says_what_can_run(problem, monkeypatch):
    _, inputs, labels = problem
    monkeypatch.setattr(kit, "_CLASSES", 3)
    model = kit._Toy(SHAPE).eval()
    with pytest.raises(ConfigError, match="apgd-t needs at least 4 classes, the model has 3") as caught:
        AutoAttack(AutoAttackParams()).run(model, inputs, labels % 3, LINF, KEYS)
    assert "attacks=[" in caught.value.hint


@pytest.mark.peers
def test_a_failure_inside_a_library_names_it(problem):
    _, inputs, _ = problem
    small = inputs[:, :, :4, :4]
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 6)).requires_grad_(False)
    params = AutoAttackParams(attacks=("square",), queries=5)
    with pytest.raises(RunError, match=r"autoattack-\S+ failed: ZeroDivisionError"):
        AutoAttack(params).run(flat, small, flat(small).argmax(1), ThreatModel(norm="l2", eps=1e-6), KEYS)


@pytest.mark.peers
def test_a_trace_function_survives(problem):
    model, inputs, labels = problem
    before, mine = sys.gettrace(), lambda *_: None
    sys.settrace(mine)
    try:
        AutoAttack(AutoAttackParams(attacks=("apgd-ce",))).run(model, inputs, labels, LINF, KEYS)
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is mine


ORIGINAL = '''
class Member:
    n_restarts = n_queries = n_target_classes = None


class AutoAttack:
    """The constructor and the call of fra31/auto-attack at a392200."""

    def __init__(self, model, norm="Linf", eps=.3, seed=None, verbose=True, attacks_to_run=[], version="standard",
                 is_tf_model=False, device="cuda", log_path=None):
        self.told = dict(norm=norm, eps=eps, verbose=verbose, version=version, device=str(device))
        self.attacks_to_run = attacks_to_run or ["apgd-ce", "apgd-t", "fab-t", "square"]
        self.apgd, self.fab, self.square, self.apgd_targeted = Member(), Member(), Member(), Member()
        made.append(self)

    def run_standard_evaluation(self, x_orig, y_orig, bs=250, return_labels=False, state_path=None):
        self.told["bs"] = bs
        print("it seems to be a randomized defense!")
        return x_orig + 1


made = []
'''


def test_the_authors_own_module_is_called_as_it_wants_to_be_and_preferred(problem, monkeypatch, tmp_path, capsys):
    (tmp_path / "autoattack.py").write_text(ORIGINAL)
    monkeypatch.syspath_prepend(tmp_path)
    model, inputs, labels = problem
    params = AutoAttackParams(attacks=("square", "apgd-ce"), queries=7)
    try:
        assert autoattack.resolve(params, LINF).package == "autoattack-unknown"
        found = AutoAttack(params).run(model, inputs, labels, LINF, KEYS).candidates
        (made,) = sys.modules["autoattack"].made
    finally:
        sys.modules.pop("autoattack", None)
    assert made.told == {"norm": "Linf", "eps": EPS, "verbose": False, "version": "custom", "device": "cpu", "bs": N}
    assert (made.attacks_to_run, made.square.n_queries, made.apgd.n_restarts) == (["square", "apgd-ce"], 7, 1)
    assert made.apgd_targeted.n_target_classes == CLASSES - 1
    assert torch.allclose(found, (inputs + EPS).clamp(max=1), rtol=0, atol=1e-7)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "randomized" in captured.err
