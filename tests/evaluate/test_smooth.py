"""smECE against its definition, integrated by another route."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.smooth import at_bandwidth, kernel, smece


def reference(c: np.ndarray, y: np.ndarray, sigma: float) -> float:
    """The integral row by row with scipy's Gaussian and many reflected images, trapezoid on a fine mesh."""
    t = np.linspace(0, 1, 20_001)
    total = np.zeros_like(t)
    for ci, yi in zip(c, y, strict=True):
        images = [ci + 2 * k for k in range(-6, 7)] + [-ci + 2 * k for k in range(-6, 7)]
        total += (yi - ci) * sum(norm.pdf(t, image, sigma) for image in images)
    return float(np.trapezoid(np.abs(total / len(c)), t))


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.4])
def test_fixed_bandwidth_is_the_integral(sigma: float) -> None:
    rng = np.random.default_rng(5)
    c = np.round(rng.beta(3, 1, 40), 1)  # exact 1.0 among them
    y = rng.integers(0, 5, 40) / 4
    assert (c == 1).any()
    assert float(at_bandwidth(Sample.of(c, y).cells(), sigma)) == pytest.approx(reference(c, y, sigma), abs=1e-5)


@pytest.mark.parametrize("sigma", [0.01, 0.2, 1.0])
def test_no_mass_is_lost_at_the_boundary(sigma: float) -> None:
    assert kernel(np.array([0.0, 0.5, 1.0]), sigma, 4000).sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-6)


def test_value_is_its_own_bandwidth() -> None:
    rng = np.random.default_rng(2)
    c = np.round(rng.random(300), 2)
    y = (rng.random(300) < c**2).astype(float)
    value = smece(c, y)
    assert float(at_bandwidth(Sample.of(c, y).cells(), value)) == pytest.approx(value, abs=1e-5)


def test_perfectly_calibrated_soft_rows_are_zero() -> None:
    assert smece([0.2, 0.7, 1.0], [0.2, 0.7, 1.0]) == pytest.approx(0.0, abs=1e-12)
