"""Logistic regression on cells: soft labels enter as rows that are y right and 1 - y wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from emocal_rl.evaluate.cells import Array
from emocal_rl.evaluate.scores import CLIP


def logit(confidence: Array) -> Array:
    """Log-odds of the confidence clipped to [0.001, 0.999].

    >>> logit(np.array([0.5, 1.0])).round(3).tolist()
    [0.0, 6.907]
    """
    c = np.clip(confidence, CLIP, 1 - CLIP)
    return np.asarray(np.log(c) - np.log1p(-c))


def fit_logistic(
    features: Array, right: Array, weight: Array, bounds: Sequence[tuple[float | None, float | None]] | None = None
) -> Array:
    """Maximum-likelihood coefficients (d,) of P(right) = expit(features @ coefficients), no penalty.

    features (K, d), right (K,) summed correctness, weight (K,) rows. ``bounds`` per coefficient; separable data run
    to the default bound of +-1e3 instead of to infinity.
    """
    n = weight.sum()

    def loss(beta: Array) -> tuple[float, Array]:
        score = features @ beta
        value = (weight * np.logaddexp(0.0, score) - right * score).sum() / n
        return float(value), features.T @ (weight * expit(score) - right) / n

    limits = bounds or [(-1e3, 1e3)] * features.shape[1]
    start = np.zeros(features.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options={"ftol": 1e-14, "gtol": 1e-9})
    return np.asarray(found.x, np.float64)
