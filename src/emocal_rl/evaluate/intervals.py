"""Metrics with their 95 % intervals and noise floors, by the cluster bootstrap of `resample`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emocal_rl.evaluate.cells import Array, Cells, Clusters, Sample
from emocal_rl.evaluate.decompose import Consistency, consistency, smooth_consistency
from emocal_rl.evaluate.measure import MEASURES, Interval, Metric
from emocal_rl.evaluate.metrics import HEADLINE
from emocal_rl.evaluate.resample import Resampler


# A statistic that is biased as a function of the empirical distribution (an ECE and the mode's mass come out too high,
# an entropy too low) is biased once more in every resample (Efron and Tibshirani 1993, chapter 10): its replicates lie
# around value + bias, the truth around value - bias. A percentile interval is then off by twice the bias; the basic one
# mirrors the replicates at the value and is centred where the truth is (Davison and Hinkley 1997, section 5.2). BCa
# (Efron and Tibshirani, chapter 14) is no way out: on few rows every replicate may lie on one side of the value, its
# bias correction is infinite then. There the mirror image leaves out the value itself, which nobody would understand of
# an interval beside a value; it is reached down or up to it, which can only make it hold the truth more often.
def interval(
    value: float, replicates: Array, kind: Interval, most: float = np.inf
) -> tuple[float | None, float | None]:
    """95 % interval from replicates, which holds the value: percentile, or basic (2 value - quantile) for biased ones.

    The percentile interval of an ECE near calibration never covers the truth; the basic one does far better, and the
    noise floor belongs beside it. It is clipped to [0, most]. None without replicates, or when more than a tenth of
    them are undefined.

    >>> interval(0.5, np.linspace(0, 1, 101), "percentile")
    (0.025, 0.975)
    >>> low, high = interval(0.5, np.linspace(0.6, 0.8, 101), "basic")  # all lie above the value, so the truth below it
    >>> round(low, 3), high
    (0.205, 0.5)
    """
    known = replicates[np.isfinite(replicates)]
    if kind == "none" or not np.isfinite(value) or not known.size or known.size < 0.9 * replicates.size:
        return None, None
    low, high = (float(q) for q in np.quantile(known, (0.025, 0.975)))
    if kind == "basic":
        low, high = max(0.0, 2 * value - high), min(most, max(0.0, 2 * value - low))
    return min(low, value), max(high, value)


def rows_behind(name: str, cells: Cells) -> int:
    """The rows that a metric is over: all attempts, or those that state a confidence."""
    return int(cells.attempts if name in ("accuracy", "parse_rate") else cells.n)


def measured(
    sample: Sample, resampler: Resampler, names: Sequence[str] = HEADLINE, replicates: dict[str, Array] | None = None
) -> dict[str, Metric]:
    """name -> Metric with its interval. ``replicates`` may be passed when they were already drawn."""
    cells, drawn = sample.cells(), replicates or resampler.replicates(sample, names)
    found = {}
    for name in names:
        spec = MEASURES[name]
        value = float(spec.core(cells))
        low, high = interval(value, drawn[name], spec.interval, spec.most)
        found[name] = Metric(name, value, spec.definition, rows_behind(name, cells), low, high, spec.direction)
    return found


def share(
    name: str,
    definition: str,
    flags: Sequence[bool],
    clusters: Clusters,
    resamples: int = 2000,
    seed: int = 0,
) -> Metric:
    """The share of rows (n) with a flag, with the percentile interval of the cluster bootstrap.

    >>> share("late", "late/rows", [True, False], ["a", "b"], resamples=0).value
    0.5
    """
    sample = Sample.of([None] * len(flags), np.zeros(len(flags)), flags)
    resampler = Resampler.of(clusters, sample, resamples=resamples, seed=seed)
    found = measured(sample, resampler, ["parse_rate"])["parse_rate"]
    return Metric(name, found.value, definition, found.n, found.low, found.high)


def smooth_floors(
    sample: Sample, clusters: ArrayLike | Sequence[Any] | None, smece: Metric, resamples: int, seed: int
) -> dict[str, Metric]:
    """The noise floor and p-value that travel with a smECE."""
    n = smece.n
    floor, p = smooth_consistency(sample, clusters, observed=smece.value, resamples=resamples, seed=seed)
    how = "consistency resampling, y* ~ Bernoulli(c)"
    return {
        "smece_floor": Metric("smece_floor", floor, f"smece of calibrated data: {how}", n),
        "smece_p": Metric("smece_p", p, f"p-value of smece: {how}", n),
    }


def floors(test: Consistency, n: int, bins: int = 10) -> dict[str, Metric]:
    """The noise floor and p-value that travel with an ECE."""
    how = f"consistency resampling, y* ~ Bernoulli(c), design effect {test.design_effect:.2f}"
    return {
        f"ece_{bins}_floor": Metric(f"ece_{bins}_floor", test.floor, f"ece/{bins} of calibrated data: {how}", n),
        f"ece_{bins}_p": Metric(f"ece_{bins}_p", test.p, f"p-value of ece/{bins}: {how}", n),
    }


def headline(
    confidence: ArrayLike | Sequence[Any],
    correct: ArrayLike | Sequence[Any],
    *,
    clusters: ArrayLike | Sequence[Any] | None = None,
    readable: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Metric]:
    """The headline metrics of one system with 95 % intervals, and the noise floors of ECE and smECE.

    confidence (n,) with NaN or None where none was stated; correct (n,) in [0, 1]; clusters (n,) labels: rows of one
    label are not independent (None: all are); readable (n,) bool, by default the rows that state a confidence.
    Raises UserError for bad input.

    >>> found = headline([0.9, 0.8, 0.6, 0.7] * 25, [1, 1, 0, 1] * 25)
    >>> found["brier"].definition, round(found["brier"].value, 3), found["brier"].n
    ('brier/expected over annotators', 0.125, 100)
    """
    sample = Sample.of(confidence, correct, readable)
    resampler = (
        Resampler.independent(sample, resamples=resamples, seed=seed)
        if clusters is None
        else Resampler.clustered(clusters, resamples, seed)
    )
    found = measured(sample, resampler)
    n = int(sample.cells().n)
    for bins in (10, 15) if n else ():
        test = consistency(sample, clusters, bins=bins, resamples=resamples, seed=seed)
        found.update(floors(test, n, bins))
    return found | (smooth_floors(sample, clusters, found["smece"], resamples, seed) if n else {})
