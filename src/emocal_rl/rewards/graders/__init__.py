"""Graders: a Reply and the row's target -> correctness in [0, 1], or None when the row cannot be graded."""

from emocal_rl.rewards.graders.core import GRADERS, Graded, Grader, find_grader, grade, grader
from emocal_rl.rewards.graders.labels import label, votes

__all__ = ["GRADERS", "Graded", "Grader", "find_grader", "grade", "grader", "label", "votes"]
