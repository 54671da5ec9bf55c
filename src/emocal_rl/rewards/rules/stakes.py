"""Correctness-weighted confidence: the linear stake, which is improper, and the forms that repair it."""

from __future__ import annotations

import numpy as np

from emocal_rl.rewards.rules.checks import positive
from emocal_rl.rewards.rules.core import Rule
from emocal_rl.rewards.rules.declare import rule


@rule(proper=False, low=-1.0, high=1.0, elicits=lambda p: np.where(p > 0.5, 1.0, 0.0))
def stake() -> Rule:
    """Correctness-weighted confidence, improper (higher is better, in [-1, 1]): right c, wrong -c.

    Elicits 1 above p = 0.5 and 0 below: a bet is always all or nothing. `weighted` is the proper form.
    DualStake (2026); Leng et al., PPO-C (2024), is linear as well.

    >>> stake()([0.9, 0.9], [1, 0])
    array([ 0.9, -0.9])
    """
    return Rule(right=lambda c: c, wrong=lambda c: -c)


@rule(proper=True, low=lambda power: -power / (power + 1), high=lambda power: 1 / (power + 1))
def weighted(power: float = 1.0) -> Rule:
    """Correctness-weighted confidence at its fair price (higher is better, in [-k/(k+1), 1/(k+1)], k = power).

    Right c^k - k/(k+1) c^(k+1), wrong -k/(k+1) c^(k+1): the stake y c^k, minus the price that makes c = p the best bet.
    An honest model earns p^(k+1)/(k+1), which rises with p, so no other term is needed to make a right answer pay.
    k = 1 is half of correct_brier.  The weight density m(t) = k t^(k-1) in Schervish (1989).

    >>> weighted()([0.8, 0.8], [1, 0]).round(2)
    array([ 0.48, -0.32])
    """
    positive(power=power)
    price = power / (power + 1)
    return Rule(right=lambda c: c**power - price * c ** (power + 1), wrong=lambda c: -price * c ** (power + 1))


@rule(proper=False, low=-1.0, high=0.0, elicits=lambda p: np.where(p > 0.5, 1.0, 0.0))
def absolute() -> Rule:
    """Absolute error, improper (higher is better, in [-1, 0]): right -(1-c), wrong -c.

    Elicits 1 above p = 0.5 and 0 below.  The paper of DCPO, Ma et al. (2026), uses it; its code uses the square.

    >>> absolute()([0.9, 0.9], [1, 0]).round(1)
    array([-0.1, -0.9])
    """
    return Rule(right=lambda c: -(1 - c), wrong=lambda c: -c)
