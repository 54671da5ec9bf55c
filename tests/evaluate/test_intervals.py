"""Intervals: honest coverage, clusters, floors, speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emocal_rl.evaluate import cells
from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.intervals import headline, interval, measured
from emocal_rl.evaluate.measure import MEASURES
from emocal_rl.evaluate.resample import Resampler


@pytest.mark.slow
def test_confidences_that_differ_in_every_row_are_resampled_on_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    c = np.random.default_rng(0).random(2500)
    y = (np.random.default_rng(1).random(2500) < c**2).astype(float)
    found = headline(c, y, resamples=200)
    monkeypatch.setattr(cells, "GRID", 10**6)
    exact = headline(c, y, resamples=200)
    for name in ("brier", "auroc", "ece_10", "smece", "nll", "augrc"):
        assert found[name].value == exact[name].value
        assert (found[name].low, found[name].high) == pytest.approx((exact[name].low, exact[name].high), abs=1e-3)
    assert found["ece_10_floor"].value == pytest.approx(exact["ece_10_floor"].value, abs=5e-4)
    assert found["smece_floor"].value == pytest.approx(exact["smece_floor"].value, abs=5e-4)


def test_clusters_widen_the_interval_when_they_err_together() -> None:
    c = np.repeat(np.random.default_rng(2).uniform(0.3, 0.9, 100).round(1), 5)
    y = np.repeat((np.random.default_rng(3).random(100) < 0.6).astype(float), 5)
    wide = headline(c, y, clusters=np.repeat(np.arange(100), 5))["accuracy"]
    narrow = headline(c, y)["accuracy"]
    assert wide.low is not None
    assert wide.high is not None
    assert narrow.low is not None
    assert narrow.high is not None
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(np.sqrt(5), rel=0.12)


@pytest.mark.slow
def test_intervals_cover_the_truth() -> None:
    rng, hits = np.random.default_rng(4), {"brier": [], "accuracy": [], "overconfidence": []}
    grid = np.linspace(0.4, 0.95, 56).round(2)
    truth = {"brier": float(np.mean((grid - 0.1) * (1 - grid) ** 2 + (1.1 - grid) * grid**2)),
             "accuracy": float(grid.mean() - 0.1), "overconfidence": 0.1}  # fmt: skip
    for i in range(300):
        who = np.repeat(np.arange(60), 2)
        c = rng.choice(grid, 120)
        y = rng.binomial(1, c - 0.1).astype(float)
        found = headline(c, y, clusters=who, resamples=400, seed=i)
        for name, value in truth.items():
            low, high = found[name].low, found[name].high
            assert low is not None
            assert high is not None
            hits[name].append(low <= value <= high)
    for name, covered in hits.items():
        assert 0.91 < np.mean(covered) < 0.98, name


def test_basic_interval_of_ece_reaches_zero_where_the_percentile_one_cannot() -> None:
    rng = np.random.default_rng(5)
    c = rng.choice([0.2, 0.4, 0.6, 0.8], 400)
    found = headline(c, (rng.random(400) < c).astype(float))["ece_10"]
    assert found.low == 0.0
    value, draws = 0.03, np.linspace(0.02, 0.08, 1001)
    assert interval(value, draws, "basic") == pytest.approx((0.0, 0.06 - 0.0215), abs=1e-9)
    assert interval(value, draws, "percentile") == pytest.approx((0.0215, 0.0785), abs=1e-9)


def test_undefined_or_unwanted_intervals_are_none() -> None:
    draws = np.r_[np.full(20, np.nan), np.ones(80)]
    assert interval(1.0, draws, "percentile") == (None, None)
    assert interval(1.0, np.ones(10), "none") == (None, None)
    none = headline([0.9, 0.6, 0.3], [1, 1, 0], resamples=0)
    assert none["brier"].low is None
    assert none["brier"].value == pytest.approx((0.01 + 0.16 + 0.09) / 3)


def test_same_seed_same_numbers_and_every_number_has_a_definition() -> None:
    rng, who = np.random.default_rng(6), np.repeat(np.arange(80), 3)
    c = np.round(rng.uniform(0.4, 0.95, 240), 2)
    y = rng.binomial(20, c) / 20
    first, second = (headline(c, y, clusters=who, seed=7, resamples=200) for _ in range(2))
    assert first == second
    floors = {f"{name}_{part}" for name in ("ece_10", "ece_15", "smece") for part in ("floor", "p")}
    assert set(m.HEADLINE) | floors == set(first)
    for metric in first.values():
        assert metric.definition
        assert metric.n == 240
        alone = metric.name == "distinct" or metric.name in floors  # these have no interval, all others do
        assert (metric.low is None) == alone, metric.name
    assert first["ece_10"].definition == "ece/10/right-closed"


def test_a_million_rows_take_no_longer_than_counting_them() -> None:
    rng = np.random.default_rng(8)
    c = np.round(rng.beta(5, 2, 200_000) * 20) / 20
    y = (rng.random(200_000) < c).astype(float)
    start = time.process_time()
    headline(c, y)
    assert time.process_time() - start < 20  # about 0.5 s; index resampling would take minutes


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 4), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_interval_holds_its_value_and_stays_in_its_range(rows: list[tuple[int, int, bool]]) -> None:
    """On few rows all replicates of an entropy lie below it, and those of a mode's mass above."""
    sample = Sample.of([None if silent else c / 10 for c, _, silent in rows], [y / 4 for _, y, _ in rows])
    for draws in (Resampler.independent(sample, resamples=60), Resampler.clustered([c for c, _, _ in rows], 60)):
        found = measured(sample, draws, [name for name, spec in MEASURES.items() if spec.interval != "none"])
        for name, metric in found.items():
            if metric.low is not None and metric.high is not None:
                assert metric.low <= metric.value <= metric.high, (name, metric)
                assert MEASURES[name].interval == "percentile" or 0 <= metric.low <= metric.high <= MEASURES[name].most


@pytest.mark.parametrize(("name", "truth"), [("entropy", np.log(5)), ("mode_mass", 0.2)])
def test_the_interval_of_a_biased_statistic_covers_the_truth(name: str, truth: float) -> None:
    """Twenty rows, five confidences equally often: a percentile interval would be off by twice the bias."""
    rng, hits = np.random.default_rng(0), {"own": 0, "percentile": 0}
    for seed in range(100):
        sample = Sample.of(rng.integers(0, 5, 20) / 5, np.ones(20))
        draws = Resampler.independent(sample, resamples=200, seed=seed)
        drawn = draws.replicates(sample, [name])
        own = measured(sample, draws, [name], drawn)[name]
        assert own.low is not None
        assert own.high is not None
        hits["own"] += own.low <= truth <= own.high
        low, high = interval(own.value, drawn[name], "percentile")
        assert low is not None
        assert high is not None
        hits["percentile"] += low <= truth <= high
    assert hits["own"] >= 85
    assert hits["percentile"] <= 10
