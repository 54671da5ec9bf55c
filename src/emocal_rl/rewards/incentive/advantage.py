"""What group-relative advantages make of a payoff: the confidence with the highest expected advantage.

One rollout of a group of G states c; the other G-1 answer the same prompt, are right independently with probability p
(or all together, when the outcome is shared), and state p. The expectation over all outcomes is exact, except for
"batch", where the other prompts of the batch are simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean
from emocal_rl.rewards.incentive.honesty import best
from emocal_rl.rewards.rules.core import Array

EPSILON = 1e-4
"""What trainers add to a standard deviation before dividing by it, as TRL does."""
SCALES = ("none", "batch", "group", "per_reward", "rank")

Payoff = Callable[[Any, Any, Any], Any]
"""(confidence, own outcome, how many of the others are right) -> payoff, broadcasting."""


@dataclass(frozen=True)
class Group:
    """The trainer's side: rollouts a prompt, prompts a batch, batches simulated (with a seed), one outcome a group?"""

    generations: int = 8
    prompts: int = 32
    draws: int = 200
    shared: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Rivals:
    """The other members of the group, by how many of them are right: counts, chances and payoffs, shape (K, 1)."""

    count: Array
    chance: Array
    right: Array
    wrong: Array

    def sums(self, size: Group) -> tuple[Array, Array]:
        """Sum and sum of squares of their payoffs."""
        missed = size.generations - 1 - self.count
        return self.count * self.right + missed * self.wrong, self.count * self.right**2 + missed * self.wrong**2


def outcomes(n: int, p: float) -> Array:
    """Probability of 0, 1, ..., n right answers among n, shape (n + 1,).

    >>> outcomes(2, 0.5)
    array([0.25, 0.5 , 0.25])
    """
    k = np.arange(n + 1)
    return np.asarray(np.array([comb(n, int(i)) for i in k]) * p**k * (1.0 - p) ** (n - k))


def _rivals(payoff: Payoff, p: float, own: int, size: Group) -> Rivals:
    """The others, who state p, given this member's own outcome (0 or 1)."""
    n = size.generations - 1
    count = np.array([n * own]) if size.shared else np.arange(n + 1)
    chance = np.ones(1) if size.shared else outcomes(n, p)
    seen = [np.clip(count + own - 1, 0, n), np.clip(count + own, 0, n)]  # whom a right and a wrong rival see be right
    paid = [np.broadcast_to(payoff(p, outcome, k), count.shape) for outcome, k in zip((1.0, 0.0), seen, strict=True)]
    return Rivals(*(np.asarray(column, dtype=float)[:, None] for column in (count, chance, *paid)))


def by_group(own: Array, rivals: Rivals, size: Group) -> Array:
    """(x - group mean) / group standard deviation of each own payoff x, shape (K, N).  GRPO, Shao et al. (2024)."""
    g = size.generations
    first, second = rivals.sums(size)
    mean = (first + own) / g
    variance = (second + own**2 - g * mean**2) / (g - 1)
    return np.asarray((own - mean) / (np.sqrt(np.maximum(variance, 0)) + EPSILON))


def by_rank(own: Array, rivals: Rivals, size: Group) -> Array:
    """Rank in the group, ties shared, centred and scaled to [-1, 1], shape (K, N)."""
    above = [np.sign(np.where(np.abs(own - paid) < 1e-12, 0.0, own - paid)) for paid in (rivals.right, rivals.wrong)]
    n = size.generations - 1
    return np.asarray((rivals.count * above[0] + (n - rivals.count) * above[1]) / n)


def by_batch(own: Array, rivals: Rivals, size: Group, rest: tuple[Array, Array]) -> Array:
    """(x - group mean) / batch standard deviation, averaged over the simulated other prompts, shape (K, N)."""
    g, n = size.generations, size.generations * size.prompts
    first, second = rivals.sums(size)
    total, square = rest[0][:, None, None] + first + own, rest[1][:, None, None] + second + own**2
    deviation = np.sqrt(np.maximum(square - total**2 / n, 0) / (n - 1)) + EPSILON
    return np.asarray((own - (first + own) / g) * (1 / deviation).mean(axis=0))


