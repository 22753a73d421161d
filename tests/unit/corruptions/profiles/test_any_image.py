"""Whatever the image, the profile and the severity: no exception, the image's form and range, one sample at a time."""

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import robustkit_corruptions

NAMES = [declared.name for declared in robustkit_corruptions.robustkit_perturbations()]
PROFILES = ["cifar", "tiny-imagenet", "imagenet", "inception", "imagecorruptions"]


@st.composite
def batches(draw):
    """Three images of one form: noise, a flat one, and one of few levels."""
    shape = draw(st.integers(1, 5)), draw(st.integers(8, 40)), draw(st.integers(8, 40))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    noise = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    flat = torch.full_like(noise, draw(st.sampled_from([0, 1, 128, 254, 255])))
    few = torch.randint(0, 2, shape, dtype=torch.uint8, generator=generator) * 255
    images = torch.stack([noise, flat, few])
    dtype = draw(st.sampled_from([torch.uint8, torch.float16, torch.float32, torch.float64]))
    return images if dtype == torch.uint8 else (images / 255).to(dtype)


@given(
    name=st.sampled_from(NAMES),
    profile=st.sampled_from(PROFILES),
    mode=st.sampled_from(["reference", "fixed"]),
    images=batches(),
    severities=st.lists(
        st.one_of(st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0]), st.floats(0.05, 5)), min_size=3, max_size=3
    ),
)
@settings(
    max_examples=600,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_batch_keeps_its_form_and_its_samples_do_not_know_one_another(
    degraded, name, profile, mode, images, severities
):
    before = images.clone()
    result = degraded(name, images, severities, ids=[3, 2**50, 7], profile=profile, mode=mode)
    assert (result.dtype, result.shape) == (images.dtype, images.shape)
    assert torch.isfinite(result.double()).all()
    assert 0 <= result.min() <= result.max() <= (255 if images.dtype == torch.uint8 else 1)
    assert torch.equal(images, before)
    swapped = degraded(name, images[[2, 0]], [severities[2], severities[0]], ids=[7, 3], profile=profile, mode=mode)
    assert torch.equal(swapped, result[[2, 0]])
    assert torch.equal(degraded(name, images[1:2], severities[1], ids=[2**50], profile=profile, mode=mode), result[1:2])
