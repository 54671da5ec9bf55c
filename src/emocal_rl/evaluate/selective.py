"""Selective prediction: what happens when the model answers only above a confidence.

Thresholds are the distinct stated confidences, the only ones that can be deployed; equal confidences are kept together
or, where a definition needs an order, averaged over all orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma

from emocal_rl.evaluate.cells import Array, Cells, Sample, _sum, ratio
from emocal_rl.evaluate.measure import measure

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def risk_coverage(confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> tuple[Array, Array]:
    """Coverage and selective risk (error rate of what is kept), one point per distinct value, strictest first.

    >>> [x.tolist() for x in risk_coverage([0.9, 0.6, 0.6, 0.3], [1, 1, 0, 0])]
    [[0.25, 0.75, 1.0], [0.0, 0.3333333333333333, 0.5]]
    """
    cells = Sample.of(confidence, correct).cells()
    kept = np.cumsum(cells.weight[::-1])
    return kept / cells.n, ratio(np.cumsum(cells.wrong[::-1]), kept)


@measure("augrc/trapezoid over distinct values", "lower")
def augrc(cells: Cells) -> Array:
    """Area under the generalised risk-coverage curve (kept errors over all rows), in [0, 0.5]; lower is better.

    Equal to (1 - AUROC) a (1 - a) + (1 - a)^2 / 2 with a the accuracy (Traub et al., NeurIPS 2024). Safe with ties.

    >>> augrc([0.9, 0.5], [1, 0])
    0.125
    """
    step = cells.weight[..., ::-1]
    kept = np.cumsum(cells.wrong[..., ::-1], axis=-1)
    return ratio(_sum(step * (kept - 0.5 * cells.wrong[..., ::-1])), cells.n**2)


def _harmonic(x: Array) -> Array:
    """H(x) up to a constant."""
    return np.asarray(digamma(x + 1.0))


def _expected_area(cells: Cells) -> Array:
    weight, wrong = cells.weight[..., ::-1], cells.wrong[..., ::-1]
    kept, errors = np.cumsum(weight, axis=-1) - weight, np.cumsum(wrong, axis=-1) - wrong
    rate = np.nan_to_num(ratio(wrong, weight))
    # Within a tie of w rows the j-th adds (errors + j rate) / (kept + j); summed over j = 1..w in closed form.
    area = rate * weight + (errors - rate * kept) * (_harmonic(kept + weight) - _harmonic(kept))
    return ratio(_sum(area), cells.n)


@measure("aurc/expected over tie orders", "lower")
def aurc(cells: Cells) -> Array:
    """Area under the risk-coverage curve, in [0, 1]; lower is better (Geifman and El-Yaniv 2017).

    The mean over k of the risk of the k most confident rows, in expectation over the order of equal confidences.

    >>> aurc([0.9, 0.5], [1, 0]), round(aurc([0.5, 0.5], [1, 0]), 4)
    (0.25, 0.5)
    """
    return _expected_area(cells)


@measure("e-aurc/aurc minus the best order", "lower")
def eaurc(cells: Cells) -> Array:
    """AURC minus that of an oracle that puts every error last, in [0, 1]; lower is better.

    >>> eaurc([0.9, 0.5], [1, 0])
    0.0
    """
    errors, n = _sum(cells.wrong), cells.n
    best = ratio(errors - (n - errors) * (_harmonic(n) - _harmonic(n - errors)), n)
    return np.asarray(_expected_area(cells) - best)


def _coverage_at_risk(cells: Cells, risk: float) -> Array:
    kept, errors = np.cumsum(cells.weight[..., ::-1], axis=-1), np.cumsum(cells.wrong[..., ::-1], axis=-1)
    # 1e-12: a risk of exactly x must pass although its quotient was rounded up.
    allowed = errors <= (risk + 1e-12) * kept
    return ratio(np.max(np.where(allowed, kept, 0.0), axis=-1, initial=0.0), cells.n)


@measure("coverage at risk 10 %/distinct thresholds", "higher")
def coverage_at_risk_10(cells: Cells) -> Array:
    """Largest share of rows a threshold can keep with at most 10 % errors, in [0, 1]; higher is better.

    >>> coverage_at_risk_10([0.9, 0.5], [1, 0])
    0.5
    """
    return _coverage_at_risk(cells, 0.10)


@measure("coverage at risk 20 %/distinct thresholds", "higher")
def coverage_at_risk_20(cells: Cells) -> Array:
    """Largest share of rows a threshold can keep with at most 20 % errors, in [0, 1]; higher is better.

    >>> coverage_at_risk_20([0.9, 0.5], [1, 0])
    0.5
    """
    return _coverage_at_risk(cells, 0.20)


def threshold_table(
    confidence: ArrayLike | Sequence[Any],
    correct: ArrayLike | Sequence[Any],
    thresholds: Sequence[float] = THRESHOLDS,
) -> list[dict[str, float | None]]:
    """What "answer when c >= t" gives: coverage, accuracy and risk of what is kept.

    An empty selection has no accuracy and no risk (None, not 0).

    >>> threshold_table([0.9, 0.5], [1, 0], [0.8, 0.95])[1]
    {'threshold': 0.95, 'coverage': 0.0, 'accuracy': None, 'risk': None}
    """
    cells = Sample.of(confidence, correct).cells()
    return [_at_threshold(cells, float(t)) for t in thresholds]


def _at_threshold(cells: Cells, threshold: float) -> dict[str, float | None]:
    keep = cells.values >= threshold - 1e-12
    n, right = float(cells.weight[keep].sum()), float(cells.right[keep].sum())
    accuracy = right / n if n else None
    coverage = n / float(cells.n) if cells.n else 0.0
    return {
        "threshold": threshold,
        "coverage": coverage,
        "accuracy": accuracy,
        "risk": None if accuracy is None else 1.0 - accuracy,
    }
