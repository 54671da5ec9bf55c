"""Golden numbers by hand, agreement with scikit-learn, and what soft correctness means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from emocal_rl.errors import UserError
from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.measure import MEASURES
from emocal_rl.evaluate.systems import diagnostics

Floats = NDArray[np.float64]


def stated(seed: int, n: int = 400, step: float = 0.05) -> tuple[Floats, Floats]:
    """Confidences on a grid that includes exact 0 and 1, correctness 0 or 1."""
    rng = np.random.default_rng(seed)
    c = np.round(np.round(rng.beta(4, 1.5, n) / step) * step, 2)
    return c, (rng.random(n) < 0.2 + 0.6 * c).astype(np.float64)


def doubled(c: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Every row once as right with weight y, once as wrong with weight 1 - y."""
    return np.r_[c, c], np.r_[np.ones_like(y), np.zeros_like(y)], np.r_[y, 1 - y]


def test_golden_numbers_of_soft_rows() -> None:
    # Two rows: c .8 judged right by all, c .6 by half.
    c, y = [0.8, 0.6], [1.0, 0.5]
    assert m.accuracy(c, y) == pytest.approx(0.75)
    assert m.brier(c, y) == pytest.approx((0.04 + 0.5 * 0.16 + 0.5 * 0.36) / 2)  # = .15
    assert m.brier_skill(c, y) == pytest.approx(1 - 0.15 / (0.75 * 0.25))  # = .2
    assert m.nll(c, y) == pytest.approx(-(math.log(0.8) + 0.5 * math.log(0.6) + 0.5 * math.log(0.4)) / 2)
    # Right mass 1 at .8 and .5 at .6, wrong mass .5 at .6: (1 * .5 + .5 * .25) / (1.5 * .5)
    assert m.auroc(c, y) == pytest.approx(0.625 / 0.75)
    assert m.overconfidence(c, y) == pytest.approx(0.7 - 0.75)
    assert m.sharpness(c, y) == pytest.approx((0.16 + 0.24) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_hard_labels_agree_with_scikit_learn(seed: int) -> None:
    c, y = stated(seed)
    assert m.brier(c, y) == pytest.approx(brier_score_loss(y, c), abs=1e-12)
    assert m.auroc(c, y) == pytest.approx(roc_auc_score(y, c), abs=1e-12)
    assert m.aupr(c, y) == pytest.approx(average_precision_score(y, c), abs=1e-12)
    assert m.aupr_errors(c, y) == pytest.approx(average_precision_score(1 - y, -c), abs=1e-12)
    assert m.nll(c, y) == pytest.approx(log_loss(y, np.clip(c, 1e-3, 1 - 1e-3)), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_soft_labels_agree_with_scikit_learn_on_doubled_rows(seed: int) -> None:
    c, y = stated(seed)[0], np.random.default_rng(seed).integers(0, 21, 400) / 20
    cc, yy, w = doubled(c, y)
    assert m.auroc(c, y) == pytest.approx(roc_auc_score(yy, cc, sample_weight=w), abs=1e-12)
    assert m.aupr(c, y) == pytest.approx(average_precision_score(yy, cc, sample_weight=w), abs=1e-12)
    assert m.brier(c, y) == pytest.approx(brier_score_loss(yy, cc, sample_weight=w), abs=1e-12)


@pytest.mark.parametrize("bins", [5, 10, 15, 20])
def test_ece_agrees_with_scikit_learns_right_closed_bins(bins: int) -> None:
    c, y = stated(3)
    right, mean = calibration_curve(y, c, n_bins=bins)
    edges = np.linspace(0, 1, bins + 1)
    count = np.bincount(np.searchsorted(edges[1:-1], c), minlength=bins)
    expected = (count[count > 0] * np.abs(right - mean)).sum() / c.size
    assert m.ece(c, y, bins=bins) == pytest.approx(expected, abs=1e-12)


def test_lattice_values_fall_into_their_bins_in_spite_of_floats() -> None:
    tenths = np.arange(11) / 10
    assert m.bin_of(tenths, 10).tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert m.bin_of(tenths, 10, "left").tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9]
    hundredths = np.arange(101) / 100
    assert m.bin_of(hundredths, 100).tolist() == [0, *range(100)]


def test_certain_and_wrong_is_counted_whole() -> None:
    # Half of the rows say 1.0 and are wrong: dropping 1.0 or halving its mass would hide it.
    c, y = [1.0] * 5 + [0.5] * 10, [0] * 5 + [1, 0] * 5
    assert m.ece_10(c, y) == pytest.approx(5 / 15)
    assert m.mce_10(c, y) == pytest.approx(1.0)
    assert m.rmsce_10(c, y) == pytest.approx(math.sqrt(5 / 15))
    assert m.smece([1.0, 1.0, 0.5, 0.5], [0, 0, 1, 0]) == pytest.approx(0.5, abs=1e-3)


def test_left_and_right_closed_differ_where_they_should() -> None:
    c, y = [0.9, 0.95], [1, 0]
    assert m.ece(c, y) == pytest.approx((0.1 + 0.95) / 2)  # (0.8, 0.9] and (0.9, 1]
    assert m.ece(c, y, closed="left") == pytest.approx(abs(0.5 - 0.925))  # both in [0.9, 1]


def test_equal_mass_bins_never_split_a_tie() -> None:
    rng = np.random.default_rng(0)
    c, y = np.r_[np.full(60, 0.9), np.full(40, 0.5)], (rng.random(100) < 0.7).astype(float)
    shuffled = rng.permutation(100)
    # Two values, ten bins asked: two bins obtained, whatever the order of the file.
    assert m.ece_equal_mass(c, y) == pytest.approx(m.ece_by_value(c, y))
    assert m.ece_equal_mass(c[shuffled], y[shuffled]) == pytest.approx(m.ece_equal_mass(c, y))


def test_debiased_rmsce_by_hand() -> None:
    # One bin, c .8, four rows, three right: gap .05, variance of the mean .75 * .25 / 3 = .0625 > gap^2.
    assert m.rmsce_debiased([0.8] * 4, [1, 1, 1, 0]) == 0.0
    # c .2: gap .55; .3025 - .0625 = .24.
    assert m.rmsce_debiased([0.2] * 4, [1, 1, 1, 0]) == pytest.approx(math.sqrt(0.24))
    assert m.rmsce_debiased([0.9], [0]) == 0.0  # a bin with one row has no variance estimate


def test_unreadable_replies_cost_accuracy_and_nothing_else() -> None:
    c, y = [0.9, 0.6, None, None], [1, 0, 0, 0]
    assert m.accuracy(c, y) == 0.25
    assert m.parse_rate(c, y) == 0.5
    assert m.brier(c, y) == m.brier([0.9, 0.6], [1, 0])
    assert m.auroc(c, y) == 1.0


@pytest.mark.parametrize(
    ("c", "y", "undefined"),
    [
        ([0.9, 0.5], [1, 1], {"auroc", "brier_skill", "aupr_errors"}),
        ([0.9, 0.5], [0, 0], {"auroc", "brier_skill", "aupr"}),
        ([0.9], [1], {"auroc", "brier_skill", "aupr_errors"}),
        ([0.0, 1.0], [0, 1], set()),
    ],
)
def test_one_class_or_one_row_is_undefined_and_never_a_warning(
    c: list[float], y: list[int], undefined: set[str]
) -> None:
    cells = Sample.of(c, y).cells()
    values = {name: float(spec.core(cells)) for name, spec in MEASURES.items()}
    assert {name for name, v in values.items() if math.isnan(v)} == undefined


def test_no_confidence_at_all_is_undefined_and_never_a_warning() -> None:
    cells = Sample.of([None, None], [1, 0]).cells()
    defined = {k for k, spec in MEASURES.items() if np.isfinite(spec.core(cells))}
    assert defined == {"accuracy", "parse_rate", "distinct"}


@pytest.mark.parametrize(
    ("c", "y", "said"),
    [
        ([0.5, 85.0], [1, 0], "confidence: 1 of 2 values lie outside [0, 1], for example 85"),
        ([85.0, 90.0], [1, 0], "divide percentages by 100"),
        (["high"], [1], "confidence: expected numbers in [0, 1], got 'high'; parse the text first"),
        ([0.5], [1, 0], "correct: 2 values for 1 confidences; the two must be parallel"),
        ([], [], "confidence and correct are empty: a metric needs at least one row"),
        ([0.5], [None], "correct: 1 of 1 values are missing; grade every row (a fault counts 0)"),
        ([0.5], [2], "correct: 2 lies outside [0, 1]; give 0/1 or the share of annotators who agree"),
        ([1, 0, 1], [0.9, 0.8, 0.35], "arguments swapped? The order is (confidence, correct)"),
    ],
)
def test_bad_input_is_one_clear_line(c: list[object], y: list[object], said: str) -> None:
    with pytest.raises(UserError) as problem:
        m.brier(c, y)
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=60), st.randoms())
@settings(max_examples=60, deadline=None)
def test_every_registered_metric_ignores_row_order_and_whole_repetition(
    rows: list[tuple[int, int]], random: object
) -> None:
    c, y = np.array([a for a, _ in rows]) / 20, np.array([b for _, b in rows]) / 20
    order = np.random.default_rng(len(rows)).permutation(c.size)
    counting = {"aurc", "eaurc"}  # means over the k most confident: they depend on n itself
    for name, spec in MEASURES.items():
        value = float(spec.core(Sample.of(c, y).cells()))
        shuffled = float(spec.core(Sample.of(c[order], y[order]).cells()))
        assert shuffled == pytest.approx(value, abs=1e-9, nan_ok=True), name
        if name not in counting:
            repeated = float(spec.core(Sample.of(np.tile(c, 3), np.tile(y, 3)).cells()))
            assert repeated == pytest.approx(value, abs=2e-6, nan_ok=True), name


def test_every_registered_metric_is_vectorised_over_resamples() -> None:
    c, y = stated(1)
    cells = Sample.of(c, y).cells()
    batch = m.Cells(cells.values, *(np.stack([x, 2 * x, 3 * x]) for x in (cells.weight, cells.right)),
                    *(np.stack([x, 2 * x, 3 * x]) for x in (cells.attempts, cells.credit, cells.readable)))  # fmt: skip
    for name, spec in MEASURES.items():
        if spec.interval != "none":
            rough = 2e-3 if name == "smece" else 1e-9  # the batch form of smECE interpolates
            values = spec.core(batch)
            assert values.shape == (3,), name
            assert values[0] == pytest.approx(float(spec.core(cells)), abs=rough), name


def test_diagnostics_say_over_how_many_rows_each_is() -> None:
    found = diagnostics(Sample.of([0.9, None, None], [1, 1, 0]))
    assert {name: found[name]["n"] for name in ("accuracy", "parse_rate", "brier")} == {
        "accuracy": 3, "parse_rate": 3, "brier": 1
    }  # fmt: skip
