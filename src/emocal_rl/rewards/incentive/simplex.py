"""Properness of distribution rules, by search over the simplex."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emocal_rl.rewards.distributions import DistributionRule, simplex
from emocal_rl.rewards.incentive.honesty import TIE
from emocal_rl.rewards.rules.core import Array
from emocal_rl.rewards.terms import Term


def payments(terms: Sequence[Term], stated: Array) -> Array:
    """Total payoff of each stated distribution for each label that may turn out true, shape (N, K).

    The answer is the most probable label; scalar terms look at it and at its probability.
    """
    n, labels = stated.shape
    total = np.zeros((n, labels))
    top, hit = stated.max(axis=1), np.eye(labels)[stated.argmax(axis=1)]
    for term in terms:
        if isinstance(term.rule, DistributionRule):
            truth = np.eye(labels)
            scores = np.stack([term.rule(stated, np.tile(truth[k], (n, 1))) for k in range(labels)], axis=1)
        else:
            scores = term.rule(top[:, None], hit)
        total += term.weight * scores
    return total


def simplex_error(terms: Sequence[Term], labels: int = 3) -> float:
    """How far the best-paid distribution lies from the true one, at worst over the simplex; 0 when proper.

    Largest absolute difference of a probability, in [0, 1].

    >>> from emocal_rl.rewards import Reward
    >>> simplex_error(Reward({"multiclass_brier": 1.0}, format="distribution", grader="votes").terms)
    0.0
    """
    grid = simplex(labels)
    gaps, tied = best_paid(grid, payments(terms, grid))
    return float(np.where(tied, gaps, np.inf).min(axis=1).max())


def best_paid(grid: Array, scores: Array) -> tuple[Array, NDArray[np.bool_]]:
    """(distance of every stated distribution from every true one, which of the stated ones pay most), truth by row.

    grid: distributions of shape (N, K). scores: what each pays for each label that may turn out true, shape (N, K).
    Both of shape (N, N); the distance is the largest absolute difference of a probability.
    """
    pay = grid @ scores.T
    tied = pay >= pay.max(axis=1, keepdims=True) - TIE * max(float(np.ptp(pay)), 1e-12)
    return np.abs(grid[:, None, :] - grid[None, :, :]).max(axis=2), tied


def binary_slice(rule: DistributionRule, c: Array) -> tuple[Array, Array]:
    """(wrong, right) payoff of stating c for the first of two labels, at each confidence; same shape as c."""
    stated = np.stack([c, 1 - c], axis=-1)
    first, second = (np.broadcast_to(np.eye(2)[k], stated.shape) for k in (0, 1))
    return rule(stated, second), rule(stated, first)
