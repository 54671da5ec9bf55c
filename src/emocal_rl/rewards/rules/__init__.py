"""The catalogue of scoring rules. ``RULES`` maps every name to its declaration; call one to bind its parameters.

>>> from emocal_rl.rewards import rules
>>> float(rules.brier()(0.5, 1))
-0.25
"""

from emocal_rl.rewards.rules.core import RULES, Declaration, Rule, find_rule, rule
from emocal_rl.rewards.rules.logarithmic import correct_log, log, log_unit
from emocal_rl.rewards.rules.outcome import correct, well_formed
from emocal_rl.rewards.rules.quadratic import (
    brier,
    brier_signed,
    brier_unit,
    correct_brier,
    distorted_brier,
    unequal_brier,
    uniform_threshold,
)
from emocal_rl.rewards.rules.spherical import correct_spherical, power, pseudospherical, spherical
from emocal_rl.rewards.rules.stakes import absolute, stake, weighted

__all__ = [
    "RULES", "Declaration", "Rule", "absolute", "brier", "brier_signed", "brier_unit", "correct", "correct_brier",
    "correct_log", "correct_spherical", "distorted_brier", "find_rule", "log", "log_unit", "power", "pseudospherical",
    "rule", "spherical", "stake", "unequal_brier", "uniform_threshold", "weighted", "well_formed",
]  # fmt: skip
