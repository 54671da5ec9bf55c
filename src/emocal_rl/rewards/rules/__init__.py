"""The catalogue of scoring rules. ``RULES`` maps every name to its declaration; call one to bind its parameters.

>>> from emocal_rl.rewards import rules
>>> float(rules.brier()(0.5, 1))
-0.25
"""

from emocal_rl.rewards.rules.core import Rule
from emocal_rl.rewards.rules.decisions import abstention, threshold, winkler
from emocal_rl.rewards.rules.declare import RULES, Declaration, find, rule
from emocal_rl.rewards.rules.density import beta, cost_ratio, density, from_density
from emocal_rl.rewards.rules.improper import (
    centred_stake,
    clipped_stake,
    confidence_if_right,
    distance_decay,
    stretched_log,
)
from emocal_rl.rewards.rules.logarithmic import (
    brier_log,
    correct_log,
    log,
    log_affine,
    log_unit,
    overconfidence,
    underconfidence,
)
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
    "RULES", "Declaration", "Rule", "absolute", "abstention", "beta", "brier", "brier_log", "brier_signed",
    "brier_unit", "centred_stake", "clipped_stake", "confidence_if_right", "correct", "correct_brier", "correct_log",
    "correct_spherical", "cost_ratio", "density", "distance_decay", "distorted_brier", "find", "from_density", "log",
    "log_affine", "log_unit", "overconfidence", "power", "pseudospherical", "rule", "spherical", "stake",
    "stretched_log", "threshold", "underconfidence", "unequal_brier", "uniform_threshold", "weighted", "well_formed",
    "winkler",
]  # fmt: skip
