"""Graders: a Reply and the row's target -> correctness in [0, 1], or None when the row cannot be graded."""

from emocal_rl.rewards.graders.core import GRADERS, Graded, Grader, accepting, find_grader, grade, grader
from emocal_rl.rewards.graders.labels import label, votes
from emocal_rl.rewards.graders.open import choice, judge, numeric, taxonomy

__all__ = [
    "GRADERS", "Graded", "Grader", "accepting", "choice", "find_grader", "grade", "grader", "judge", "label", "numeric",
    "taxonomy", "votes",
]  # fmt: skip
