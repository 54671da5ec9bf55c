"""The bootstrap: the same replicates as slow resampling, pooling, very many clusters."""

from __future__ import annotations

import numpy as np
import pytest

from emocal_rl.evaluate import metrics as m
from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.resample import MOST, Resampler

LINEAR = ("accuracy", "brier", "auroc", "ece_10", "augrc", "nll")


def clustered(seed: int, clusters: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(clusters), 3)
    level = np.repeat(rng.normal(0, 0.15, clusters), 3)
    c = np.round(rng.uniform(0.4, 0.95, who.size), 2)
    return c, rng.binomial(20, np.clip(c + level, 0, 1)) / 20, who


def test_replicates_are_metrics_of_resampled_clusters() -> None:
    c, y, who = clustered(0, clusters=12)
    c[4] = np.nan  # an unreadable reply
    y[4] = 0
    resampler = Resampler.clustered(who, resamples=25, seed=3)
    fast = resampler.replicates(
        Sample.of(c, y), [*LINEAR, "parse_rate", "mode_mass", "mass_at_one", "entropy", "brier_ece"]
    )
    counts = np.concatenate(list(resampler.counts()))
    for b, drawn in enumerate(counts):
        rows = np.concatenate([np.flatnonzero(who == u) for u, k in enumerate(drawn) for _ in range(int(k))])
        for name, values in fast.items():
            assert values[b] == pytest.approx(float(m.MEASURES[name].core(Sample.of(c[rows], y[rows]).cells()))), name


def test_very_many_clusters_are_drawn_in_groups_with_the_same_interval() -> None:
    who = np.repeat(np.arange(9000), 3)
    rng = np.random.default_rng(0)
    y = np.repeat(rng.random(9000) < 0.7, 3).astype(float)
    resampler = Resampler.clustered(who, resamples=1000)
    assert resampler.chance.size == MOST
    assert len(np.unique(resampler.unit.reshape(-1, 3).std(axis=1))) == 1  # no cluster is torn apart
    drawn = resampler.replicates(Sample.of(np.full(y.size, 0.7), y), ["accuracy"])["accuracy"]
    assert drawn.std() == pytest.approx(np.sqrt(y.mean() * (1 - y.mean()) / 9000), rel=0.08)


def test_independent_rows_pooled_into_cells_resample_as_rows_do() -> None:
    rng = np.random.default_rng(1)
    c, y = np.round(rng.random(300), 1), rng.integers(0, 2, 300).astype(float)
    sample = Sample.of(c, y)
    pooled = Resampler.independent(sample, resamples=4000)
    rows = Resampler.clustered(np.arange(300), resamples=4000)
    assert pooled.chance.size < 30
    for name in LINEAR:
        a, b = pooled.replicates(sample, [name])[name], rows.replicates(sample, [name])[name]
        assert a.mean() == pytest.approx(b.mean(), abs=5 * b.std() / np.sqrt(4000)), name
        assert a.std() == pytest.approx(b.std(), rel=0.06), name


def test_rows_of_two_tasks_are_not_pooled_though_they_look_the_same() -> None:
    c, y = np.full(200, 0.8), np.tile([1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 25)
    tasks = ["a" if i % 8 < 4 else "b" for i in range(200)]
    changed = Sample.of(np.where(np.array(tasks) == "a", 0.75, 0.25), y)  # what a fit by task makes of them
    pooled = Resampler.independent(Sample.of(c, y), tasks=tasks, resamples=4000).replicates(changed, ["brier"])
    rows = Resampler.clustered(np.arange(200), resamples=4000).replicates(changed, ["brier"])
    assert pooled["brier"].std() == pytest.approx(rows["brier"].std(), rel=0.05)
    assert pooled["brier"].mean() == pytest.approx(0.1875, abs=0.002)
