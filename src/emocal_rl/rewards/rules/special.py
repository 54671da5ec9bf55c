"""The regularised incomplete beta function in numpy, so that the rules need no scipy."""

from __future__ import annotations

from math import lgamma

import numpy as np

from emocal_rl.rewards.rules.core import Array

_TINY = 1e-300


def incomplete_beta(a: float, b: float, x: Array) -> Array:
    """I_x(a, b), elementwise for x in [0, 1]; a, b > 0. Accurate to about 1e-13.

    Continued fraction by Lentz's method; Press et al., Numerical Recipes, section 6.4 (2007).

    >>> incomplete_beta(1.0, 2.0, np.array([0.0, 0.5, 1.0]))
    array([0.  , 0.75, 1.  ])
    """
    flat = np.atleast_1d(np.asarray(x, dtype=float))
    turn = flat > (a + 1) / (a + b + 2)  # the fraction converges fast on one side only; the other follows by symmetry
    lower = np.where(turn, 1 - flat, flat)
    left, right = np.where(turn, b, a), np.where(turn, a, b)
    with np.errstate(divide="ignore"):
        front = left * np.log(lower) + right * np.log1p(-lower)
    scale = lgamma(a + b) - lgamma(a) - lgamma(b)
    value = np.exp(front + scale) * _fraction(left, right, lower) / left
    return np.asarray(np.where(turn, 1 - value, value).reshape(np.shape(x)))


def _fraction(a: Array, b: Array, x: Array) -> Array:
    c, d = np.ones_like(x), 1 / _away(1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 200):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / _away(1 + term * d), _away(1 + term / c)
            h = h * d * c
        if np.all(np.abs(d * c - 1) < 1e-15):
            break
    return h


def _away(x: Array) -> Array:
    """Keep a denominator from zero."""
    return np.where(np.abs(x) < _TINY, _TINY, x)
