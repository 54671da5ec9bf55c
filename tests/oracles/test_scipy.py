"""Against scikit-learn, scipy and exact fractions, which are installed with the package."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from cases import CASES, EVERY, TWO_CLASSES, Floats, continuous, stated
from scipy.spatial import distance
from scipy.stats import mannwhitneyu
from scipy.stats import norm as normal
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from emocal_rl.errors import UserError
from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.binning import ece
from emocal_rl.evaluate.compare import delong
from emocal_rl.evaluate.labels import f1, label_distribution, multiclass_brier
from emocal_rl.evaluate.measure import MEASURES
from emocal_rl.evaluate.recalibrate import fit


def exact_ece(c: Floats, y: Floats, bins: int, closed: str) -> float:
    """By fractions of the decimals that were stated: no edge can be misplaced."""
    gaps: dict[int, Fraction] = {}
    for value, right in zip(c, y, strict=True):
        stated_value = Fraction(str(round(float(value), 12)))
        scaled = stated_value * bins
        position = math.ceil(scaled) - 1 if closed == "right" else math.floor(scaled)
        index = min(max(position, 0), bins - 1)
        gaps[index] = gaps.get(index, Fraction(0)) + Fraction(int(right)) - stated_value
    return float(sum(map(abs, gaps.values()), Fraction(0)) / len(c))


@pytest.mark.parametrize("closed", ["right", "left"])
@pytest.mark.parametrize("bins", [2, 10, 15, 20, 100])
@pytest.mark.parametrize("name", EVERY)
def test_ece_against_exact_fractions(name: str, bins: int, closed: str) -> None:
    c, y = CASES[name]
    assert ece(c, y, bins=bins, closed=closed) == pytest.approx(exact_ece(c, y, bins, closed), abs=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", EVERY)
def test_proper_scores(name: str) -> None:
    c, y = CASES[name]
    assert m.brier(c, y) == pytest.approx(brier_score_loss(y, c, labels=[0, 1]), abs=1e-12)
    clipped = np.clip(c, m.CLIP, 1 - m.CLIP)
    assert m.nll(c, y) == pytest.approx(log_loss(y, clipped, labels=[0, 1]), abs=1e-12)


@pytest.mark.parametrize("name", TWO_CLASSES)
def test_discrimination(name: str) -> None:
    c, y = CASES[name]
    assert m.auroc(c, y) == pytest.approx(roc_auc_score(y, c), abs=1e-12)
    wins = mannwhitneyu(c[y == 1], c[y == 0]).statistic / (y.sum() * (1 - y).sum())
    assert m.auroc(c, y) == pytest.approx(wins, abs=1e-12)
    assert m.aupr(c, y) == pytest.approx(average_precision_score(y, c), abs=1e-12)
    assert m.aupr_errors(c, y) == pytest.approx(average_precision_score(1 - y, -c), abs=1e-12)


@pytest.mark.parametrize("name", TWO_CLASSES)
def test_augrc_is_its_closed_form(name: str) -> None:
    c, y = CASES[name]
    a = y.mean()
    assert m.augrc(c, y) == pytest.approx((1 - roc_auc_score(y, c)) * a * (1 - a) + (1 - a) ** 2 / 2, abs=1e-9)


def test_aurc_is_the_mean_over_tie_orders() -> None:
    c, y = stated(7, 60, 0.1)
    rng, areas = np.random.default_rng(0), []
    for _ in range(4000):
        order = np.lexsort((rng.random(c.size), -c))
        areas.append((np.cumsum(1 - y[order]) / np.arange(1, c.size + 1)).mean())
    assert m.aurc(c, y) == pytest.approx(np.mean(areas), abs=4 * np.std(areas) / math.sqrt(len(areas)))


@pytest.mark.parametrize("name", EVERY)
def test_corp_and_murphy(name: str) -> None:
    c, y = CASES[name]
    fitted, base = IsotonicRegression(y_min=0, y_max=1).fit_transform(c, y), y.mean()
    parts = m.corp(c, y)
    assert parts.miscalibration == pytest.approx(((c - y) ** 2).mean() - ((fitted - y) ** 2).mean(), abs=1e-9)
    assert parts.discrimination == pytest.approx(((base - y) ** 2).mean() - ((fitted - y) ** 2).mean(), abs=1e-9)
    for found in (parts, m.murphy(c, y)):
        assert found.miscalibration - found.discrimination + found.uncertainty == pytest.approx(m.brier(c, y), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_logistic_recalibration(seed: int) -> None:
    c, y = stated(seed)
    clipped = np.clip(c, 1e-3, 1 - 1e-3)
    logits, logs = np.log(clipped / (1 - clipped)), np.stack([np.log(clipped), -np.log1p(-clipped)], 1)
    platt = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logits[:, None], y)
    assert fit("platt", c, y)(c) == pytest.approx(platt.predict_proba(logits[:, None])[:, 1], abs=1e-5)
    beta = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logs, y)
    if (beta.coef_ >= 0).all():  # beta calibration keeps both slopes from turning
        assert fit("beta", c, y)(c) == pytest.approx(beta.predict_proba(logs)[:, 1], abs=1e-4)
    isotonic = IsotonicRegression(y_min=0, y_max=1).fit(c, y)
    assert fit("isotonic", c, y)(c) == pytest.approx(isotonic.predict(c), abs=1e-9)
    intercept, slope = m.cox(c, y)
    assert (slope, intercept) == pytest.approx((platt.coef_[0, 0], platt.intercept_[0]), abs=1e-4)


def test_spiegelhalter_is_two_sided() -> None:
    c, y = np.full(200, 0.7), np.ones(200)  # strongly under-confident
    z, p = m.spiegelhalter(c, y)
    expected = ((y - c) * (1 - 2 * c)).sum() / math.sqrt(((1 - 2 * c) ** 2 * c * (1 - c)).sum())
    assert z == pytest.approx(expected)
    assert p == pytest.approx(2 * normal.sf(abs(expected)))
    assert p < 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_distances_between_distributions(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p, q = rng.dirichlet(np.ones(6), 20), rng.dirichlet(np.ones(6), 20)
    p[0, 0], q[0, 0] = 0.0, 0.0
    p, q = (x / x.sum(1, keepdims=True) for x in (p, q))
    found = label_distribution(p, q)
    pairs = list(zip(p, q, strict=True))
    assert found["chebyshev"] == pytest.approx(np.mean([distance.chebyshev(a, b) for a, b in pairs]))
    assert found["canberra"] == pytest.approx(np.mean([distance.canberra(a, b) for a, b in pairs]))
    assert found["cosine"] == pytest.approx(np.mean([1 - distance.cosine(a, b) for a, b in pairs]))
    assert found["intersection"] == pytest.approx(np.mean([1 - 0.5 * distance.cityblock(a, b) for a, b in pairs]))


def test_f1_and_the_multi_class_brier() -> None:
    rng = np.random.default_rng(0)
    labels, truth = ["a", "b", "c"], rng.integers(0, 3, 80)
    stated_p = rng.dirichlet(np.ones(3), 80)
    answers = [labels[k] for k in stated_p.argmax(1)]
    truths = [labels[k] for k in truth]
    found = f1(answers, truths, labels)
    for average in ("macro", "weighted"):
        assert found[average] == pytest.approx(
            f1_score(truths, answers, labels=labels, average=average, zero_division=0)
        )
    expected = brier_score_loss(truth, stated_p, labels=[0, 1, 2], scale_by_half=False)
    assert multiclass_brier(stated_p, np.eye(3)[truth]) == pytest.approx(expected)


@pytest.mark.slow
def test_delong_agrees_with_the_bootstrap() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.6).astype(float)
    a, b = np.clip(0.5 + 0.2 * y + rng.normal(0, 0.2, 400), 0, 1), np.clip(0.5 + rng.normal(0, 0.2, 400), 0, 1)
    draws = rng.integers(0, 400, (1500, 400))
    change = [roc_auc_score(y[d], b[d]) - roc_auc_score(y[d], a[d]) for d in draws]
    difference, error, _ = delong(a, b, y)
    assert difference == pytest.approx(roc_auc_score(y, b) - roc_auc_score(y, a), abs=1e-12)
    assert error == pytest.approx(np.std(change), rel=0.08)


# Known divergences: what a reader who recomputes our numbers elsewhere will find.


def test_scikit_learn_gives_no_weights_and_its_log_loss_clips_at_epsilon() -> None:
    c, y = CASES["stated"]
    right, mean = calibration_curve(y, c, n_bins=10)
    assert np.abs(right - mean).mean() != pytest.approx(m.ece_10(c, y), abs=1e-3)
    assert log_loss([0, 1], [1.0, 0.5], labels=[0, 1]) > 18  # one sure miss costs 36 nats
    assert m.nll([1.0, 0.5], [0, 1]) < 4


def test_equal_mass_bins_of_ties_are_ours() -> None:
    """Quantile edges put a tie wholly on one side of an edge; we put it where its middle row is."""
    c, y = continuous(1)
    right, mean = calibration_curve(y, c, n_bins=10, strategy="quantile")
    assert m.ece_equal_mass(c, y) == pytest.approx(np.abs(right - mean).mean(), abs=1e-9)  # 40 rows a bin
    c, y = CASES["stated"]
    right, mean = calibration_curve(y, c, n_bins=10, strategy="quantile")
    assert len(right) < 10


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_empty_input_is_refused_by_every_metric(name: str) -> None:
    with pytest.raises(UserError, match="empty"):
        getattr(m, name)([], [])
