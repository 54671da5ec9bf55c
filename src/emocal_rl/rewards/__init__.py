"""Rewards for models that state a confidence: rules, formats, graders, and a check that honesty pays.

Needs numpy and the standard library only.

>>> from emocal_rl.rewards import Reward, judge
>>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")
>>> judge(reward).sound
True
"""

import importlib
from typing import TYPE_CHECKING, Any

from emocal_rl.rewards.distributions import DISTRIBUTION_RULES, DistributionRule, distribution_rule
from emocal_rl.rewards.formats import FAULTS, FORMATS, Format, Reply
from emocal_rl.rewards.graders import GRADERS, grader
from emocal_rl.rewards.group_targets import GROUP_TARGETS
from emocal_rl.rewards.presets import PRESETS, Preset, preset
from emocal_rl.rewards.reward import Reward, Scored
from emocal_rl.rewards.rules import RULES, Rule, rule

if TYPE_CHECKING:
    from emocal_rl.rewards.incentive import Verdict, check_rule, judge

__all__ = [
    "DISTRIBUTION_RULES", "FAULTS", "FORMATS", "GRADERS", "GROUP_TARGETS", "PRESETS", "RULES", "DistributionRule",
    "Format", "Preset", "Reply", "Reward", "Rule", "Scored", "Verdict", "check_rule", "distribution_rule", "grader",
    "judge", "preset", "rule",
]  # fmt: skip

_INCENTIVE = ("Verdict", "check_rule", "judge")


def __getattr__(name: str) -> Any:
    """The check is loaded when it is first asked for: a trainer that only scores starts faster without."""
    if name not in (*_INCENTIVE, "incentive"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    incentive = importlib.import_module(f"{__name__}.incentive")
    globals().update({one: getattr(incentive, one) for one in _INCENTIVE})
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_INCENTIVE, "incentive"})
