"""Proper scores, discrimination and collapse monitors. Each is called as ``metric(confidence, correct)``.

confidence: (n,) in [0, 1], NaN or None where a reply states none (left out of everything but accuracy and parse rate).
correct: (n,) 0/1, or the share of annotators who agree with the answer; a row stands for y rights and 1 - y wrongs.
All raise UserError for empty, unequal, out-of-range or swapped input and return NaN where the metric is undefined.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from emocal_rl.evaluate.cells import Array, Cells, _sum, ratio
from emocal_rl.evaluate.measure import measure

CLIP = 1e-3
"""Log scores and logits use confidences clipped to [CLIP, 1 - CLIP]: machine epsilon would let one sure miss decide."""


@measure("accuracy/all attempts, unreadable = wrong", "higher")
def accuracy(cells: Cells) -> Array:
    """Mean correctness over all attempts, in [0, 1]; higher is better. A reply that cannot be read counts as wrong.

    >>> accuracy([0.9, 0.8, None], [1, 0.5, 0])
    0.5
    """
    return ratio(cells.credit, cells.attempts)


@measure("parse rate/readable replies over attempts", "higher")
def parse_rate(cells: Cells) -> Array:
    """Share of attempts whose reply could be read, in [0, 1]; higher is better.

    >>> parse_rate([0.9, None], [1, 0])
    0.5
    """
    return ratio(cells.readable, cells.attempts)


@measure("brier/expected over annotators", "lower")
def brier(cells: Cells) -> Array:
    """Mean of y (1 - c)^2 + (1 - y) c^2, in [0, 1]; lower is better (Brier 1950).

    >>> round(brier([0.8, 0.6], [1, 0.5]), 4)
    0.15
    """
    v = cells.values
    return ratio(_sum(cells.right * (1 - v) ** 2 + cells.wrong * v**2), cells.n)


@measure("brier skill/1 - brier over p(1-p)", "higher")
def brier_skill(cells: Cells) -> Array:
    """1 - Brier / (p (1 - p)) with p the accuracy: 0 is the constant base rate, 1 is perfect; higher is better.

    Undefined (NaN) when everything was right or everything was wrong.

    >>> brier_skill([0.5, 0.5], [1, 0])
    0.0
    """
    p = cells.base
    skill: Array = 1 - ratio(
        _sum(cells.right * (1 - cells.values) ** 2 + cells.wrong * cells.values**2), cells.n * p * (1 - p)
    )
    return skill


@measure(f"nll/natural log, clip {CLIP:g}", "lower")
def nll(cells: Cells) -> Array:
    """Mean negative log-likelihood of what happened, in nats, confidences clipped to [0.001, 0.999]; lower is better.

    >>> round(nll([0.5, 1.0], [1, 1]), 4)
    0.3471
    """
    v = np.clip(cells.values, CLIP, 1 - CLIP)
    return ratio(-_sum(cells.right * np.log(v) + cells.wrong * np.log1p(-v)), cells.n)


@measure("auroc/ties half, soft labels by weight", "higher")
def auroc(cells: Cells) -> Array:
    """Chance that a right answer was stated with more confidence than a wrong one, ties half; higher is better.

    Equal to ``sklearn.metrics.roc_auc_score`` with every row entered as right (weight y) and as wrong (weight 1 - y).
    Undefined (NaN) with a single class. (Hanley and McNeil 1982.)

    >>> auroc([0.9, 0.6, 0.6], [1, 1, 0])
    0.75
    """
    below = np.cumsum(cells.wrong, axis=-1) - cells.wrong
    wins = _sum(cells.right * (below + 0.5 * cells.wrong))
    return ratio(wins, _sum(cells.right) * _sum(cells.wrong))


def _average_precision(positive: Array, weight: Array) -> Array:
    """Cells in the order thresholds are lowered; sum of (recall step) x precision."""
    precision = ratio(np.cumsum(positive, axis=-1), np.cumsum(weight, axis=-1))
    return ratio(_sum(positive * np.nan_to_num(precision)), _sum(positive))


@measure("aupr/average precision, positives = right", "higher")
def aupr(cells: Cells) -> Array:
    """Average precision with right answers as positives, thresholds at distinct values; higher is better.

    The base rate (chance level) is the accuracy. Undefined (NaN) when nothing was right.

    >>> round(aupr([0.9, 0.6, 0.6], [1, 1, 0]), 4)
    0.8333
    """
    return _average_precision(cells.right[..., ::-1], cells.weight[..., ::-1])


@measure("aupr errors/average precision, positives = wrong, low confidence first", "higher")
def aupr_errors(cells: Cells) -> Array:
    """Average precision of finding errors by low confidence; chance level is the error rate; higher is better.

    >>> aupr_errors([0.9, 0.6, 0.6], [1, 1, 0])
    0.5
    """
    return _average_precision(cells.wrong, cells.weight)


@measure("mean stated confidence", "none")
def mean_confidence(cells: Cells) -> Array:
    """Mean stated confidence, in [0, 1].

    >>> round(mean_confidence([0.9, 0.7], [1, 0]), 4)
    0.8
    """
    return ratio(_sum(cells.weight * cells.values), cells.n)


@measure("mean confidence minus accuracy of the rows that state one", "none")
def overconfidence(cells: Cells) -> Array:
    """Mean confidence minus accuracy, in [-1, 1]: positive is over-confident, 0 is calibrated on average.

    >>> round(overconfidence([0.9, 0.7], [1, 0]), 4)
    0.3
    """
    gap: Array = ratio(_sum(cells.weight * cells.values), cells.n) - cells.base
    return gap


@measure("sharpness/mean c(1-c)", "none")
def sharpness(cells: Cells) -> Array:
    """Mean c (1 - c), in [0, 0.25]: 0 when every statement is certain (Gneiting, Balabdaoui and Raftery 2007).

    >>> sharpness([0.5, 1.0], [1, 1])
    0.125
    """
    return ratio(_sum(cells.weight * cells.values * (1 - cells.values)), cells.n)


@measure("distinct stated values", "none", "none")
def distinct(cells: Cells) -> Array:
    """Number of distinct stated confidences; 1 means the confidence has collapsed to a constant.

    Without an interval: a resample never states a value that the rows do not, so it can only count fewer.

    >>> distinct([0.9, 0.9, 0.5], [1, 1, 0])
    2.0
    """
    return np.asarray((cells.weight > 0).sum(axis=-1), np.float64)


@measure("mode mass/share of the most frequent value", "none", "basic")
def mode_mass(cells: Cells) -> Array:
    """Share of rows that state the most frequent value, in (0, 1].

    >>> round(mode_mass([0.9, 0.9, 0.5], [1, 1, 0]), 4)
    0.6667
    """
    top = cells.weight.max(axis=-1) if cells.values.size else np.zeros(cells.n.shape)
    return ratio(top, cells.n)


@measure("mass at 1/share of rows stating exactly 1", "none")
def mass_at_one(cells: Cells) -> Array:
    """Share of rows that state exactly 1, in [0, 1].

    >>> mass_at_one([1.0, 0.5], [1, 1])
    0.5
    """
    return ratio(_sum(cells.weight * (cells.values == 1.0)), cells.n)


@measure("entropy of stated values/nats", "none", "basic", most=np.inf)
def entropy(cells: Cells) -> Array:
    """Entropy of the histogram of stated values, in nats; 0 means a constant.

    >>> round(entropy([0.9, 0.5], [1, 1]), 4)
    0.6931
    """
    share = ratio(cells.weight, cells.n[..., None])
    return np.asarray(np.where(cells.n > 0, 0.0 - _sum(xlogy(share, share)), np.nan))
