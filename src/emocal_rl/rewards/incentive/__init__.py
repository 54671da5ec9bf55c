"""Is a reward worth training on? Computed before anything is trained; see `judge`."""

from emocal_rl.rewards.incentive.advantage import SCALES, Group, scaled
from emocal_rl.rewards.incentive.bias import Bias, bias
from emocal_rl.rewards.incentive.check import check_rule
from emocal_rl.rewards.incentive.facts import BELIEFS, curves, normalised
from emocal_rl.rewards.incentive.honesty import elicited, safe_weight, speed, thresholds, value
from emocal_rl.rewards.incentive.verdict import Verdict, judge
from emocal_rl.rewards.incentive.words import describe, describe_bias

__all__ = [
    "BELIEFS", "SCALES", "Bias", "Group", "Verdict", "bias", "check_rule", "curves", "describe", "describe_bias",
    "elicited", "judge", "normalised", "safe_weight", "scaled", "speed", "thresholds", "value",
]  # fmt: skip
