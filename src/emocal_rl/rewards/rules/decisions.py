"""Rules for one decision: answer or abstain, act or not, better or worse than a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np

from emocal_rl.rewards.rules.checks import inside
from emocal_rl.rewards.rules.core import Array, Rule
from emocal_rl.rewards.rules.declare import rule


@rule(proper=True, strict=False, low=lambda at: -at, high=lambda at: 1 - at)
def threshold(at: float = 0.5) -> Rule:
    """Cost-weighted decision at one threshold t = at (higher is better, in [-t, 1-t]): right 1-t, wrong -t, if c >= t.

    0 below it. Elicits only whether p > t. Every proper rule is a mixture of these: see `density`.  Schervish (1989).

    >>> threshold(at=0.75)([0.8, 0.8, 0.5], [1, 0, 0])
    array([ 0.25, -0.75,  0.  ])
    """
    inside(at=at)
    return Rule(right=lambda c: np.where(c >= at, 1 - at, 0.0), wrong=lambda c: np.where(c >= at, -at, 0.0))


@rule(proper=True, strict=False, low=lambda at: -at / (1 - at), high=1.0)
def abstention(at: float = 0.5) -> Rule:
    """Answer or abstain (higher is better, in [-t/(1-t), 1], t = at): right 1, wrong -t/(1-t), if c >= t; else 0.

    t = 0.5 is the ternary reward +1 / 0 / -1.  Elicits only whether p > t.  TruthRL, arXiv 2509.25760 (2025);
    Reinforced Hesitation, arXiv 2511.11500 (2025).

    >>> abstention()([0.6, 0.6, 0.4], [1, 0, 1])
    array([ 1., -1.,  0.])
    """
    inside(at=at)
    penalty = -at / (1 - at)
    return Rule(right=lambda c: np.where(c >= at, 1.0, 0.0), wrong=lambda c: np.where(c >= at, penalty, 0.0))


@rule(proper=True, low=lambda baseline: -max((1 + baseline) / (1 - baseline), (2 - baseline) / baseline), high=1.0)
def winkler(baseline: float = 0.5) -> Rule:
    """Winkler's skill score over a baseline b (higher is better, at most 1): 0 for stating b, 1 for a sure hit.

    Right ((1-b)^2 - (1-c)^2) / T, wrong (b^2 - c^2) / T, T = (1-b)^2 if c >= b else b^2.  Improving on b counts the
    same however easy the question; b must not depend on this reply's own outcome.  Winkler (1994).

    >>> winkler(baseline=0.5)([1.0, 0.5, 1.0], [1, 1, 0])
    array([ 1.,  0., -3.])
    """
    inside(baseline=baseline)
    b = baseline

    def width(c: Array) -> Any:
        return np.where(c >= b, (1 - b) ** 2, b**2)

    return Rule(
        right=lambda c: ((1 - b) ** 2 - (1 - c) ** 2) / width(c),
        wrong=lambda c: (b**2 - c**2) / width(c),
    )
