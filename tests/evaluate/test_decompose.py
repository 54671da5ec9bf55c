"""Decompositions are identities; tests of calibration hold their level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.cells import Sample


def soft(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    c = np.round(rng.beta(4, 2, n), 2)
    return c, rng.binomial(20, np.clip(c - 0.1, 0, 1)) / 20


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("parts", [m.murphy, m.corp])
def test_parts_add_up_to_the_brier_score(seed: int, parts: object) -> None:
    c, y = soft(seed)
    found = parts(c, y)  # type: ignore[operator]
    assert found.miscalibration - found.discrimination + found.uncertainty == pytest.approx(m.brier(c, y), abs=1e-12)


def test_corp_uses_the_isotonic_fit_of_scikit_learn() -> None:
    c, y = soft(0)
    fit = IsotonicRegression().fit_transform(c, y)
    best = float(np.mean(y * (1 - fit) ** 2 + (1 - y) * fit**2))
    assert m.corp(c, y).miscalibration == pytest.approx(m.brier(c, y) - best, abs=1e-9)
    assert m.corp_miscalibration(c, y) == m.corp(c, y).miscalibration
    assert m.corp(c, y).discrimination == pytest.approx(y.mean() * (1 - y.mean()) - best, abs=1e-9)


def test_noise_floor_of_calibrated_hard_rows_is_what_they_show() -> None:
    rng = np.random.default_rng(0)
    c = np.round(rng.random(1000), 1)
    shown = [m.ece_10(c, (rng.random(1000) < c).astype(float)) for _ in range(200)]
    found = m.noise_floor(c, (rng.random(1000) < c).astype(float))
    assert found.design_effect == 1.0
    assert found.floor == pytest.approx(np.mean(shown), rel=0.06)


def test_noise_floor_knows_that_annotator_shares_are_less_noisy() -> None:
    rng = np.random.default_rng(1)
    c = np.round(rng.uniform(0.2, 0.9, 800), 1)
    shown = [m.ece_10(c, rng.binomial(25, c) / 25) for _ in range(200)]
    found = m.noise_floor(c, rng.binomial(25, c) / 25)
    assert found.design_effect == pytest.approx(1 / 25, rel=0.15)  # a share of 25 votes has a 25th of the variance
    assert found.floor == pytest.approx(np.mean(shown), rel=0.12)


def test_noise_floor_grows_when_clusters_err_together() -> None:
    rng = np.random.default_rng(2)
    c = np.repeat(rng.choice([0.3, 0.5, 0.8], 200), 4)
    y = np.repeat((rng.random(200) < c[::4]).astype(float), 4)  # four identical rows per cluster
    found = m.noise_floor(c, y, clusters=np.repeat(np.arange(200), 4))
    assert found.design_effect == pytest.approx(4.0, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("votes", [1, 10])
def test_p_value_holds_its_level_and_has_power(votes: int) -> None:
    rng, rejected = np.random.default_rng(3), []
    for shift in (0.0, 0.15):
        p = []
        for i in range(150):
            c = np.round(rng.uniform(0.3, 0.9, 300), 2)
            y = rng.binomial(votes, c - shift) / votes
            p.append(m.noise_floor(c, y, resamples=300, seed=i).p)
        rejected.append(np.mean(np.array(p) < 0.05))
    assert rejected[0] < 0.1
    assert rejected[1] > 0.9


def test_spiegelhalter_by_hand_and_two_sided() -> None:
    # sum (y-c)(1-2c) = -.08 + .72 + .48 = 1.12; variance .64*.09*2 + .36*.16 = .1728.
    z, _ = m.spiegelhalter([0.9, 0.9, 0.8], [1, 0, 0])
    assert z == pytest.approx(1.12 / math.sqrt(0.1728))
    under = m.spiegelhalter([0.7] * 200, [1] * 200)
    assert under[0] < -5
    assert under[1] < 1e-6
    assert all(math.isnan(x) for x in m.spiegelhalter([0.0, 1.0], [0, 1]))


def test_cox_agrees_with_scikit_learn() -> None:
    c, y = soft(4)
    hard = (np.random.default_rng(0).random(c.size) < y).astype(float)
    x = np.log(np.clip(c, 1e-3, 1 - 1e-3) / (1 - np.clip(c, 1e-3, 1 - 1e-3)))[:, None]
    fit = LogisticRegression(C=np.inf, tol=1e-8).fit(x, hard)
    assert m.cox(c, hard) == pytest.approx((fit.intercept_[0], fit.coef_[0, 0]), abs=1e-4)
    assert all(math.isnan(v) for v in m.cox([0.5, 0.6], [1, 1]))


def test_design_effect_of_nothing_stated_is_one() -> None:
    assert m.design_effect(Sample.of([None, None], [0.5, 0.2]), None) == 1.0


def test_the_noise_floor_of_nothing_is_undefined() -> None:
    assert np.isnan([m.noise_floor([None, None], [1, 0]).ece, m.noise_floor([None, None], [1, 0]).p]).all()
