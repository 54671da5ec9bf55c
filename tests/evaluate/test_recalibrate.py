"""Recalibration: agreement with scikit-learn, soft labels, single classes, and what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from emocal_rl.errors import UserError
from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.recalibrate import CALIBRATORS, fit, fit_by_task


def overconfident(seed: int, n: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Grid confidences with exact 0 and 1, right less often than stated."""
    rng = np.random.default_rng(seed)
    c = np.round(np.round(rng.beta(4, 1, n) / 0.05) * 0.05, 2)
    return c, (rng.random(n) < 0.35 + 0.4 * c).astype(float)


def logits(c: np.ndarray) -> np.ndarray:
    clipped = np.clip(c, 1e-3, 1 - 1e-3)
    return np.log(clipped / (1 - clipped))


def test_platt_and_beta_agree_with_scikit_learn() -> None:
    c, y = overconfident(0)
    clipped = np.clip(c, 1e-3, 1 - 1e-3)
    for name, features in (
        ("platt", logits(c)[:, None]),
        ("beta", np.stack([np.log(clipped), -np.log(1 - clipped)], 1)),
    ):
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(features, y)
        if name == "platt" or (model.coef_ >= 0).all():
            assert fit(name, c, y)(c) == pytest.approx(model.predict_proba(features)[:, 1], abs=1e-4), name


def test_temperature_is_the_best_single_temperature() -> None:
    c, y = overconfident(1)
    found = fit("temperature", c, y)
    best = m.nll(found(c), y)
    for t in np.geomspace(0.2, 20, 60):
        assert best <= m.nll(1 / (1 + np.exp(-logits(c) / t)), y) + 1e-9
    assert found.parameters["temperature"] > 1  # over-confident: flattened
    assert found.parameters["clip"] == 1e-3


def test_isotonic_agrees_with_scikit_learn_between_the_knots_too() -> None:
    c, y = overconfident(2)
    reference = IsotonicRegression(out_of_bounds="clip").fit(c, y)
    asked = np.linspace(0, 1, 101)
    assert fit("isotonic", c, y)(asked) == pytest.approx(reference.predict(asked), abs=1e-9)


@pytest.mark.parametrize("name", sorted(CALIBRATORS))
def test_soft_labels_equal_doubled_hard_labels(name: str) -> None:
    c, _ = overconfident(3, n=200)
    y = np.random.default_rng(3).integers(0, 5, 200) / 4
    # Four copies of a row with share k/4 are k rights and 4 - k wrongs.
    cc = np.repeat(c, 4)
    yy = np.concatenate([[1.0] * int(4 * v) + [0.0] * (4 - int(4 * v)) for v in y])
    tolerance = 0.06 if name == "venn_abers" else 1e-4  # Venn-Abers adds one row, to 200 or to 800
    assert fit(name, c, y)(c) == pytest.approx(fit(name, cc, yy)(c), abs=tolerance)


@pytest.mark.parametrize("name", sorted(CALIBRATORS))
def test_every_calibrator_helps_and_stays_in_range(name: str) -> None:
    (c, y), (test_c, test_y) = overconfident(4, 3000), overconfident(5, 3000)
    test_c = np.r_[test_c, np.nan]
    mapped = fit(name, c, y)(test_c)
    assert np.isnan(mapped[-1])
    assert ((mapped[:-1] >= 0) & (mapped[:-1] <= 1)).all()
    assert m.brier(mapped[:-1], test_y) < m.brier(test_c[:-1], test_y)
    assert m.ece_10(mapped[:-1], test_y) < m.ece_10(test_c[:-1], test_y)


@pytest.mark.parametrize("name", ["temperature", "platt", "beta"])
def test_monotone_calibrators_cannot_change_the_ranking(name: str) -> None:
    c, y = overconfident(6)
    inside = np.clip(c, 0.05, 0.95)  # ties made by the clip are the clip's, not the method's
    mapped = fit(name, inside, y)(inside)
    assert m.auroc(mapped, y) == pytest.approx(m.auroc(inside, y), abs=1e-12)


@pytest.mark.parametrize("name", sorted(CALIBRATORS))
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_single_class_never_fails(name: str, value: float) -> None:
    found = fit(name, [0.9, 0.8, 0.7], [value] * 3)
    mapped = found([0.9, 0.5])
    assert np.isfinite(mapped).all()
    if name in ("temperature", "platt", "beta"):
        assert found.note == f"{name}: all validation answers are of one class, so the confidences are left as they are"
        assert mapped.tolist() == [0.9, 0.5]


def test_histogram_leaves_empty_bins_alone() -> None:
    found = fit("histogram", [0.95, 0.95, 0.95, 0.95], [1, 0, 0, 1])
    assert found([0.95, 0.35]).tolist() == [0.5, 0.35]
    assert found.parameters["heights"] == [None] * 9 + [0.5]


def test_venn_abers_by_hand() -> None:
    # One value, 3 of 4 right. With the new row wrong 3/5, right 4/5: .8 / (1 - .6 + .8).
    assert fit("venn_abers", [0.9] * 4, [1, 1, 1, 0])([0.9])[0] == pytest.approx(0.8 / 1.2)


def test_by_task_is_the_fit_of_that_tasks_rows_and_pooled_elsewhere() -> None:
    c, y = overconfident(5, n=300)
    tasks = [("a", "b", None)[i % 3] for i in range(300)]
    c[1::3] = np.nan  # nothing to fit on for b
    for name in CALIBRATORS:
        found = fit_by_task(name, Sample.of(c, y), tasks)
        assert set(found.tasks) == {"a"}
        asked = np.array([0.35, 0.9])
        stated = ~np.isnan(c)
        assert found(asked, ["a", "a"]) == pytest.approx(fit(name, c[::3], y[::3])(asked))
        assert found(asked, ["b", None]) == pytest.approx(fit(name, c[stated], y[stated])(asked))
    assert np.isnan(found([None], ["a"])).all()


def test_a_task_of_one_class_says_so() -> None:
    found = fit_by_task("platt", Sample.of([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1]), ["a", "a", "b", "b"])
    assert (
        found.note == "task a: platt: all validation answers are of one class, so the confidences are left as they are"
    )
    assert found([0.9], ["a"]).tolist() == [0.9]


def test_mistakes_are_one_clear_line() -> None:
    with pytest.raises(UserError, match="calibrator 'isotonc' does not exist; choose one of beta, constant, histogram"):
        fit("isotonc", [0.5], [1])
    with pytest.raises(UserError, match="no validation row states a confidence, nothing to fit on"):
        fit("isotonic", [None], [0])