def expectation(payoff: Payoff, grid: Array, p: float, scale: str, size: Group) -> Array:
    """Expected advantage of stating each confidence of the grid at belief p, shape (N,)."""
    rest = simulate_rest(payoff, size, size.seed) if scale == "batch" else (np.zeros(1), np.zeros(1))
    total = np.zeros(len(grid))
    for outcome, weight in ((1, p), (0, 1 - p)):
        rivals = _rivals(payoff, p, outcome, size)
        own = payoff(grid[None, :], float(outcome), rivals.count)
        if scale == "batch":
            gain = by_batch(own, rivals, size, rest)
        else:
            gain = {"group": by_group, "rank": by_rank}[scale](own, rivals, size)
        total = total + weight * (rivals.chance * gain).sum(axis=0)
    return total


def simulate_rest(payoff: Payoff, size: Group, seed: int = 0) -> tuple[Array, Array]:
    """Sum and sum of squares of the payoffs of the batch's other prompts, whose beliefs are spread evenly over (0, 1).

    Every draw is one batch; both shape (draws,).
    """
    others, g = size.prompts - 1, size.generations
    beliefs = (np.arange(others) + 0.5) / max(others, 1)
    hits = np.random.default_rng(seed).binomial(g, beliefs, size=(size.draws, others))
    right = payoff(beliefs, 1.0, np.clip(hits - 1, 0, g - 1))
    wrong = payoff(beliefs, 0.0, np.clip(hits, 0, g - 1))
    first, second = hits * right + (g - hits) * wrong, hits * right**2 + (g - hits) * wrong**2
    return np.asarray(first.sum(axis=1)), np.asarray(second.sum(axis=1))


def scaled(
    payoffs: Sequence[Payoff],
    grid: Array,
    beliefs: Sequence[float] | Array,
    scale: str,
    size: Group | None = None,
    weights: Sequence[float] | None = None,
) -> Array:
    """The confidence with the highest expected advantage at each belief, shape (P,); arguments as in `advantages`.

    >>> from emocal_rl.rewards.rules import correct_brier
    >>> grid = np.arange(1, 100) / 100
    >>> scaled([lambda c, y, k: correct_brier()(c, y)], grid, [0.5, 0.9], "group")
    array([0.5 , 0.99])
    """
    return highest(advantages(payoffs, grid, beliefs, scale, size, weights), grid, beliefs, scale)


def highest(pay: Array, grid: Array, beliefs: Sequence[float] | Array, scale: str) -> Array:
    """The confidence with the highest of these advantages at each belief, shape (P,)."""
    p = np.asarray(beliefs, dtype=float)
    # a rank only asks on which side of the others one is: that whole side ties, and training drifts to its end
    return best(pay, grid, p if scale != "rank" else np.where(p > 0.5, 2.0, -1.0))[0]


def advantages(
    payoffs: Sequence[Payoff],
    grid: Array,
    beliefs: Sequence[float] | Array,
    scale: str,
    size: Group | None = None,
    weights: Sequence[float] | None = None,
) -> Array:
    """The expected advantage of each confidence of the grid at each belief, shape (P, N).

    payoffs: one per term. weights: one per term, 1 by default. scale: "none" (minus the group mean), "batch", "group"
    (divided by that standard deviation), "per_reward" (every term divided by its own group deviation, then weighted and
    summed), "rank".
    """
    if scale not in SCALES:
        raise UserError(f"scale_rewards: unknown {scale!r}{did_you_mean(scale, SCALES)}")
    terms = list(zip([1.0] * len(payoffs) if weights is None else weights, payoffs, strict=True))
    return np.array([_pay(terms, grid, float(belief), scale, size or Group()) for belief in beliefs])


def _pay(terms: list[tuple[float, Payoff]], grid: Array, p: float, scale: str, size: Group) -> Array:
    if scale == "per_reward":
        return np.asarray(sum(w * expectation(payoff, grid, p, "group", size) for w, payoff in terms))

    def whole(c: Any, y: Any, k: Any) -> Any:
        return sum(w * payoff(c, y, k) for w, payoff in terms)

    return _plain(whole, grid, p, size) if scale == "none" else expectation(whole, grid, p, scale, size)


def _plain(payoff: Payoff, grid: Array, p: float, size: Group) -> Array:
    """Without division: the advantage is the payoff minus what no confidence of this member changes."""
    n = size.generations - 1
    k = np.arange(n + 1)[:, None]
    mean = [(outcomes(n, p)[:, None] * payoff(grid[None, :], y, k)).sum(axis=0) for y in (1.0, 0.0)]
    return np.asarray(p * mean[0] + (1 - p) * mean[1])
