"""Binned calibration errors: equal width, equal mass, by stated value. All lower is better, in [0, 1].

Equal-width bins are right-closed, (lo, hi], with 0 in the first bin (Guo et al. 2017). Right-closed is both the
paper's definition and the one that survives floats: the text "0.3" lies below the floating-point edge 3 * 0.1, so
left-closed bins drop 0.3, 0.6 and 0.7 by one. Nothing is ever left out: 1.0 belongs to the last bin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from emocal_rl.evaluate.cells import Array, Cells, Ints, Sample, _sum, ratio
from emocal_rl.evaluate.measure import MEASURES, measure

Closed = Literal["right", "left"]
_SLACK = 1e-9  # a stated decimal times the number of bins is an integer up to rounding


def bin_of(values: ArrayLike, bins: int, closed: Closed = "right") -> Ints:
    """Equal-width bin of each value, 0 .. bins - 1.

    >>> bin_of([0.0, 0.1, 0.3, 1.0], 10).tolist(), bin_of([0.0, 0.1, 0.3, 1.0], 10, "left").tolist()
    ([0, 0, 2, 9], [0, 1, 3, 9])
    """
    scaled = np.asarray(values, np.float64) * bins
    position = np.ceil(scaled - _SLACK) - 1 if closed == "right" else np.floor(scaled + _SLACK)
    return np.asarray(np.clip(position, 0, bins - 1), np.int64)


def equal_mass_of(weight: Array, bins: int) -> Ints:
    """Bin of each cell (K,) so that bins hold about equal numbers of rows and no tie is split.

    A cell goes to the bin its middle row falls into, so the number of non-empty bins may be smaller than asked.
    (Nguyen and O'Connor 2015; Nixon et al. 2019.)
    """
    middle = np.cumsum(weight) - 0.5 * weight
    return np.asarray(np.clip(middle / weight.sum() * bins, 0, bins - 1), np.int64)


def pooled(cells: Cells, member: Ints, bins: int) -> tuple[Array, Array, Array]:
    """Per bin (..., bins): rows, summed correctness, summed confidence."""
    onehot = np.zeros((cells.values.size, bins))
    onehot[np.arange(cells.values.size), member] = 1.0
    return cells.weight @ onehot, cells.right @ onehot, (cells.weight * cells.values) @ onehot


def gap_sum(cells: Cells, member: Ints, bins: int) -> Array:
    """Sum over bins of |summed correctness - summed confidence| over n: the expected calibration error."""
    _, right, stated = pooled(cells, member, bins)
    return ratio(_sum(np.abs(right - stated)), cells.n)


def ece_cells(cells: Cells, bins: int, closed: Closed = "right") -> Array:
    """ECE of a batch of cells, (...)."""
    return gap_sum(cells, bin_of(cells.values, bins, closed), bins)


@measure("ece/10/right-closed", "lower", "basic")
def ece_10(cells: Cells) -> Array:
    """Expected calibration error, 10 equal-width right-closed bins, zero in the first (Guo et al. 2017).

    >>> round(ece_10([1.0] * 10, [1, 0] * 5), 4)
    0.5
    """
    return ece_cells(cells, 10)


@measure("collapse to certainty/|brier - ece/10|", "none", "basic")
def brier_ece(cells: Cells) -> Array:
    """|Brier - ECE|, 10 bins: 0 where only 0 and 1 are stated, since (c - y)^2 = |c - y| there; near 0 is an alarm.

    >>> brier_ece([1.0, 1.0, 0.0, 0.0], [1, 0, 0, 1]), round(brier_ece([0.8] * 4, [1, 1, 1, 0]), 4)
    (0.0, 0.14)
    """
    return np.asarray(np.abs(MEASURES["brier"].core(cells) - ece_cells(cells, 10)))


@measure("ece/15/right-closed", "lower", "basic")
def ece_15(cells: Cells) -> Array:
    """Expected calibration error, 15 equal-width right-closed bins.

    >>> round(ece_15([0.95, 1.0], [1, 0]), 4)
    0.475
    """
    return ece_cells(cells, 15)


@measure("ece/by stated value", "lower", "basic")
def ece_by_value(cells: Cells) -> Array:
    """ECE with every distinct stated value its own bin: no edge to argue about, but many bins, so read its noise floor.

    >>> round(ece_by_value([0.9, 0.95], [1, 0]), 4)
    0.525
    """
    return gap_sum(cells, np.arange(cells.values.size), cells.values.size)


@measure("mce/10/right-closed", "lower", "basic")
def mce_10(cells: Cells) -> Array:
    """Largest |accuracy - mean confidence| over the non-empty of 10 right-closed bins.

    >>> round(mce_10([0.95, 0.25], [1, 0]), 4)
    0.25
    """
    weight, right, stated = pooled(cells, bin_of(cells.values, 10), 10)
    largest = np.abs(ratio(right - stated, np.where(weight > 0, weight, np.inf))).max(axis=-1)
    return np.asarray(np.where(cells.n > 0, largest, np.nan))


@measure("rmsce/10/right-closed", "lower", "basic")
def rmsce_10(cells: Cells) -> Array:
    """Root of the row-weighted mean squared gap over 10 right-closed bins (Kumar, Liang and Ma 2019).

    >>> round(rmsce_10([0.95, 0.25], [1, 0]), 4)
    0.1803
    """
    weight, right, stated = pooled(cells, bin_of(cells.values, 10), 10)
    squared = ratio((right - stated) ** 2, np.where(weight > 0, weight, np.inf))
    return np.asarray(np.sqrt(ratio(_sum(squared), cells.n)))


@measure("ece/10/equal mass, ties unsplit", "lower", "none")
def ece_equal_mass(cells: Cells) -> Array:
    """ECE with 10 bins of about equal numbers of rows; equal confidences always share a bin.

    >>> round(ece_equal_mass([0.9, 0.95], [1, 0]), 4)
    0.525
    """
    return gap_sum(cells, equal_mass_of(cells.weight, 10), 10)


def ece(
    confidence: ArrayLike | Sequence[Any],
    correct: ArrayLike | Sequence[Any],
    *,
    bins: int = 10,
    closed: Closed = "right",
) -> float:
    """ECE with any number of equal-width bins, right- or left-closed (the latter to compare with RLCR and netcal).

    >>> round(ece([0.9, 0.95], [1, 0]), 4), round(ece([0.9, 0.95], [1, 0], closed="left"), 4)
    (0.525, 0.425)
    """
    return float(ece_cells(Sample.of(confidence, correct).cells(), bins, closed))


def rmsce_debiased(
    confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any], *, bins: int = 10
) -> float:
    """Debiased root-mean-square calibration error, right-closed equal-width bins; lower is better (Kumar et al. 2019).

    Each bin's squared gap is reduced by the variance of its mean correctness; a bin with one row contributes 0; the
    sum is clipped at 0 before the root.

    >>> rmsce_debiased([0.5] * 4, [1, 0, 1, 0])
    0.0
    """
    sample = Sample.of(confidence, correct)
    stated = ~np.isnan(sample.confidence)
    member, y = bin_of(sample.confidence[stated], bins), sample.correct[stated]
    n, ones = np.bincount(member, minlength=bins), np.maximum(np.bincount(member, minlength=bins), 1)
    mean = np.bincount(member, y, minlength=bins) / ones
    gap = mean - np.bincount(member, sample.confidence[stated], minlength=bins) / ones
    variance = np.bincount(member, (y - mean[member]) ** 2, minlength=bins) / ones
    corrected = np.where(n > 1, gap**2 - variance / np.maximum(n - 1, 1), 0.0)
    return float(np.sqrt(max(0.0, float((n * corrected).sum() / max(n.sum(), 1)))))
