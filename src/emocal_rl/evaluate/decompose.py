"""What a Brier score is made of (Murphy, CORP), and tests of calibration (noise floor, Spiegelhalter, Cox)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression
from scipy.stats import norm

from emocal_rl.evaluate.binning import bin_of, pooled
from emocal_rl.evaluate.cells import Array, Cells, Ints, Sample, _sum, ratio
from emocal_rl.evaluate.logistic import fit_logistic, logit
from emocal_rl.evaluate.measure import measure
from emocal_rl.evaluate.smooth import fixed_point, null_values


@dataclass(frozen=True)
class Parts:
    """Brier = miscalibration - discrimination + uncertainty. Lower, higher, given."""

    miscalibration: float
    discrimination: float
    uncertainty: float


def _parts(cells: Cells, fitted: Array) -> Parts:
    n, p, v = float(cells.n) or float("nan"), float(cells.base), cells.values
    return Parts(
        float((cells.weight * (v - fitted) * (v + fitted - 2 * ratio(cells.right, cells.weight))).sum() / n),
        float((cells.weight * (fitted - p) * (2 * ratio(cells.right, cells.weight) - fitted - p)).sum() / n),
        p * (1 - p),
    )


def isotonic_fit(cells: Cells) -> Array:
    """Non-decreasing least-squares fit (K,) of correctness on the stated values: the CORP recalibration curve."""
    if not cells.values.size:
        return cells.values
    fit = isotonic_regression(ratio(cells.right, cells.weight), weights=cells.weight, increasing=True)
    return np.asarray(fit.x, np.float64)


def murphy(confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> Parts:
    """Murphy's (1973) decomposition over distinct values, where it is an exact identity (over bins it is not).

    ``miscalibration`` is reliability (lower is better), ``discrimination`` is resolution (higher is better).

    >>> murphy([0.5, 0.5, 1.0, 1.0], [1, 0, 1, 1])
    Parts(miscalibration=0.0, discrimination=0.0625, uncertainty=0.1875)
    """
    cells = Sample.of(confidence, correct).cells()
    return _parts(cells, ratio(cells.right, cells.weight))


def corp(confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> Parts:
    """CORP decomposition (Dimitriadis, Gneiting and Jordan, PNAS 2021): as Murphy's, with the isotonic fit.

    In-sample, hence optimistic for small n.

    >>> corp([0.9, 0.6], [0, 1])
    Parts(miscalibration=0.235, discrimination=0.0, uncertainty=0.25)
    """
    cells = Sample.of(confidence, correct).cells()
    return _parts(cells, isotonic_fit(cells))


@measure("corp miscalibration/brier minus brier of the isotonic fit", "lower", "none")
def corp_miscalibration(cells: Cells) -> Array:
    """Brier score lost to miscalibration (CORP MCB), in [0, 1]; lower is better."""
    return np.asarray(_parts(cells, isotonic_fit(cells)).miscalibration)


@measure("corp discrimination/brier won over the base rate by the isotonic fit", "higher", "none")
def corp_discrimination(cells: Cells) -> Array:
    """Brier score won by telling right from wrong (CORP DSC), in [0, 0.25]; higher is better."""
    return np.asarray(_parts(cells, isotonic_fit(cells)).discrimination)


@dataclass(frozen=True)
class Consistency:
    """ECE of calibrated data like this: its mean (``floor``), its 95th percentile, and the p-value of the ECE.

    ``design_effect`` is the noise of these labels relative to independent coin flips: below 1 for annotator shares,
    above 1 when the rows of a cluster go wrong together.
    """

    ece: float
    floor: float
    high: float
    p: float
    design_effect: float


def design_effect(sample: Sample, clusters: ArrayLike | None, bins: int = 10) -> float:
    """Variance of binned correctness over clusters, relative to independent Bernoulli labels with the same means.

    Exactly 1 for hard labels of rows that are each a cluster of their own: the Bernoulli null needs no correction.
    """
    stated = ~np.isnan(sample.confidence)
    y = sample.correct[stated]
    block = np.arange(y.size) if clusters is None else np.unique(np.asarray(clusters)[stated], return_inverse=True)[1]
    if not stated.any() or (block.max() == y.size - 1 and np.isin(y, (0.0, 1.0)).all()):
        return 1.0
    member = bin_of(sample.confidence[stated], bins)
    filled = np.bincount(member, minlength=bins)
    mean = np.bincount(member, y, minlength=bins) / np.maximum(filled, 1)
    residual, expected = y - mean[member], (mean * (1 - mean))[member].sum()
    sums = np.bincount(block * bins + member, residual)
    freedom = y.size / max(y.size - int((filled > 0).sum()), 1)  # the means were estimated from the same rows
    return float(freedom * (sums**2).sum() / expected) if expected > 0 else 1.0


def consistency(
    sample: Sample, clusters: ArrayLike | None = None, *, bins: int = 10, resamples: int = 2000, seed: int = 0
) -> Consistency:
    """Consistency resampling (Broecker and Smith 2007) of the ECE: draw y* ~ Bernoulli(c), recompute, repeat.

    For soft or clustered labels the drawn deviations are scaled by the square root of the design effect. At least 200
    draws are made, so that the floor is known even where no intervals are wanted. NaN where no row states a confidence.
    """
    resamples = max(resamples, 200)
    cells, effect = sample.cells(), design_effect(sample, clusters, bins)
    if not cells.values.size:
        nothing = float("nan")
        return Consistency(nothing, nothing, nothing, nothing, effect)
    _, right, stated = pooled(cells, bin_of(cells.values, bins), bins)
    observed = float(np.abs(right - stated).sum() / cells.n)
    drawn = sample.coarse.cells()
    noise = _null_gaps(drawn, bin_of(drawn.values, bins), bins, resamples, np.random.default_rng(seed))
    null = np.abs(noise).sum(axis=-1) * np.sqrt(effect) / float(cells.n)
    p = (1 + int((null >= observed - 1e-12).sum())) / (1 + resamples)
    return Consistency(observed, float(null.mean()), float(np.quantile(null, 0.95)), p, effect)


def smooth_consistency(
    sample: Sample,
    clusters: ArrayLike | None = None,
    *,
    observed: float | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """(floor, p) of the smECE: as ``consistency``, with at most 500 draws, which know the floor well enough.

    observed: the sample's smECE, where it is known already.

    >>> floor, p = smooth_consistency(Sample.of([0.5] * 100, [1, 0] * 50))
    >>> round(floor, 2), p
    (0.04, 1.0)
    """
    observed = fixed_point(sample.cells()) if observed is None else observed
    draws, cells = min(max(resamples, 200), 500), sample.coarse.cells()
    drawn = np.random.default_rng(seed).binomial(
        cells.weight.astype(np.int64), cells.values, (draws, cells.values.size)
    )
    expected = cells.weight * cells.values
    right = expected + np.sqrt(design_effect(sample, clusters)) * (drawn - expected)
    null = null_values(cells, right)
    return float(null.mean()), (1 + int((null >= observed - 1e-12).sum())) / (1 + draws)


def _null_gaps(cells: Cells, member: Ints, bins: int, resamples: int, rng: np.random.Generator) -> Array:
    drawn = rng.binomial(cells.weight.astype(np.int64), cells.values, size=(resamples, cells.values.size))
    null = Cells(cells.values, cells.weight, drawn.astype(np.float64), cells.attempts, cells.credit, cells.readable)
    _, right, stated = pooled(null, member, bins)
    return np.asarray(right - stated)


def noise_floor(
    confidence: ArrayLike | Sequence[Any],
    correct: ArrayLike | Sequence[Any],
    *,
    clusters: ArrayLike | None = None,
    bins: int = 10,
    resamples: int = 2000,
    seed: int = 0,
) -> Consistency:
    """The ECE that calibrated data of this size and shape would show. An ECE below it cannot be told from zero.

    >>> result = noise_floor([0.5] * 100, [1, 0] * 50)
    >>> result.ece, round(result.floor, 2), result.p
    (0.0, 0.04, 1.0)
    """
    return consistency(Sample.of(confidence, correct), clusters, bins=bins, resamples=resamples, seed=seed)


def spiegelhalter(confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> tuple[float, float]:
    """Spiegelhalter's (1986) z and its two-sided p-value; for hard, independent rows. NaN when all c are 0, 0.5 or 1.

    >>> [round(x, 3) for x in spiegelhalter([0.9, 0.9, 0.8], [1, 0, 0])]
    [2.694, 0.007]
    """
    cells = Sample.of(confidence, correct).cells()
    v = cells.values
    top = _sum((cells.right - cells.weight * v) * (1 - 2 * v))
    spread = np.sqrt(_sum(cells.weight * (1 - 2 * v) ** 2 * v * (1 - v)))
    # The statistic of the score minus its mean is sum (y - c)(1 - 2c): positive when the Brier score is too large.
    z = float(ratio(top, spread))
    return z, float(2 * norm.sf(abs(z)))


def cox(confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> tuple[float, float]:
    """Cox's (1958) calibration intercept and slope: logistic regression of correctness on logit(c), clip 0.001.

    (0, 1) is calibrated; a slope below 1 means confidences are too extreme. NaN with a single class or value.

    >>> [round(abs(x), 3) for x in cox([0.8] * 5 + [0.2] * 5, [1, 1, 1, 1, 0, 0, 0, 0, 0, 1])]
    [0.0, 1.0]
    """
    cells = Sample.of(confidence, correct).cells()
    if cells.values.size < 2 or not 0 < float(cells.base) < 1:
        return float("nan"), float("nan")
    features = np.stack([logit(cells.values), np.ones_like(cells.values)], 1)
    slope, intercept = fit_logistic(features, cells.right, cells.weight)
    return float(intercept), float(slope)
