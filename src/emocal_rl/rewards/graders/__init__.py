"""Graders: a Reply and the row's target -> correctness in [0, 1], or None when the row cannot be graded."""

from emocal_rl.rewards.graders.core import GRADERS, Grader, find_grader, grader
from emocal_rl.rewards.graders.labels import label, votes

__all__ = ["GRADERS", "Grader", "find_grader", "grader", "label", "votes"]
