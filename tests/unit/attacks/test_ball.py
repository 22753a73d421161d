import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from robustkit import ConfigError, ThreatModel
from robustkit_attacks.ball import linf_limits

UNIT = st.floats(0, 1, width=32)


@given(st.lists(UNIT, min_size=1, max_size=20), st.floats(0, 1))
def test_both_ends_are_inside_exactly_and_as_far_out_as_the_dtype_allows(values, eps):
    inputs = torch.tensor([values], dtype=torch.float32)
    lowest, highest = linf_limits(inputs, ThreatModel(norm="linf", eps=eps))
    exact = inputs.double()
    assert (exact - lowest.double() <= eps).all()
    assert (highest.double() - exact <= eps + 1e-16).all()
    assert (lowest >= 0).all()
    assert (highest <= 1).all()
    assert (lowest <= inputs).all()
    assert (inputs <= highest).all()
    further = torch.nextafter(highest, torch.tensor(2.0)).double()
    assert ((further - exact > eps) | (further > 1)).all()


def test_plain_rounding_would_leave_the_ball():
    """The control: what float32 gives for x + eps is outside for some x."""
    inputs = torch.linspace(0, 0.9, 1000)[None]
    eps = 1 / 255
    assert ((inputs + eps).double() - inputs.double()).max() > eps * (1 + 1e-6)


def test_no_room_leaves_the_inputs():
    inputs = torch.linspace(0, 1, 7)[None]
    lowest, highest = linf_limits(inputs, ThreatModel(norm="linf", eps=0.0))
    assert torch.equal(lowest, inputs)
    assert torch.equal(highest, inputs)


def test_other_norms_are_refused():
    with pytest.raises(ConfigError, match="expected linf, got l2"):
        linf_limits(torch.zeros(1, 2), ThreatModel(norm="l2", eps=0.1))
