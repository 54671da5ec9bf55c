"""Is a reward worth training on? Computed before anything is trained; see `judge`."""

from emocal_rl.rewards.incentive.advantage import SCALES, Group, scaled
from emocal_rl.rewards.incentive.check import check_rule
from emocal_rl.rewards.incentive.facts import BELIEFS
from emocal_rl.rewards.incentive.honesty import elicited, safe_weight, speed, thresholds, value
from emocal_rl.rewards.incentive.verdict import Verdict, judge

__all__ = [
    "BELIEFS", "SCALES", "Group", "Verdict", "check_rule", "elicited", "judge", "safe_weight", "scaled", "speed",
    "thresholds", "value",
]  # fmt: skip
