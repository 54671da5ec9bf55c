"""What a payoff makes of an honest model: the confidence it elicits and what a better answer is worth.

Everything here works on two arrays over the confidences that can be stated: `right` and `wrong`, the total payoff of a
right and of a wrong answer. A model that is right with probability p and states c earns p right(c) + (1-p) wrong(c).
V(p), the best of these over c, is convex; a sound reward never lets it fall as p rises.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emocal_rl.rewards.rules.core import Array, Rule, hundredths
from emocal_rl.rewards.terms import Arms

TIE = 1e-9
"""Payoffs closer than this share of their range count as equal: far below any real difference, far above rounding."""


def expected(right: Array, wrong: Array, beliefs: Array) -> Array:
    """Expected payoff of every confidence at every belief, shape (P, N)."""
    p = np.asarray(beliefs, dtype=float)[:, None]
    return np.asarray(p * right + (1 - p) * wrong)


def best(pay: Array, grid: Array, beliefs: Array) -> tuple[Array, Array]:
    """The best-paid confidence at each belief, and how far the farthest equally paid one lies from it; both shape (P,).

    pay: shape (P, N). Among equally paid confidences the one nearest to the belief is taken.
    """
    tied = _tied(pay)
    distance = np.where(tied, np.abs(grid - np.asarray(beliefs)[:, None]), np.inf)
    chosen = grid[distance.argmin(axis=1)]
    blur = np.where(tied, np.abs(grid - chosen[:, None]), 0.0).max(axis=1)
    return chosen, blur


def _tied(pay: Array) -> NDArray[np.bool_]:
    """What is paid as much as the best of its row."""
    spread = pay.max() - pay.min()
    return np.asarray(pay >= pay.max(axis=1, keepdims=True) - TIE * max(spread, 1e-12))


def ties(pay: Array, grid: Array) -> list[tuple[float, float] | None]:
    """At each belief the best-paid confidences as (from, below); None for a single one, and for several with gaps.

    pay: shape (P, N). from is 0 where no confidence is lower, below is infinite where none is higher.

    >>> ties(np.array([[1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1]]), np.array([0.1, 0.5, 0.9]))
    [(0.0, 0.9), (0.5, inf), None, None]
    """
    lows, highs = np.append(0.0, grid[1:]), np.append(grid, np.inf)
    places = [np.flatnonzero(row) for row in _tied(pay)]
    whole = [len(at) > 1 and at[-1] - at[0] == len(at) - 1 for at in places]
    return [
        (float(lows[at[0]]), float(highs[at[-1] + 1])) if good else None for at, good in zip(places, whole, strict=True)
    ]


def elicited(rule: Rule, beliefs: Sequence[float] | Array, grid: Sequence[float] | Array | None = None) -> Array:
    """The confidence that a rule alone pays most for at each belief, shape (P,).

    grid: the confidences that can be stated; 0, 0.01, ..., 1 by default.

    >>> from emocal_rl.rewards.rules import absolute, brier
    >>> elicited(brier(), [0.3, 0.7]), elicited(absolute(), [0.3, 0.7])
    (array([0.3, 0.7]), array([0., 1.]))
    """
    c = hundredths() if grid is None else np.asarray(grid, dtype=float)
    p = np.asarray(beliefs, dtype=float)
    right, wrong, c = finite(rule(c, 1.0), rule(c, 0.0), c)
    return best(expected(right, wrong, p), c, p)[0]


def finite(right: Array, wrong: Array, grid: Array) -> tuple[Array, Array, Array]:
    """Only the confidences at which both payoffs are finite: an unbounded rule has no value at its ends."""
    keep = np.isfinite(right) & np.isfinite(wrong)
    return right[keep], wrong[keep], grid[keep]


def thresholds(arms: Arms) -> tuple[float, float]:
    """(hack, slope) thresholds in [0, 1]; 0 is what one wants.

    Below the hack threshold a wrong answer on purpose, stated with the confidence that suits it, pays more than an
    honest attempt. Below the slope threshold making the answer slightly worse pays.
    """
    p = np.linspace(0, 1, 1001)
    honest = arms.wrong + p[:, None] * (arms.own + arms.others)
    gain = honest.max(axis=1) - (arms.wrong + p[:, None] * arms.others).max(axis=1)
    tolerance = TIE * max(float(np.ptp(arms.corners())), 1e-12)
    falling = np.flatnonzero(arms.own[honest.argmax(axis=1)] < -tolerance)
    below = np.flatnonzero(gain < -tolerance)
    return _crossing(p, gain, below), float(p[falling[-1]]) if falling.size else 0.0


def _crossing(p: Array, gain: Array, below: NDArray[np.intp]) -> float:
    """Where the gain turns positive for good, by linear interpolation."""
    if not below.size:
        return 0.0
    last = int(below[-1])
    if last + 1 == len(p):
        return 1.0
    here, there = gain[last], gain[last + 1]
    return float(p[last] + (p[last + 1] - p[last]) * here / (here - there))


def value(arms: Arms, beliefs: Sequence[float] | Array) -> Array:
    """V(p): the most a model that is right with probability p can earn, shape (P,)."""
    return np.asarray(expected(arms.right, arms.wrong, np.asarray(beliefs)).max(axis=1))


def speed(arms: Arms, beliefs: Sequence[float] | Array) -> Array:
    """V'(p), shape (P,): how strongly a better answer is paid at belief p; 1 where correctness alone is rewarded."""
    return np.asarray(arms.own[expected(arms.right, arms.wrong, np.asarray(beliefs)).argmax(axis=1)])


def safe_factor(wrong: Array, own: Array, gain: float) -> float:
    """The largest factor on a payoff at which a worse answer never pays, when being right earns `gain` besides.

    wrong: payoff of a wrong answer at each confidence; own: what being right adds to it. V is convex, so V'(0) = gain +
    factor * own(c0) >= 0 is enough, c0 being best for a sure miss. Infinite when the payoff is safe at any weight.
    """
    ties = wrong >= wrong.max() - TIE * max(float(np.ptp(wrong)), 1e-12)
    loss = -float(own[ties].max())
    return max(gain, 0.0) / loss if loss > TIE else float("inf")


def safe_weight(rule: Rule, correct: float = 1.0, grid: Sequence[float] | Array | None = None) -> float:
    """The largest safe weight of a rule beside the term `correct`: up to it, a worse answer never pays.

    correct: the weight of `correct`. grid: the confidences that can be stated; 0, 0.01, ..., 1 by default.
    0 for a rule with an infinite penalty for what was called impossible.

    >>> from emocal_rl.rewards.rules import brier, log
    >>> round(safe_weight(brier()), 3), round(safe_weight(log(eps=0.01)), 3), safe_weight(log(eps=0.0))
    (1.0, 0.218, 0.0)
    """
    c = hundredths() if grid is None else np.asarray(grid, dtype=float)
    right, wrong = rule(c, 1.0), rule(c, 0.0)
    if np.isneginf(right[wrong.argmax()]):
        return 0.0
    right, wrong, c = finite(right, wrong, c)
    return safe_factor(wrong, right - wrong, correct)
