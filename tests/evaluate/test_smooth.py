"""smECE against its definition, integrated by another route."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from emocal_rl.evaluate import smooth
from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.decompose import smooth_consistency
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


def test_the_noise_floor_is_what_calibrated_data_show_and_the_test_rejects_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    floors, values, p_values = [], [], []
    for trial in range(60):
        c = rng.choice(np.arange(21) / 20, 300)
        sample = Sample.of(c, (rng.random(300) < c).astype(float))
        floor, p = smooth_consistency(sample, seed=trial, resamples=200)
        floors.append(floor)
        p_values.append(p)
        values.append(smece(sample.confidence, sample.correct))
    assert np.mean(floors) == pytest.approx(np.mean(values), rel=0.1)
    assert np.mean(np.array(p_values) < 0.05) < 0.15
    assert 0.3 < np.median(p_values) < 0.8


def test_over_confidence_is_above_the_floor() -> None:
    rng = np.random.default_rng(1)
    c = rng.choice(np.arange(21) / 20, 600)
    floor, p = smooth_consistency(Sample.of(c, (rng.random(600) < c**2).astype(float)))
    assert floor < 0.05
    assert p < 0.01


@pytest.mark.slow
def test_very_many_values_keep_their_error_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    c = np.random.default_rng(0).random(4200)
    y = (np.random.default_rng(1).random(4200) < c**2).astype(float)
    found = smece(c, y)
    monkeypatch.setattr(smooth, "FINE", 10**6)
    assert found == pytest.approx(smece(c, y), abs=1e-5)


def test_the_floor_of_clustered_rows_is_theirs() -> None:
    rng = np.random.default_rng(2)
    c, clusters = rng.choice(np.arange(21) / 20, 200), np.repeat(np.arange(200), 4)
    copies = [Sample.of(np.repeat(c, 4), np.repeat((rng.random(200) < c).astype(float), 4)) for _ in range(40)]
    floors = [smooth_consistency(sample, clusters, resamples=200)[0] for sample in copies[:8]]
    ignored = smooth_consistency(copies[0], resamples=200)[0]
    shown = np.mean([smece(sample.confidence, sample.correct) for sample in copies])
    assert np.mean(floors) == pytest.approx(shown, rel=0.12)
    assert ignored < 0.75 * shown
