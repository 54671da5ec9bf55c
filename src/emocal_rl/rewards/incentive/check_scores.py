"""What is wrong with a distribution rule, in words; see `check_rule`."""

from __future__ import annotations

import numpy as np

from emocal_rl.rewards.distributions import DistributionRule, simplex
from emocal_rl.rewards.incentive.simplex import best_paid
from emocal_rl.rewards.rules.core import Array, Rule, shown

AnyRule = Rule | DistributionRule


def scores_problems(rule: DistributionRule) -> list[str]:
    """Everything that is wrong, on distributions over two and over three labels; UserError where it has no value."""
    for labels in (2, 3):
        grid = simplex(labels)
        scores = rule.table(grid)
        found = [text for check in (_finite, _direction, _range, _claim) for text in check(rule, grid, scores)]
        if found:
            return found  # with more labels the same would be said again
    return []


def _finite(rule: DistributionRule, grid: Array, scores: Array) -> list[str]:
    at = np.argwhere(~np.isfinite(scores))
    if not at.size:
        return []
    return [
        f"scores(q) is infinite at q={shown(grid[at[0][0]])}: one such reply would drown a whole batch. "
        "Clip q to at least eps."
    ]


def _direction(rule: DistributionRule, grid: Array, scores: Array) -> list[str]:
    """A label must be paid more by those who were sure of it than by those who ruled it out."""
    sure, never = (float(scores[grid[:, 0] == q, 0].mean()) for q in (1.0, 0.0))
    if sure >= never or np.isnan(sure):
        return []
    return [
        f"scores(q) pays {sure:g} for the first label at q={shown(np.eye(grid.shape[1])[0])} and {never:g} where it "
        "was ruled out: a label must pay more the likelier it was said to be. A loss has to be negated."
    ]


def _range(rule: DistributionRule, grid: Array, scores: Array) -> list[str]:
    return range_problems(rule, scores)


def range_problems(rule: AnyRule, values: Array) -> list[str]:
    """Whether any of these payoffs lies outside of what the rule declares."""
    low, high = float(values.min()), float(values.max())
    if low >= rule.low - 1e-9 and high <= rule.high + 1e-9:
        return []
    return [
        f"pays from {low:.4g} to {high:.4g}, outside the declared range from {rule.low:.4g} to {rule.high:.4g}: "
        "correct low and high."
    ]


def _claim(rule: DistributionRule, grid: Array, scores: Array) -> list[str]:
    if not rule.proper:
        return []
    finite = np.isfinite(scores).all(axis=1)
    grid = grid[finite]
    gaps, tied = best_paid(grid, scores[finite])
    off = np.where(tied, gaps, np.inf)
    truth = int(off.min(axis=1).argmax())
    if off[truth].min() > 0:
        return [
            f"is declared proper and is not: where the labels turn out true with probabilities {shown(grid[truth])}, "
            f"stating {shown(grid[int(off[truth].argmin())])} pays most."
        ]
    blur = np.where(tied, gaps, 0.0)
    truth = int(blur.max(axis=1).argmax())
    if rule.strict and blur[truth].max() > 0:
        return [
            f"is declared strict and is not: where the truth is {shown(grid[truth])}, "
            f"stating {shown(grid[int(blur[truth].argmax())])} pays the same. Declare strict=False."
        ]
    return []
