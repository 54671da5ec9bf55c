"""Selective prediction: ties by expectation, thresholds that exist, and identities."""

from __future__ import annotations

import numpy as np
import pytest

from emocal_rl.evaluate import metrics as m


def tied(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.round(rng.random(n), 1), (rng.random(n) < 0.6).astype(float)


@pytest.mark.parametrize("seed", range(4))
def test_aurc_is_the_mean_over_random_tie_orders(seed: int) -> None:
    c, y = tied(seed)
    rng, areas = np.random.default_rng(9), []
    for _ in range(4000):
        order = np.lexsort((rng.random(c.size), -c))
        areas.append((np.cumsum(1 - y[order]) / np.arange(1, c.size + 1)).mean())
    assert m.aurc(c, y) == pytest.approx(np.mean(areas), abs=4 * np.std(areas) / np.sqrt(4000) + 1e-9)


def test_aurc_without_ties_is_the_classic_value() -> None:
    # Most confident first: right, wrong, right: risks 0, 1/2, 1/3.
    assert m.aurc([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    # The best order has the error last: risks 0, 0, 1/3.
    assert m.eaurc([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3 - 1 / 9)


@pytest.mark.parametrize("seed", range(4))
def test_augrc_has_its_closed_form(seed: int) -> None:
    c, y = tied(seed)
    a = y.mean()
    assert m.augrc(c, y) == pytest.approx((1 - m.auroc(c, y)) * a * (1 - a) + (1 - a) ** 2 / 2, abs=1e-12)


def test_coverage_at_risk_uses_thresholds_that_exist() -> None:
    # All tied: either everything is answered (risk 1/2) or nothing.
    assert m.coverage_at_risk_10([0.7] * 10, [1, 0] * 5) == 0.0
    # 0.9 x 10 with one error is exactly 10 %: allowed in spite of rounding.
    assert m.coverage_at_risk_10([0.9] * 10 + [0.5] * 10, [1] * 9 + [0] + [0] * 10) == 0.5


def test_threshold_table_has_no_accuracy_where_nothing_is_answered() -> None:
    low, high = m.threshold_table([0.9, 0.6, 0.6], [1, 1, 0], [0.6, 0.95])
    assert low == {"threshold": 0.6, "coverage": 1.0, "accuracy": pytest.approx(2 / 3), "risk": pytest.approx(1 / 3)}
    assert high == {"threshold": 0.95, "coverage": 0.0, "accuracy": None, "risk": None}
