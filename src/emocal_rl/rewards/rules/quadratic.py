"""Rules built on the squared error (c - y)^2."""

from __future__ import annotations

from emocal_rl.rewards.rules.checks import positive
from emocal_rl.rewards.rules.core import Rule
from emocal_rl.rewards.rules.declare import rule


@rule(proper=True, low=-1.0, high=0.0)
def brier() -> Rule:
    """Brier reward (higher is better, in [-1, 0]): right -(1-c)^2, wrong -c^2.  Brier (1950).

    Pays a sure wrong answer as much as a sure right one, so add the term `correct` with at least the same weight.

    >>> brier()([0.9, 0.2], [1, 0]).round(2)
    array([-0.01, -0.04])
    """
    return Rule(right=lambda c: -((1 - c) ** 2), wrong=lambda c: -(c**2))


@rule(proper=True, low=0.0, high=1.0)
def brier_unit() -> Rule:
    """Brier reward moved to [0, 1] (higher is better): right 1-(1-c)^2, wrong 1-c^2.  Damani et al., RLCR code (2025).

    >>> brier_unit()([0.9, 0.2], [1, 0]).round(2)
    array([0.99, 0.96])
    """
    return Rule(right=lambda c: 1 - (1 - c) ** 2, wrong=lambda c: 1 - c**2)


@rule(proper=True, low=-1.0, high=1.0)
def brier_signed() -> Rule:
    """Brier reward stretched to [-1, 1] (higher is better): right 1-2(1-c)^2, wrong 1-2c^2.  Xu et al., SaySelf (2024).

    >>> brier_signed()([0.5, 1.0], [1, 0])
    array([ 0.5, -1. ])
    """
    return Rule(right=lambda c: 1 - 2 * (1 - c) ** 2, wrong=lambda c: 1 - 2 * c**2)


@rule(proper=True, low=lambda k: -k, high=1.0)
def correct_brier(k: float = 1.0) -> Rule:
    """Correctness plus k times Brier (higher is better, in [-k, 1]): right 1-k(1-c)^2, wrong -k c^2.

    k = 1 is the reward of RLCR and exactly as far as honesty about the answer goes: above 1, answering wrong on purpose
    pays on hard questions.  Damani et al. (2025); Tan et al. (2026) for other k.

    >>> correct_brier(k=2.0)([0.5, 0.5], [1, 0])
    array([ 0.5, -0.5])
    """
    positive(k=k)
    return Rule(right=lambda c: 1 - k * (1 - c) ** 2, wrong=lambda c: -k * c**2)


@rule(proper=True, low=-1.0, high=1.0)
def uniform_threshold() -> Rule:
    """Mean payoff over all risk thresholds (higher is better, in [-1, 1]): right 2c-c^2, wrong -c^2.

    The game "answer for +1, be wrong for -t/(1-t), or abstain for 0", played at every threshold t below c, weighted
    2(1-t) and summed. Equal to correct_brier(k=1).  Behaviourally calibrated RL, arXiv 2512.19920 (2025).

    >>> uniform_threshold()([0.5, 0.5], [1, 0])
    array([ 0.75, -0.25])
    """
    return Rule(right=lambda c: 2 * c - c**2, wrong=lambda c: -(c**2))


@rule(
    proper=False,
    low=lambda right_weight, wrong_weight: -max(right_weight, wrong_weight),
    high=0.0,
    elicits=lambda p, right_weight, wrong_weight: right_weight * p / (right_weight * p + wrong_weight * (1 - p)),
)
def unequal_brier(right_weight: float = 1.0, wrong_weight: float = 2.0) -> Rule:
    """Brier with unequal arms, improper (higher is better, in [-max(a, b), 0]): right -a(1-c)^2, wrong -b c^2.

    Elicits a p / (a p + b (1-p)) with a = right_weight, b = wrong_weight: under-confidence when b > a. Found in several
    code bases; kept for comparison.  Analysis: Savage (1971).

    >>> unequal_brier()([0.5, 0.5], [1, 0])
    array([-0.25, -0.5 ])
    """
    positive(right_weight=right_weight, wrong_weight=wrong_weight)
    return Rule(right=lambda c: -right_weight * (1 - c) ** 2, wrong=lambda c: -wrong_weight * c**2)


@rule(proper=False, low=-1.0, high=0.0, elicits=lambda p, power: p ** (1 / power))
def distorted_brier(power: float = 1.3) -> Rule:
    """Brier of a distorted confidence, improper (higher is better, in [-1, 0]): right -(1-c^a)^2, wrong -c^(2a).

    Elicits p^(1/a), with a = power: 0.59 at p = 0.5 for 1.3.  The Rewarding Doubt port in VL-Calibration's repository
    distorts this way, arXiv 2604.09529 (2026); kept for comparison.

    >>> distorted_brier(power=2.0)([0.5, 0.5], [1, 0])
    array([-0.5625, -0.0625])
    """
    positive(power=power)
    return Rule(right=lambda c: -((1 - c**power) ** 2), wrong=lambda c: -(c ** (2 * power)))
