"""Rewards for models that state a confidence: rules, formats, graders, and a check that honesty pays.

Needs numpy and the standard library only.

>>> from emocal_rl.rewards import Reward, judge
>>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")
>>> judge(reward).sound
True
"""

from emocal_rl.rewards.distributions import DISTRIBUTION_RULES, DistributionRule, distribution_rule
from emocal_rl.rewards.formats import FAULTS, FORMATS, Format, Reply
from emocal_rl.rewards.graders import GRADERS, grader
from emocal_rl.rewards.group_targets import GROUP_TARGETS
from emocal_rl.rewards.incentive import Verdict, check_rule, judge
from emocal_rl.rewards.presets import PRESETS, Preset, preset
from emocal_rl.rewards.reward import Reward, Scored
from emocal_rl.rewards.rules import RULES, Rule, rule

__all__ = [
    "DISTRIBUTION_RULES", "FAULTS", "FORMATS", "GRADERS", "GROUP_TARGETS", "PRESETS", "RULES", "DistributionRule",
    "Format", "Preset", "Reply", "Reward", "Rule", "Scored", "Verdict", "check_rule", "distribution_rule", "grader",
    "judge", "preset", "rule",
]  # fmt: skip
