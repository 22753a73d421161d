"""Every random corruption against imagecorruptions with its own random numbers: the same distribution of results.

200 images of 32x32 under 5 seeds on either side, at each severity; 100 for motion-blur and snow, of which the reference
makes 1000 a second, 40 for frost (100 a second) and 48 for glass-blur (100 a second). Compared are PSNR, mean, slope
against the image, octaves of the residual's spectrum, share of values changed, and correlation of neighbours. All
comparisons together have a chance of 1 % of one false alarm (Bonferroni); the seeds are fixed. The controls show that
what should be told apart is.
"""

from functools import cache

import numpy as np
import pytest
from scipy.stats import ks_2samp, ttest_1samp

from robustkit_corruptions import elastic_transform, glass_blur, motion_blur, noise

IMAGES = {
    "gaussian-noise": 200, "shot-noise": 200, "impulse-noise": 200, "speckle-noise": 200, "fog": 200,
    "spatter": 200, "elastic-transform": 200, "motion-blur": 100, "snow": 100, "frost": 40, "glass-blur": 48,
}  # fmt: skip
SEEDS = range(5)
SEVERITIES = (1, 2, 3, 4, 5)
STEADY = {"gaussian-noise", "shot-noise", "speckle-noise", "motion-blur", "elastic-transform", "glass-blur"}
"""Those whose mean PSNR these samples know to less than 0.1 dB; of the others single results differ by several."""

OCTAVES = ((1, 2), (2, 4), (4, 8), (8, 17))
STATISTICS = 6 + len(OCTAVES) + 1
FALSE_ALARM = 0.01 / (len(IMAGES) * len(SEVERITIES) * STATISTICS)


def statistics(images, results):
    """Return by name what describes each result, (n,)."""
    residual = results.astype(float) - images
    grey = residual.mean(axis=3)
    spectrum = np.abs(np.fft.fft2(grey)) ** 2
    cycles = np.hypot(*np.meshgrid(*[np.fft.fftfreq(32) * 32] * 2))
    # Steps from pixel to pixel where neither is clipped: their slope is the weight that the image has in the result.
    inside = (results > 0) & (results < 255)
    steps, found_steps = (np.diff(each.astype(float), axis=2) for each in (images, results))
    steps = steps * (inside[:, :, 1:] & inside[:, :, :-1])
    found = {
        "psnr": 10 * np.log10(255**2 / np.maximum((residual**2).mean(axis=(1, 2, 3)), 0.01)),
        "mean": residual.mean(axis=(1, 2, 3)),
        "changed": (np.abs(residual) > 8).mean(axis=(1, 2, 3)),
        "slope": (steps * found_steps).sum(axis=(1, 2, 3)) / np.maximum((steps**2).sum(axis=(1, 2, 3)), 1),
        "correlation down": (grey[:, 1:] * grey[:, :-1]).mean(axis=(1, 2)),
        "correlation across": (grey[:, :, 1:] * grey[:, :, :-1]).mean(axis=(1, 2)),
    }
    for low, high in OCTAVES:
        energy = spectrum[:, (cycles >= low) & (cycles < high)].mean(axis=1)
        found[f"{low} to {high} cycles"] = np.log(energy + 1)
    return found


def measured(produce, images):
    """Return `statistics` under all seeds, each (seeds, n)."""
    each = [statistics(images, produce(seed)) for seed in SEEDS]
    return {name: np.stack([one[name] for one in each]) for name in each[0]}


def disagreements(ours, theirs):
    """Return the statistics in which both sides differ by more than chance allows, with their p."""
    ps = {"psnr as a whole": ks_2samp(ours["psnr"].ravel(), theirs["psnr"].ravel()).pvalue}
    for name in ours:
        # By image: what the image does to the statistic falls out of the difference.
        off = ours[name].mean(axis=0) - theirs[name].mean(axis=0)
        ps[name] = 1.0 if not off.any() else ttest_1samp(off, 0).pvalue
    return {name: float(p) for name, p in ps.items() if not p > FALSE_ALARM}


@pytest.fixture(scope="module")
def compare(parity, make_scenes):
    @cache
    def theirs(name, severity):
        images = make_scenes(IMAGES[name])
        return measured(lambda seed: parity.their_own(name, images, severity, seed), images)

    def compare(name, severity, ours=None, **params):
        images = make_scenes(IMAGES[name])
        found = measured(lambda seed: parity.ours(name, images, ours or severity, seed, **params), images)
        return found, theirs(name, severity)

    return compare


@pytest.mark.parametrize("name", IMAGES)
def test_results_have_the_distribution_of_the_reference(name, compare):
    for severity in SEVERITIES:
        ours, theirs = compare(name, severity)
        assert not disagreements(ours, theirs), f"severity {severity}"
        if name in STEADY:
            off = ours["psnr"].mean(axis=0) - theirs["psnr"].mean(axis=0)
            assert abs(off.mean()) + 2.6 * off.std(ddof=1) / len(off) ** 0.5 <= 0.1


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize(
    ("ours", "params"), [(2, {}), (4, {}), (3, {"profile": "cifar"})], ids=["severity-2", "severity-4", "cifar"]
)
def test_control_other_severities_and_profiles_are_told_apart(name, ours, params, compare):
    assert disagreements(*compare(name, 3, ours, **params))


def test_control_a_true_exchange_of_pixels_in_glass_is_told_apart(compare, monkeypatch):
    monkeypatch.setattr(glass_blur, "copied", glass_blur.exchanged)
    assert disagreements(*compare("glass-blur", 3))


def test_control_a_symmetric_kernel_of_motion_is_told_apart(compare, monkeypatch):
    """The line with its middle on the pixel, of the same weights."""
    line = motion_blur.line

    def centred(radius, sigma, angle):
        found = line(radius, sigma, angle)
        middle = len(found.weights) // 2
        return found._replace(
            down=[down - found.down[middle] for down in found.down],
            right=[right - found.right[middle] for right in found.right],
        )

    monkeypatch.setattr(motion_blur, "line", centred)
    assert disagreements(*compare("motion-blur", 3))


def test_control_biased_counts_are_told_apart(compare, monkeypatch):
    """1 % more photons."""
    counts = noise.photon_counts
    monkeypatch.setattr(noise, "photon_counts", lambda values, photons, u: counts(values, photons * 1.01, u))
    assert disagreements(*compare("shot-noise", 3))


def test_control_more_salt_than_pepper_is_told_apart(compare, monkeypatch):
    """60 % of the impulses white."""
    word = noise._word
    monkeypatch.setattr(noise, "_word", lambda share: word(share * 1.2 if share < 0.09 else share))
    assert disagreements(*compare("impulse-noise", 3))


def test_control_a_wider_smoothing_of_the_elastic_field_is_told_apart(compare, monkeypatch):
    smooth = elastic_transform.smooth_noise
    monkeypatch.setattr(
        elastic_transform,
        "smooth_noise",
        lambda field, sigmas, **options: smooth(field, tuple(1.1 * sigma for sigma in sigmas), **options),
    )
    assert disagreements(*compare("elastic-transform", 3))
