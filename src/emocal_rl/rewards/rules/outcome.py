"""Terms that do not look at the confidence."""

from __future__ import annotations

import numpy as np

from emocal_rl.rewards.rules.core import Rule
from emocal_rl.rewards.rules.declare import rule


@rule(proper=False, low=0.0, high=1.0, uses_confidence=False)
def correct() -> Rule:
    """Correctness (higher is better, in [0, 1]): right 1, wrong 0.  Every confidence pays the same.

    The term that makes a right answer worth having. Reinforcement learning from verifiable rewards uses it alone:
    Lambert et al., Tulu 3 (2024).

    >>> float(correct()(0.3, 1))
    1.0
    """
    return Rule(right=np.ones_like, wrong=np.zeros_like)


@rule(proper=False, low=0.0, high=1.0, uses_confidence=False)
def well_formed() -> Rule:
    """Readability (higher is better, in [0, 1]): 1 for a reply without a fault, 0 for a faulty one.

    Right 1, wrong 1: a Rule only ever sees readable replies, and `Reward` sets the 0.  Damani et al., RLCR (2025),
    weight it 0.5.

    >>> float(well_formed()(0.3, 0))
    1.0
    """
    return Rule(right=np.ones_like, wrong=np.ones_like)
