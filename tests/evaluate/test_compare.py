"""Paired comparisons: exact small cases, level and power, several seeds."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from emocal_rl.errors import UserError
from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.compare import delong, exchanged, mcnemar, paired, pooled_replicates, share_closed, verdict
from emocal_rl.evaluate.metrics import auroc, brier
from emocal_rl.evaluate.resample import Resampler


def pair(seed: int, shift: float, n: int = 240) -> tuple[Sample, Sample, Resampler]:
    """The same answers judged by 20 people; the first system adds ``shift`` to an honest confidence."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.5, 0.9, n)
    y = rng.binomial(20, p) / 20
    noise = rng.normal(0, 0.03, (2, n))
    first = np.clip(p + shift + noise[0], 0.01, 0.99).round(2)
    second = np.clip(p + noise[1], 0.01, 0.99).round(2)
    return Sample.of(first, y), Sample.of(second, y), Resampler.clustered(np.arange(n) // 3, resamples=500, seed=1)


def test_difference_is_second_minus_first_and_paired_intervals_are_narrow() -> None:
    first, second, resampler = pair(0, shift=0.15)
    found = paired(first, second, resampler, ["brier", "overconfidence"])
    d = found["brier"]
    expected = brier(second.confidence, second.correct) - brier(first.confidence, first.correct)
    assert d.value == pytest.approx(expected)
    assert d.low is not None
    assert d.high is not None
    assert d.low < d.value < d.high < 0
    assert d.better is True
    assert d.p == pytest.approx(1 / 2001)  # no exchange of 2,000 comes near: the smallest p there is
    assert found["overconfidence"].better is None  # neither more nor less confidence is better as such
    alone = resampler.replicates(second, ["brier"])["brier"]
    assert d.high - d.low < 0.5 * 4 * alone.std()


def test_worse_is_called_worse() -> None:
    first, second, resampler = pair(0, shift=0.15)
    found = paired(second, first, resampler, ["brier"], permutations=0)["brier"]
    assert found.better is False
    assert found.p is None


def test_a_system_does_not_differ_from_itself() -> None:
    first, _, resampler = pair(2, shift=0.1)
    for name, d in paired(first, first, resampler).items():
        assert d.value == 0, name
        assert (d.low, d.high) == (0, 0), name
        assert d.p == 1, name
        assert d.better is None, name


def test_exchanging_small_samples_gives_the_exact_differences() -> None:
    # Two rows, one unit each. Brier of the first system .25 and .25, of the second 0 and 0: differences -.25, 0, .25.
    first, second = Sample.of([0.5, 0.5], [1, 1]), Sample.of([1.0, 1.0], [1, 1])
    resampler = Resampler.clustered([0, 1], resamples=10)
    drawn = exchanged(first, second, resampler, ["brier"], permutations=4000)["brier"]
    values, counts = np.unique(drawn.round(9), return_counts=True)
    assert values.tolist() == [-0.25, 0, 0.25]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


@pytest.mark.slow
def test_permutation_test_holds_its_level() -> None:
    p = []
    for seed in range(200):
        first, second, resampler = pair(seed, shift=0.0)
        found = paired(first, second, resampler, ["brier"], permutations=300)["brier"].p
        assert found is not None
        p.append(found)
    assert 0.015 < np.mean(np.array(p) < 0.05) < 0.1


def test_verdict_knows_directions() -> None:
    assert verdict("brier", -0.2, -0.1) is True
    assert verdict("brier", 0.1, 0.2) is False
    assert verdict("auroc", 0.1, 0.2) is True
    assert verdict("auroc", -0.1, 0.2) is None
    assert verdict("mean_confidence", 0.1, 0.2) is None
    assert verdict("brier", None, None) is None


def test_share_of_the_gap_closed() -> None:
    # Briers .25 before, .0625 after, 0 at the bound: three quarters.
    y = np.ones(8)
    resampler = Resampler.clustered(np.arange(8), resamples=50)
    systems = [Sample.of(np.full(8, c), y) for c in (0.5, 0.75, 1.0)]
    assert share_closed(systems[0], systems[1], systems[2], resampler) == pytest.approx((0.75, 0.75, 0.75))
    assert np.isnan(share_closed(systems[2], systems[1], systems[2], resampler)[0])


def test_pooled_over_runs_covers_the_spread_of_runs() -> None:
    rng, hits = np.random.default_rng(0), []
    for i in range(400):
        effects = rng.normal(-1.0, 0.5, 5)  # five seeds
        rows = rng.normal(0, 0.2)  # the same rows in each
        values = effects + rows
        drawn = pooled_replicates(values[:, None] + rng.normal(0, 0.2, 1000)[None, :], seed=i)
        low, high = np.quantile(drawn, (0.025, 0.975))
        hits.append(low <= -1.0 <= high)
    assert 0.86 < np.mean(hits) < 0.98  # five runs: somewhat short of 95 %, far from the 60 % of rows alone


def test_mcnemar_by_hand() -> None:
    # Five rows gained, one lost: 2 * (C(6,0) + C(6,1)) / 2^6 = 14 / 64.
    first, second = [0] * 5 + [1] + [1] * 4, [1] * 5 + [0] + [1] * 4
    assert mcnemar(first, second) == pytest.approx(14 / 64)
    assert mcnemar([1, 0], [1, 0]) == 1.0
    with pytest.raises(UserError, match="mcnemar: correctness must be 0 or 1; for annotator shares use the p-value of"):
        mcnemar([0.5], [1])


def test_delong_agrees_with_the_bootstrap() -> None:
    rng = np.random.default_rng(3)
    y = (rng.random(400) < 0.6).astype(float)
    a, b = (np.clip(0.5 + s * (y - 0.5) + rng.normal(0, 0.3, 400), 0, 1).round(2) for s in (0.2, 0.4))
    value, error, p = delong(a, b, y)
    assert value == pytest.approx(roc_auc_score(y, b) - roc_auc_score(y, a))
    resampler = Resampler.clustered(np.arange(400), resamples=2000)
    drawn = [resampler.replicates(Sample.of(c, y), ["auroc"])["auroc"] for c in (a, b)]
    assert error == pytest.approx((drawn[1] - drawn[0]).std(), rel=0.1)
    assert 0 < p < 0.05
    assert delong(a, a, y)[2] == 1.0
    assert np.isnan(delong([0.5, 0.6], [0.4, 0.7], [1, 1])[1])
    assert auroc(a, y) == pytest.approx(roc_auc_score(y, a))


def test_unequal_samples_are_refused() -> None:
    resampler = Resampler.clustered([0, 1], resamples=10)
    with pytest.raises(UserError, match="paired comparison: 2 rows against 1; compare the same rows"):
        paired(Sample.of([0.5, 0.5], [1, 0]), Sample.of([0.5], [1]), resampler)
