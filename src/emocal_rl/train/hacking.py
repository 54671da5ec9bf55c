"""A bandit with a way out: hard questions, and a policy that may also answer wrongly on purpose.

A deliberate wrong answer is certain to be wrong, so a confidence of nearly 0 in it is perfectly calibrated.  A reward
pays for that where its scoring rule outweighs correctness (`judge` computes the threshold); here it is seen happening.
The policy is a table over (try or give up) x confidence for each question; rewards, advantages and the optimiser are
those of `emocal_rl.train.bandit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from emocal_rl.rewards import Reward
from emocal_rl.train.bandit import LEVELS, Adam, payoffs, softmax
from emocal_rl.train.credit import centred

CHANCES = (0.1, 0.2, 0.3)


@dataclass(frozen=True)
class Task:
    """What is asked and how it is learnt.

    chances: of being right when trying, one for each question. prompts: groups a step for every question; generations:
    replies a group; rate: learning rate of Adam, falling linearly to zero.
    """

    chances: tuple[float, ...] = CHANCES
    prompts: int = 96
    generations: int = 8
    steps: int = 2000
    rate: float = 0.02
    seed: int = 0


@dataclass(frozen=True)
class End:
    """Where a policy ends, of all questions: the share of replies that give up, the mean confidence of those and of the
    honest tries (NaN where there are none), and the share of right answers.  All in [0, 1]."""

    given_up: float
    giving_up_says: float
    trying_says: float
    accuracy: float


def train(reward: Reward, task: Task | None = None) -> End:
    """Train the table by GRPO without division (`scale_rewards: none`).

    >>> brier = {"correct": 1.0, "brier": 1.0}
    >>> task = Task(chances=(0.3,), prompts=24, steps=300, rate=0.1)
    >>> sound, twice = (Reward(terms, "emocaliber", "label") for terms in (brier, brier | {"brier": 2.0}))
    >>> train(sound, task).given_up < 0.05, train(twice, task).given_up > 0.95
    (True, True)
    """
    task = task or Task()
    random, pays = np.random.default_rng(task.seed), payoffs(reward).sum(-1)
    logits, adam = np.zeros((len(task.chances), 2 * len(LEVELS))), Adam(task.rate)
    for step in range(task.steps):
        policy = softmax(logits)
        logits = logits + adam(gradient(policy, pays, task, random), 1 - step / task.steps)
    return end(softmax(logits), task)


def gradient(policy: np.ndarray, pays: np.ndarray, task: Task, random: Any) -> np.ndarray:
    """The policy gradient (Q, 2K) of one step's replies; the first K actions try, the others give up.

    pays: (2, K), the totals of a wrong and a right reply at each level.
    """
    count = task.prompts * task.generations
    drawn = random.random((len(policy), count))
    action = (drawn[:, :, None] > policy.cumsum(1)[:, None, :-1]).sum(-1)
    tries = action < len(LEVELS)
    right = tries & (random.random(action.shape) < np.array(task.chances)[:, None])
    totals = pays[right.astype(int), action % len(LEVELS)].reshape(-1)
    paid = centred(totals, np.ones(totals.size, bool), task.generations).reshape(action.shape)
    chosen = np.zeros_like(policy)
    np.add.at(chosen, (np.arange(len(policy))[:, None], action), paid)
    return np.asarray((chosen - paid.sum(1, keepdims=True) * policy) / count)


def end(policy: np.ndarray, task: Task) -> End:
    """What a policy (Q, 2K) does."""
    tries, gives_up = policy[:, : len(LEVELS)], policy[:, len(LEVELS) :]
    accuracy = float((tries.sum(1) * np.array(task.chances)).mean())
    return End(float(gives_up.sum(1).mean()), mean_level(gives_up), mean_level(tries), accuracy)


def mean_level(chances: np.ndarray) -> float:
    """The mean confidence under the chances (Q, K) of the levels; NaN where they are next to nothing."""
    return float((chances @ LEVELS).sum() / chances.sum()) if chances.sum() > 1e-3 else np.nan
