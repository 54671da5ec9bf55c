"""Rules built on the logarithm, each with an explicit clip so that no payoff is infinite."""

from __future__ import annotations

from math import log as ln
from typing import Any

import numpy as np

from emocal_rl.rewards.rules.checks import clip, positive
from emocal_rl.rewards.rules.core import Array, Rule
from emocal_rl.rewards.rules.declare import rule


def _clip(c: Array, eps: float) -> Any:
    return np.clip(c, eps, 1 - eps)


@rule(proper=True, low=lambda eps: ln(eps) if eps else -np.inf, high=lambda eps: np.log1p(-eps))
def log(eps: float = 0.01) -> Rule:
    """Clipped log score (higher is better, in [ln eps, ln(1-eps)]): right ln c, wrong ln(1-c), c in [eps, 1-eps].

    Equals the negative cross-entropy. Beside `correct` with weight 1 it is safe up to weight 1/ln((1-eps)/eps): 0.218
    at eps 0.01. eps = 0 turns the clip off and makes it unbounded.  Good (1952).

    >>> log()([0.5, 1.0], [1, 0]).round(3)
    array([-0.693, -4.605])
    """
    clip(eps, zero=True)
    return Rule(right=lambda c: np.log(_clip(c, eps)), wrong=lambda c: np.log1p(-_clip(c, eps)))


@rule(proper=True, low=0.0, high=1.0)
def log_unit(eps: float = 0.01) -> Rule:
    """Clipped log score moved to [0, 1] (higher is better): 1 - ln(x/(1-eps)) / ln(eps/(1-eps)), x = c or 1-c.

    The same ranking of confidences as `log`, in a range every framework is happy with.  Good (1952).

    >>> log_unit()([0.99, 0.99], [1, 0]).round(3)
    array([1., 0.])
    """
    clip(eps)
    top, width = np.log1p(-eps), np.log1p(-eps) - ln(eps)
    return Rule(
        right=lambda c: 1 + (np.log(_clip(c, eps)) - top) / width,
        wrong=lambda c: 1 + (np.log1p(-_clip(c, eps)) - top) / width,
    )


@rule(proper=True, low=lambda k, eps: k * ln(eps) if eps else -np.inf, high=lambda k, eps: 1 + k * np.log1p(-eps))
def correct_log(k: float = 0.2, eps: float = 0.01) -> Rule:
    """Correctness plus k times the clipped log score (higher is better, in [k ln eps, 1 + k ln(1-eps)]).

    Right 1 + k ln c, wrong k ln(1-c), c in [eps, 1-eps].  Honest about the answer for k <= 1/ln((1-eps)/eps).
    Tan et al., arXiv 2607.04332 (2026).

    >>> correct_log(k=1.0)([0.5, 0.5], [1, 0]).round(3)
    array([ 0.307, -0.693])
    """
    positive(k=k)
    clip(eps, zero=True)
    return Rule(right=lambda c: 1 + k * np.log(_clip(c, eps)), wrong=lambda c: k * np.log1p(-_clip(c, eps)))


@rule(proper=True, low=-1.0, high=lambda eps: 1 - 2 * np.log1p(-eps) / ln(eps))
def log_affine(eps: float = 0.001) -> Rule:
    """Clipped log score stretched to about [-1, 1] (higher is better): 1 - 2 ln x / ln eps, x = c or 1-c.

    Stating eps for what comes true pays -1; its square root pays 0.  Stangel et al., Rewarding Doubt (2025).

    >>> log_affine()([0.5, 0.999], [1, 0]).round(3)
    array([ 0.799, -1.   ])
    """
    clip(eps)
    return Rule(
        right=lambda c: 1 - 2 * np.log(_clip(c, eps)) / ln(eps),
        wrong=lambda c: 1 - 2 * np.log1p(-_clip(c, eps)) / ln(eps),
    )


@rule(proper=True, low=lambda eps: 1 - eps + ln(eps), high=lambda eps: 1 - eps)
def brier_log(eps: float = 0.001) -> Rule:
    """Brier-log hybrid (higher is better, in [1-eps+ln eps, 1-eps]): right c, wrong c + ln(1-c), c at most 1-eps.

    Between Brier and log: bounded for a missed right answer, harsh on a sure wrong one. Needs no other term: a better
    answer always pays, but slowly.  BAS, arXiv 2604.03216 (2026).

    >>> brier_log()([0.5, 0.5], [1, 0]).round(3)
    array([ 0.5  , -0.193])
    """
    clip(eps)
    return Rule(
        right=lambda c: np.minimum(c, 1 - eps),
        wrong=lambda c: np.minimum(c, 1 - eps) + np.log1p(-np.minimum(c, 1 - eps)),
    )


@rule(proper=True, low=lambda k: (ln(1 + k) - k) / ((k + 1) * ln(k + 1) - k), high=1.0)
def overconfidence(k: float = 4.0) -> Rule:
    """Accuracy-friendly end of the spectrum (higher is better, at most 1): right [(k+1) ln(1+kc) - kc] / Z.

    Wrong [ln(1+kc) - kc] / Z, Z = (k+1) ln(k+1) - k.  Weight density m(t) ~ 1/(1+kt): cares about low confidences, and
    is mild on over-confidence. Needs no other term.  Tan et al., arXiv 2607.04332 (2026).

    >>> overconfidence()([1.0, 1.0], [1, 0]).round(3)
    array([ 1.   , -0.591])
    """
    positive(k=k)
    z = (k + 1) * ln(k + 1) - k
    return Rule(right=lambda c: ((k + 1) * np.log1p(k * c) - k * c) / z, wrong=lambda c: (np.log1p(k * c) - k * c) / z)


@rule(proper=True, low=lambda k: (k - (k + 1) * ln(1 + k)) / (k - ln(1 + k)), high=1.0)
def underconfidence(k: float = 4.0) -> Rule:
    """Calibration-friendly end of the spectrum (higher is better, at most 1): right [kc + ln(1 - kc/(1+k))] / Z.

    Wrong [kc + (k+1) ln(1 - kc/(1+k))] / Z, Z = k - ln(1+k).  Weight density m(t) ~ 1/(1+k-kt): harsh on
    over-confidence. Needs no other term.  Tan et al., arXiv 2607.04332 (2026).

    >>> underconfidence()([1.0, 1.0], [1, 0]).round(3)
    array([ 1.   , -1.693])
    """
    positive(k=k)
    z = k - ln(1 + k)

    def fall(c: Array) -> Any:
        return np.log1p(-k * c / (1 + k))

    return Rule(right=lambda c: (k * c + fall(c)) / z, wrong=lambda c: (k * c + (k + 1) * fall(c)) / z)
