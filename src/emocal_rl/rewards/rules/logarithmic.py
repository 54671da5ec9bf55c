"""Rules built on the logarithm, each with an explicit clip so that no payoff is infinite."""

from __future__ import annotations

from math import log as ln
from typing import Any

import numpy as np

from emocal_rl.rewards.rules.core import Array, Rule, rule


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
    return Rule(right=lambda c: np.log(_clip(c, eps)), wrong=lambda c: np.log1p(-_clip(c, eps)))


@rule(proper=True, low=0.0, high=1.0)
def log_unit(eps: float = 0.01) -> Rule:
    """Clipped log score moved to [0, 1] (higher is better): 1 - ln(x/(1-eps)) / ln(eps/(1-eps)), x = c or 1-c.

    The same ranking of confidences as `log`, in a range every framework is happy with.  Good (1952).

    >>> log_unit()([0.99, 0.99], [1, 0]).round(3)
    array([1., 0.])
    """
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
    return Rule(right=lambda c: 1 + k * np.log(_clip(c, eps)), wrong=lambda c: k * np.log1p(-_clip(c, eps)))
