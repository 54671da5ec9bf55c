"""Against other libraries, where they are right, and a pin on every place where they are not.

They are in an environment of their own: `make test-oracles`. Elsewhere this file is skipped.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import CASES, EVERY, TWO_CLASSES, Floats, continuous, stated

from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.binning import ece, rmsce_debiased
from emocal_rl.evaluate.labels import multiclass_brier, ranked_probability
from emocal_rl.evaluate.recalibrate import fit

calibration = pytest.importorskip("calibration", reason="the other libraries are not here: make test-oracles")
torch = pytest.importorskip("torch")
netcal = pytest.importorskip("netcal.metrics")
scoringrules = pytest.importorskip("scoringrules")
torchmetrics = pytest.importorskip("torchmetrics.functional.classification")
model_diagnostics = pytest.importorskip("model_diagnostics.scoring")

SMALL = ("one row", "certain")
INNER = [name for name in EVERY if name not in SMALL]


def tensors(c: Floats, y: Floats) -> tuple[Any, Any]:
    return torch.tensor(c), torch.tensor(y.astype(int))


def their_ece(c: Floats, y: Floats, norm: str = "l1", bins: int = 10) -> float:
    """torchmetrics' calibration error."""
    return float(torchmetrics.binary_calibration_error(*tensors(c, y), n_bins=bins, norm=norm))


# Agreement


