import torch

from robustkit import NoParams
from robustkit_attacks.fgsm import FGSM


def test_it_costs_two_forward_passes_and_one_backward_pass(trained_net, make_keys, linf):
    net, inputs, labels = trained_net
    result = FGSM(NoParams()).run(net, inputs, labels, linf(0.02), make_keys(len(inputs)))
    assert (result.forwards == 2).all()
    assert (result.backwards == 1).all()
    assert torch.equal(result.queries, result.forwards)


def test_what_is_misclassified_already_is_returned_as_it_is(two_classes, make_keys, linf):
    inputs = torch.full((2, 4), 0.5)
    model = two_classes(torch.ones(4), 0.0)
    result = FGSM(NoParams()).run(model, inputs, torch.tensor([0, 1]), linf(0.1), make_keys(2))
    assert torch.equal(result.candidates[0], inputs[0])
    assert torch.allclose(result.candidates[1], torch.tensor(0.4))
    assert result.forwards.tolist() == [1, 2]


def test_a_step_that_lowers_the_loss_is_not_taken(make_keys, linf):
    class Hill(torch.nn.Module):
        """The true class loses most at 0.5; a step of 0.3 overshoots."""

        def forward(self, inputs):
            score = 1 + 50 * (inputs[:, 0] - 0.5) ** 2
            return torch.stack([score, torch.zeros_like(score)], dim=1)

    inputs = torch.tensor([[0.45]])
    result = FGSM(NoParams()).run(Hill(), inputs, torch.tensor([0]), linf(0.3), make_keys(1))
    assert torch.equal(result.candidates, inputs)
