"""Rewards for models that state a confidence: rules, formats, graders, and a check that honesty pays.

Needs numpy and the standard library only.

>>> from emocal_rl.rewards import Reward, judge
>>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")
>>> judge(reward).sound
True
"""

from emocal_rl.rewards.formats import FAULTS, FORMATS, Format, Reply
from emocal_rl.rewards.graders import GRADERS, grader
from emocal_rl.rewards.incentive import Verdict, judge
from emocal_rl.rewards.reward import Reward, Scored
from emocal_rl.rewards.rules import RULES, Rule, rule

__all__ = [
    "FAULTS", "FORMATS", "GRADERS", "RULES", "Format", "Reply", "Reward", "Rule", "Scored", "Verdict", "grader",
    "judge", "rule",
]  # fmt: skip
