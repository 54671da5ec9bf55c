"""Published look-alikes that are not proper: kept for comparison, labelled with what they really elicit."""

from __future__ import annotations

from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.rules.checks import clip, inside, is_number, positive
from emocal_rl.rewards.rules.core import Array, Rule
from emocal_rl.rewards.rules.declare import rule


def _all_or_nothing(p: Array, at: float = 0.5) -> Any:
    return np.where(p > at, 1.0, 0.0)


@rule(
    proper=False,
    low=lambda lowest, highest: -highest,
    high=lambda lowest, highest: highest,
    elicits=lambda p, lowest, highest: np.where(p > 0.5, np.maximum(p, highest), np.minimum(p, lowest)),
)
def clipped_stake(lowest: float = 0.1, highest: float = 0.9) -> Rule:
    """Linear stake with the confidence clipped, improper (higher is better, in [-highest, highest]): right c, wrong -c.

    c clipped to [lowest, highest]. Elicits highest or more above p = 0.5, lowest or less below.  DualStake (2026).

    >>> clipped_stake()([1.0, 0.0], [1, 0])
    array([ 0.9, -0.1])
    """
    if not (is_number(lowest) and is_number(highest) and 0 <= lowest < highest <= 1):
        raise UserError(
            f"lowest and highest must be numbers with 0 <= lowest < highest <= 1, got {lowest} and {highest}"
        )
    return Rule(right=lambda c: np.clip(c, lowest, highest), wrong=lambda c: -np.clip(c, lowest, highest))


@rule(
    proper=False,
    low=lambda baseline: -max(baseline, 1 - baseline) / 2,
    high=lambda baseline: max(baseline, 1 - baseline) / 2,
    elicits=lambda p, baseline: _all_or_nothing(p, baseline),
)
def centred_stake(baseline: float = 0.5) -> Rule:
    """Stake against a running mean b, improper (higher is better): right (1-b)(c-1/2), wrong -b(c-1/2).

    Range [-max(b, 1-b)/2, max(b, 1-b)/2]. Elicits 1 where the model does better than b, else 0.  Leng et al., PPO-C,
    arXiv 2410.09724 (2024), with correctness in the place of the reward model's score.

    >>> centred_stake()([1.0, 1.0], [1, 0])
    array([ 0.25, -0.25])
    """
    inside(baseline=baseline)
    return Rule(right=lambda c: (1 - baseline) * (c - 0.5), wrong=lambda c: -baseline * (c - 0.5))


@rule(proper=False, low=0.0, high=1.0, elicits=np.ones_like)
def confidence_if_right() -> Rule:
    """Confidence times correctness, improper (higher is better, in [0, 1]): right c, wrong 0.

    Elicits 1 at every belief: nothing is ever lost by being sure. The shape behind self-certainty rewards.
    ConfClip, arXiv 2509.17730 (2025), and its kin.

    >>> confidence_if_right()([0.9, 0.9], [1, 0])
    array([0.9, 0. ])
    """
    return Rule(right=lambda c: c, wrong=np.zeros_like)


@rule(proper=False, low=lambda base: base, high=1.0, elicits=lambda p, base: _all_or_nothing(p))
def distance_decay(base: float = 0.01) -> Rule:
    """Exponential closeness, improper (higher is better, in [base, 1]): right base^(1-c), wrong base^c.

    Elicits 1 above p = 0.5 and 0 below.  MASA, arXiv 2510.03259 (2025), for predicted pass rates.

    >>> distance_decay()([1.0, 0.5, 1.0], [1, 1, 0])
    array([1.  , 0.1 , 0.01])
    """
    inside(base=base)
    return Rule(right=lambda c: base ** (1 - c), wrong=lambda c: base**c)


def _stretched(x: Array, power: float, eps: float) -> Any:
    score = 1 - 2 * np.log(np.clip(x, eps, 1 - eps)) / np.log(eps)
    return np.sign(score) * np.abs(score) ** power


def _stretch_optimum(p: Array, power: float, eps: float) -> Any:
    """By search: the optimum has no closed form."""
    c, belief = np.linspace(0, 1, 4001), np.atleast_1d(p)[:, None]
    pay = belief * _stretched(c, power, eps) + (1 - belief) * _stretched(1 - c, power, eps)
    return c[pay.argmax(axis=1)].reshape(np.shape(p))


@rule(
    proper=False,
    low=-1.0,
    high=lambda power, eps: _stretched(np.array(1.0), power, eps),
    elicits=_stretch_optimum,
)
def stretched_log(power: float = 1.5, eps: float = 1e-6) -> Rule:
    """Stretched log score, improper (higher is better, in [-1, 1]): sign(s) |s|^power, s = 1 - 2 ln x / ln eps.

    x = c when right, 1-c when wrong, clipped to [eps, 1-eps]. Stretching a proper score makes it improper: 0.28 at
    p = 0.3, 0.72 at 0.7.  LoVeC, arXiv 2505.23912 (2025), without its length-dependent penalties.

    >>> stretched_log()([0.5, 1.0], [1, 0]).round(3)
    array([ 0.853, -1.   ])
    """
    positive(power=power)
    clip(eps)
    return Rule(right=lambda c: _stretched(c, power, eps), wrong=lambda c: _stretched(1 - c, power, eps))
