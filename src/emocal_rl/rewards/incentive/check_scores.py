"""What is wrong with a distribution rule, in words; see `check_rule`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emocal_rl.rewards.distributions import DistributionRule, simplex
from emocal_rl.rewards.incentive.simplex import best_paid
from emocal_rl.rewards.rules.core import Array, Rule, shown

AnyRule = Rule | DistributionRule


def scores_problems(rule: DistributionRule) -> list[str]:
    """What is wrong on distributions over two, else over three labels; UserError where it has no value."""
    for labels in (2, 3):
        grid = simplex(labels)
        scores = rule.table(grid)
        if found := [*_finite(rule, grid, scores), *_direction(rule, grid, scores)]:
            return found  # with more labels the same would be said again
    return []


def scores_claims(rule: DistributionRule) -> dict[str, str]:
    """Each declaration that is false on distributions over two or three labels, with a sentence; see `claims`."""
    found: dict[str, str] = {}
    for labels in (3, 2):  # the fewer labels, the easier it is to picture
        grid = simplex(labels)
        scores = rule.table(grid)
        found |= range_claims(rule, scores, lambda at, grid=grid: _label_at(grid, at)) | _honesty(rule, grid, scores)  # type: ignore[misc]
    return found


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


def range_claims(rule: AnyRule, values: Array, where: Callable[[int], str]) -> dict[str, str]:
    """Whether any of these payoffs lies outside of what the rule declares.

    where: the words for the place of a payoff, given its index in `values`, flat.
    """
    least, most = int(values.argmin()), int(values.argmax())
    wrong = (
        ("low", rule.low, least, values.flat[least] < rule.low - 1e-9),
        ("high", rule.high, most, values.flat[most] > rule.high + 1e-9),
    )
    return {
        end: f"declares {end}={claim:.4g} and pays {values.flat[at] + 0.0:.4g} {where(at)}: correct {end}."
        for end, claim, at, outside in wrong
        if outside
    }


def _label_at(grid: Array, at: int) -> str:
    row, label = divmod(at, grid.shape[1])
    return f"at q={shown(grid[row])} where label {label + 1} turns out true"


def _honesty(rule: DistributionRule, grid: Array, scores: Array) -> dict[str, str]:
    finite = np.isfinite(scores).all(axis=1)
    grid = grid[finite]
    if not rule.proper or not len(grid):
        return {}
    gaps, tied = best_paid(grid, scores[finite])
    off = np.where(tied, gaps, np.inf)
    truth = int(off.min(axis=1).argmax())
    if off[truth].min() > 0:
        return {
            "proper": f"is declared proper and is not: where the labels turn out true with probabilities "
            f"{shown(grid[truth])}, stating {shown(grid[int(off[truth].argmin())])} pays most."
        }
    blur = np.where(tied, gaps, 0.0)
    truth = int(blur.max(axis=1).argmax())
    if rule.strict and blur[truth].max() > 0:
        return {
            "strict": f"is declared strict and is not: where the truth is {shown(grid[truth])}, "
            f"stating {shown(grid[int(blur[truth].argmax())])} pays the same. Declare strict=False."
        }
    return {}