@pytest.mark.parametrize("bins", [10, 15])
@pytest.mark.parametrize("name", EVERY)
def test_right_closed_ece_is_that_of_uncertainty_calibration(name: str, bins: int) -> None:
    c, y = CASES[name]
    assert m.ece(c, y, bins=bins) == pytest.approx(calibration.get_ece(c, y.astype(int), num_bins=bins), abs=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_ece_by_value_is_that_of_uncertainty_calibration(name: str) -> None:
    c, y = CASES[name]
    theirs = calibration.get_binning_ce(c, y.astype(int), p=1, debias=False)
    assert m.ece_by_value(c, y) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_equal_mass_without_ties_is_that_of_uncertainty_calibration(seed: int) -> None:
    c, y = continuous(seed)
    assert m.ece_equal_mass(c, y) == pytest.approx(calibration.get_ece_em(c, y.astype(int), num_bins=10), abs=1e-9)


@pytest.mark.parametrize("name", INNER)
def test_debiased_error_is_that_of_uncertainty_calibration(name: str) -> None:
    c, y = CASES[name]
    scheme = calibration.get_equal_prob_bins
    theirs = calibration.lower_bound_scaling_ce(c, y.astype(int), p=2, debias=True, num_bins=10, binning_scheme=scheme)
    assert rmsce_debiased(c, y) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_untied_errors_are_those_of_torchmetrics_and_netcal(seed: int) -> None:
    c, y = continuous(seed)
    assert ece(c, y, closed="left") == pytest.approx(their_ece(c, y), abs=1e-9)
    assert m.rmsce_10(c, y) == pytest.approx(their_ece(c, y, "l2"), abs=1e-9)
    assert m.mce_10(c, y) == pytest.approx(their_ece(c, y, "max"), abs=1e-9)
    assert m.ece_10(c, y) == pytest.approx(netcal.ECE(10).measure(c, y.astype(int)), abs=1e-9)
    assert m.mce_10(c, y) == pytest.approx(netcal.MCE(10).measure(c, y.astype(int)), abs=1e-9)


@pytest.mark.parametrize("name", TWO_CLASSES)
def test_auroc_is_that_of_torchmetrics(name: str) -> None:
    c, y = CASES[name]
    assert m.auroc(c, y) == pytest.approx(
        float(torchmetrics.binary_auroc(*tensors(c, y))), abs=1e-6
    )  # single precision


@pytest.mark.parametrize("name", ["continuous", "stated", "tenths", "lattice", "one value"])
def test_corp_is_that_of_model_diagnostics(name: str) -> None:
    c, y = CASES[name]
    found = model_diagnostics.decompose(y, c, scoring_function=model_diagnostics.SquaredError())
    parts = m.corp(c, y)
    for key in ("miscalibration", "discrimination", "uncertainty"):
        assert getattr(parts, key) == pytest.approx(found[key][0], abs=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_scores_are_those_of_scoringrules(name: str) -> None:
    c, y = CASES[name]
    assert m.brier(c, y) == pytest.approx(np.mean(scoringrules.brier_score(y, c)), abs=1e-12)
    both = np.stack([1 - c, c], 1)
    assert multiclass_brier(both, np.stack([1 - y, y], 1)) == pytest.approx(2 * m.brier(c, y), abs=1e-12)


def test_the_ranked_score_is_that_of_scoringrules_whose_labels_start_at_one() -> None:
    rng = np.random.default_rng(0)
    p, k = rng.dirichlet(np.ones(4), 30), rng.integers(0, 4, 30)
    assert ranked_probability(p, np.eye(4)[k]) == pytest.approx(np.mean(scoringrules.rps_score(k + 1, p)), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_recalibration_is_that_of_netcal_on_clipped_input(seed: int) -> None:
    from netcal.binning import IsotonicRegression
    from netcal.scaling import BetaCalibration, LogisticCalibration, TemperatureScaling

    c, y = stated(seed)
    clipped = np.clip(c, 1e-3, 1 - 1e-3)
    values = np.unique(c)
    pairs = (("temperature", TemperatureScaling, 1e-4), ("platt", LogisticCalibration, 1e-4),
             ("beta", BetaCalibration, 1e-3), ("isotonic", IsotonicRegression, 1e-9))  # fmt: skip
    for name, theirs, tolerance in pairs:
        other = theirs()
        other.fit(clipped, y.astype(int))
        expected = np.asarray(other.transform(np.unique(clipped))).ravel()
        assert fit(name, c, y)(values) == pytest.approx(expected, abs=tolerance), name


# Known divergences, pinned: when one of these fails, that library has changed, and so may the advice in the docs.


def test_torchmetrics_puts_certainty_into_a_bin_of_its_own() -> None:
    c, y = np.array([0.95, 1.0]), np.array([1.0, 0.0])
    assert their_ece(c, y) == pytest.approx(0.525)
    assert ece(c, y, closed="left") == ece(c, y) == pytest.approx(0.475)


def test_torchmetrics_takes_a_confidence_above_one_for_a_logit() -> None:
    c, y = np.array([0.9, 1.2]), np.array([1.0, 0.0])
    squashed = 1 / (1 + np.exp(-c))
    assert their_ece(c, y) == pytest.approx(their_ece(squashed, y), abs=1e-6)


def test_torchmetrics_calls_one_class_zero() -> None:
    with pytest.warns(UserWarning, match="No negative samples"):
        theirs = torchmetrics.binary_auroc(torch.tensor([0.9, 0.5]), torch.tensor([1, 1]))
    assert float(theirs) == 0.0
    assert np.isnan(m.auroc([0.9, 0.5], [1, 1]))


def test_netcal_and_torchmetrics_misplace_what_lies_on_a_floating_point_edge() -> None:
    c, y = np.array([0.3, 0.35]), np.array([1.0, 0.0])
    assert netcal.ECE(10).measure(c, y.astype(int)) == pytest.approx(0.525)  # two bins
    assert ece(c, y, closed="left") == pytest.approx(0.175)  # one


def test_netcals_adaptive_error_is_an_unweighted_mean_over_equal_widths() -> None:
    c, y = continuous(0)
    c, y = np.r_[c, np.full(2000, 0.95)], np.r_[y, np.ones(2000)]
    theirs = netcal.ACE(10).measure(c, y.astype(int))
    index = np.minimum((c * 10).astype(int), 9)
    gaps = [abs(c[index == k].mean() - y[index == k].mean()) for k in range(10)]
    assert theirs == pytest.approx(np.mean(gaps), abs=1e-6)
    assert abs(theirs - m.ece_equal_mass(c, y)) > 0.005


def test_netcal_cannot_make_equal_masses_of_ties() -> None:
    c, y = CASES["stated"]
    with pytest.raises(ValueError, match="smallest edge difference is numerically 0"):
        netcal.ECE(10, equal_intervals=False).measure(c, y.astype(int))
    assert 0 < m.ece_equal_mass(c, y) < 1


def test_netcals_temperature_is_ruined_by_exact_zeros_and_ones() -> None:
    from netcal.scaling import TemperatureScaling

    c, y = CASES["stated"]
    other = TemperatureScaling()
    other.fit(c, y.astype(int))
    theirs = ((np.asarray(other.transform(c)).ravel() - y) ** 2).mean()
    assert theirs > ((fit("temperature", c, y)(c) - y) ** 2).mean() + 0.001


def test_quantile_edges_of_ties_are_theirs() -> None:
    c, y = CASES["stated"]
    theirs = calibration.get_ece_em(c, y.astype(int), num_bins=10)
    assert theirs != pytest.approx(m.ece_equal_mass(c, y), abs=1e-6)


def test_model_diagnostics_needs_more_than_a_row() -> None:
    with pytest.raises(ValueError, match="isotonic"):
        model_diagnostics.decompose([1], [0.5], scoring_function=model_diagnostics.SquaredError())
    assert m.corp([0.5], [1]).miscalibration == pytest.approx(0.25)
