"""Spherical, pseudospherical and power rules: bounded without a clip."""

from __future__ import annotations

from typing import Any

from emocal_rl.rewards.rules.checks import above_one, positive
from emocal_rl.rewards.rules.core import Array, Rule
from emocal_rl.rewards.rules.declare import rule


def _norm(c: Array, order: float = 2.0) -> Any:
    return (c**order + (1 - c) ** order) ** (1 / order)


@rule(proper=True, low=0.0, high=1.0)
def spherical() -> Rule:
    """Spherical score (higher is better, in [0, 1]): right c/s, wrong (1-c)/s, s = sqrt(c^2 + (1-c)^2).  Roby (1964).

    >>> spherical()([0.6, 0.0], [1, 0]).round(3)
    array([0.832, 1.   ])
    """
    return Rule(right=lambda c: c / _norm(c), wrong=lambda c: (1 - c) / _norm(c))


@rule(proper=True, low=lambda k: -k, high=1.0)
def correct_spherical(k: float = 1.0) -> Rule:
    """Correctness plus k times the shifted spherical score (higher is better, in [-k, 1]).

    Right 1 + k (c/s - 1), wrong k ((1-c)/s - 1), s = sqrt(c^2 + (1-c)^2).  Honest about the answer for k <= 1.
    Tan et al., arXiv 2607.04332 (2026).

    >>> correct_spherical()([1.0, 1.0], [1, 0])
    array([ 1., -1.])
    """
    positive(k=k)
    return Rule(right=lambda c: 1 + k * (c / _norm(c) - 1), wrong=lambda c: k * ((1 - c) / _norm(c) - 1))


@rule(proper=True, low=0.0, high=1.0)
def pseudospherical(order: float = 3.0) -> Rule:
    """Pseudospherical score of an order a > 1 (higher is better, in [0, 1]): right (c/N)^(a-1), wrong ((1-c)/N)^(a-1).

    N = (c^a + (1-c)^a)^(1/a).  a = 2 is `spherical`; larger orders care about the middle.  Good (1971).

    >>> pseudospherical(order=2.0)(0.6, 1).round(3)
    np.float64(0.832)
    """
    above_one(order=order)
    return Rule(
        right=lambda c: (c / _norm(c, order)) ** (order - 1),
        wrong=lambda c: ((1 - c) / _norm(c, order)) ** (order - 1),
    )


@rule(proper=True, low=lambda order: -(order - 1), high=1.0)
def power(order: float = 1.5) -> Rule:
    """Power (Tsallis) score of an order a > 1 (higher is better, in [-(a-1), 1]).

    Right a c^(a-1) - (a-1) (c^a + (1-c)^a), wrong a (1-c)^(a-1) - the same.  a = 2 is Brier: right 1-2(1-c)^2, wrong
    1-2c^2; a towards 1 is the log score.  Safe beside `correct` up to weight 1/a.  Tsallis (1988); Dawid, Musio (2014).

    >>> power(order=2.0)([0.9, 0.9], [1, 0]).round(2)
    array([ 0.98, -0.62])
    """
    above_one(order=order)

    def arm(x: Array, c: Array) -> Any:
        return order * x ** (order - 1) - (order - 1) * (c**order + (1 - c) ** order)

    return Rule(right=lambda c: arm(c, c), wrong=lambda c: arm(1 - c, c))
