"""What group-relative advantages make of a payoff: the confidence with the highest expected advantage.

One rollout of a group of G states c; the other G-1 answer the same prompt, are right independently with probability p,
and state p. The expectation over all outcomes is exact, except for "batch", where the other prompts are simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean
from emocal_rl.rewards.incentive.honesty import best
from emocal_rl.rewards.rules.core import Array

EPSILON = 1e-4
"""What trainers add to the standard deviation before dividing by it."""

Payoff = Callable[[Array], tuple[Array, Array]]


@dataclass(frozen=True)
class Group:
    """The trainer's side: rollouts a prompt, prompts a batch, and how many batches are simulated for "batch"."""

    generations: int = 8
    prompts: int = 32
    draws: int = 200


def outcomes(n: int, p: float) -> Array:
    """Probability of 0, 1, ..., n right answers among n, shape (n + 1,)."""
    k = np.arange(n + 1)
    return np.asarray(np.array([comb(n, int(i)) for i in k]) * p**k * (1.0 - p) ** (n - k))


def _sums(others: tuple[float, float], n: int) -> tuple[Array, Array]:
    """Sum and sum of squares of n payoffs of which k = 0..n are right; both shape (n + 1, 1)."""
    right, wrong = others
    k = np.arange(n + 1)[:, None]
    return k * right + (n - k) * wrong, k * right**2 + (n - k) * wrong**2


def by_group(own: Array, others: tuple[float, float], chance: Array, size: Group) -> Array:
    """Expected (x - group mean) / group deviation of each own payoff x, shape (N,).  GRPO, Shao et al. (2024)."""
    g = size.generations
    first, second = _sums(others, g - 1)
    mean = (first + own) / g
    variance = (second + own**2 - g * mean**2) / (g - 1)
    return np.asarray(chance @ ((own - mean) / (np.sqrt(np.maximum(variance, 0)) + EPSILON)))


def by_rank(own: Array, others: tuple[float, float], chance: Array, size: Group) -> Array:
    """Expected rank in the group, ties shared, centred and scaled to [-1, 1], shape (N,)."""
    k = np.arange(size.generations)[:, None]
    right, wrong = (np.sign(np.where(np.abs(own - other) < 1e-12, 0.0, own - other)) for other in others)
    return np.asarray(chance @ (k * right + (size.generations - 1 - k) * wrong)) / (size.generations - 1)


def expectation(
    payoff: Payoff, grid: Array, p: float, size: Group, rest: tuple[Array, Array] | None, scale: str
) -> Array:
    """Expected advantage of stating each confidence of the grid at belief p, shape (N,)."""
    (right, wrong), honest = payoff(grid), payoff(np.array([p]))
    others = float(honest[0][0]), float(honest[1][0])
    chance = outcomes(size.generations - 1, p)
    if scale == "batch":
        assert rest is not None
        return np.asarray(p * _by_batch(right, others, chance, size, rest)
                          + (1 - p) * _by_batch(wrong, others, chance, size, rest))
    rule = {"group": by_group, "rank": by_rank}[scale]
    return np.asarray(p * rule(right, others, chance, size) + (1 - p) * rule(wrong, others, chance, size))


def _by_batch(own: Array, others: tuple[float, float], chance: Array, size: Group, rest: tuple[Array, Array]) -> Array:
    """Expected (x - group mean) / batch standard deviation, averaged over simulated other prompts, shape (N,)."""
    g, n = size.generations, size.generations * size.prompts
    first, second = _sums(others, g - 1)
    total = rest[0][:, None, None] + first + own
    square = rest[1][:, None, None] + second + own**2
    deviation = np.sqrt(np.maximum(square - total**2 / n, 0) / (n - 1)) + EPSILON
    return np.asarray(chance @ ((own - (first + own) / g) * (1 / deviation).mean(axis=0)))


def simulate_rest(payoff: Payoff, size: Group, seed: int = 0) -> tuple[Array, Array]:
    """Sum and sum of squares of the payoffs of the batch's other prompts, whose beliefs are spread evenly over (0, 1).

    Every draw is one batch; both shape (draws,).
    """
    others = size.prompts - 1
    beliefs = (np.arange(others) + 0.5) / max(others, 1)
    right, wrong = payoff(beliefs)
    hits = np.random.default_rng(seed).binomial(size.generations, beliefs, size=(size.draws, others))
    misses = size.generations - hits
    return hits @ right + misses @ wrong, hits @ right**2 + misses @ wrong**2


SCALES = ("none", "batch", "group", "per_reward", "rank")


def scaled(
    payoffs: Sequence[Payoff],
    grid: Array,
    beliefs: Sequence[float] | Array,
    scale: str,
    size: Group | None = None,
    weights: Sequence[float] | None = None,
) -> Array:
    """The confidence with the highest expected advantage at each belief, shape (P,).

    payoffs: one function of an array of confidences per term, giving (right, wrong). weights: one a term, 1 by default.
    scale: "none" (minus the group mean), "batch", "group" (divided by that standard deviation), "per_reward" (every
    term divided by its own group deviation, then weighted and summed), "rank".

    >>> from emocal_rl.rewards.rules import brier, correct
    >>> rules = [lambda c: (correct()(c, 1.0) + brier()(c, 1.0), correct()(c, 0.0) + brier()(c, 0.0))]
    >>> scaled(rules, np.arange(1, 100) / 100, [0.5, 0.9], "group")
    array([0.5 , 0.99])
    """
    if scale not in SCALES:
        raise UserError(f"scale_rewards: unknown {scale!r}{did_you_mean(scale, SCALES)}")
    size = size or Group()
    weights = [1.0] * len(payoffs) if weights is None else weights
    pay = np.array([_pay(payoffs, weights, grid, float(p), scale, size) for p in beliefs])
    # a rank only asks on which side of the others one is: that whole side ties, and training drifts to its end
    away = np.asarray(beliefs) if scale != "rank" else np.where(np.asarray(beliefs) > 0.5, 2.0, -1.0)
    return best(pay, grid, away)[0]


def _pay(
    payoffs: Sequence[Payoff], weights: Sequence[float], grid: Array, p: float, scale: str, size: Group
) -> Array:
    terms = list(zip(weights, payoffs, strict=True))
    if scale == "per_reward":
        return np.asarray(sum(w * expectation(payoff, grid, p, size, None, "group") for w, payoff in terms))

    def whole(c: Array) -> tuple[Array, Array]:
        pairs = [(w, payoff(c)) for w, payoff in terms]
        return np.asarray(sum(w * pair[0] for w, pair in pairs)), np.asarray(sum(w * pair[1] for w, pair in pairs))

    if scale == "none":
        right, wrong = whole(grid)
        return np.asarray(p * right + (1 - p) * wrong)
    rest = simulate_rest(whole, size) if scale == "batch" else None
    return expectation(whole, grid, p, size, rest, scale)
