"""Rules for a stated distribution over a closed set of labels, scored against a label or a label distribution.

A rule gives one score per label: what is paid when that label turns out true. Its value against a label distribution
m (annotator shares) is the m-weighted mean of the scores: linear in m, so stating q = m is optimal, and scoring one
random annotator at a time is unbiased. There is no separate answer to game: the report is the answer. Higher is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import log as ln
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from emocal_rl.errors import UserError
from emocal_rl.rewards.rules.checks import clip
from emocal_rl.rewards.rules.core import Array, Declared, computed, shown
from emocal_rl.rewards.rules.declare import Bound, Declaration, declaring


@dataclass(frozen=True, eq=False)
class DistributionRule(Declared):
    """One rule with its parameters bound. Declare one with `@distribution_rule`; see `multiclass_brier`.

    scores: stated distributions of shape (..., K) -> the score of each label, same shape. The rest as in `Declared`.
    """

    scores: Callable[[Array], Any]
    written: ClassVar[str] = "DistributionRule(scores=...)"

    def __call__(self, stated: ArrayLike, truth: ArrayLike) -> Any:
        """Score, shape (...): stated and truth are distributions over the same K labels, shape (..., K).

        Raises UserError when either is negative or does not sum to 1 (within 1e-6), or they differ in K.
        """
        q, m = _distribution(self.name, "stated", stated), _distribution(self.name, "truth", truth)
        if q.shape[-1] != m.shape[-1]:
            raise UserError(
                f"{self.name}: stated has {q.shape[-1]} labels and truth {m.shape[-1]}: they must be the same"
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            # a label of weight 0 is left out, not multiplied: 0 * -inf would be NaN
            return np.where(m > 0, m * self.scores(q), 0.0).sum(axis=-1)[()]

    def table(self, stated: Array, bounded: bool = False) -> Array:
        """The score of every label, shape (N, K) as stated; UserError where that fails, is misshapen or not a number.

        bounded: and where a score, or the lowest one declared, is infinite: a reply may state any distribution, and
        every reply has to get a finite total.
        """
        scores = computed(self.name, "scores(q)", "distributions", self.scores, stated)
        endless = np.argwhere(~np.isfinite(scores))
        if bounded and endless.size:
            at = shown(stated[endless[0][0]])
            raise UserError(f"{self.name}: scores(q) is infinite at q={at}: clip q to at least eps first")
        if bounded and not np.isfinite(self.low):
            raise UserError(f"{self.name}: declares low={self.low}: give the lowest score, which is what a fault gets")
        return scores


def simplex(labels: int = 3, steps: int = 20) -> Array:
    """All distributions over `labels` whose probabilities are multiples of 1/steps, shape (N, labels).

    >>> len(simplex(3, 20))
    231
    """
    counts = [point for point in product(range(steps + 1), repeat=labels) if sum(point) == steps]
    return np.array(counts) / steps


def _distribution(name: str, what: str, values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=float)
    if not (array.min() >= 0 and np.abs(array.sum(axis=-1) - 1).max() <= 1e-6):  # a NaN fails this as well
        raise UserError(f"{name}: {what} must be a distribution (not negative, summing to 1), got {array.tolist()}")
    return array


DISTRIBUTION_RULES: dict[str, Declaration[DistributionRule]] = {}


def distribution_rule(
    *, low: Bound, high: Bound, proper: bool = True, strict: bool | None = None
) -> Callable[[Callable[..., DistributionRule]], Declaration[DistributionRule]]:
    """Declare a distribution rule; the arguments are those of `rule`."""
    return declaring(DISTRIBUTION_RULES, DistributionRule, low=low, high=high, proper=proper, strict=strict)


@distribution_rule(low=-1.0, high=0.0)
def multiclass_brier() -> DistributionRule:
    """Half the squared distance (higher is better, in [-1, 0]): -1/2 sum_j (q_j - 1[j = k])^2.  Brier (1950).

    Halved so that with two labels it equals `brier` of the first label's probability.

    >>> multiclass_brier()([0.5, 0.3, 0.2], [1, 0, 0]).round(2)
    np.float64(-0.19)
    """
    return DistributionRule(scores=lambda q: q - (1 + (q**2).sum(axis=-1, keepdims=True)) / 2)


@distribution_rule(low=lambda eps: ln(eps), high=0.0)
def multiclass_log(eps: float = 0.001) -> DistributionRule:
    """Clipped log score (higher is better, in [ln eps, 0]): ln max(q_k, eps).  Good (1952).

    >>> multiclass_log()([0.5, 0.5, 0.0], [1, 0, 0]).round(3)
    np.float64(-0.693)
    """
    clip(eps)
    return DistributionRule(scores=lambda q: np.log(np.maximum(q, eps)))


@distribution_rule(low=0.0, high=1.0)
def multiclass_spherical() -> DistributionRule:
    """Spherical score (higher is better, in [0, 1]): q_k / |q|, |q| the Euclidean norm.  Roby (1964).

    >>> multiclass_spherical()([0.5, 0.5], [0, 1]).round(3)
    np.float64(0.707)
    """
    return DistributionRule(scores=lambda q: q / np.sqrt((q**2).sum(axis=-1, keepdims=True)))


@distribution_rule(low=-1.0, high=0.0)
def ranked_probability() -> DistributionRule:
    """Ranked probability score for ordered labels (higher is better, in [-1, 0]): -sum_j (F_j - 1[k <= j])^2 / (K-1).

    F is the cumulative distribution in the order of the candidates, so near misses cost less.  Epstein (1969).

    >>> ranked_probability()([0.0, 1.0, 0.0], [1, 0, 0]), ranked_probability()([0.0, 0.0, 1.0], [1, 0, 0])
    (np.float64(-0.5), np.float64(-1.0))
    """

    def scores(q: Array) -> Any:
        size = q.shape[-1]
        steps = np.triu(np.ones((size, size)))[:, :-1]  # row k: 1[k <= j] for j = 0..K-2
        gaps = q.cumsum(axis=-1)[..., None, :-1] - steps
        return -(gaps**2).sum(axis=-1) / max(size - 1, 1)

    return DistributionRule(scores=scores)
