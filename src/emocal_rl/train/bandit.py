"""A bandit with a known optimum: does training on a reward end at the honest confidence?

The policy is a table: for each of a few questions, which the model answers rightly with a known probability p, logits
over the confidences 0.05, 0.15, ..., 0.95.  Rewards come from the real `Reward`, advantages from the functions that the
trainers use (or, where TRL computes them, from functions that tests hold against TRL), so what ends elsewhere than at p
here is bent by the algorithm and not by the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emocal_rl.rewards import RULES, Reward, judge
from emocal_rl.train.credit import centred, leave_one_out, parts
from emocal_rl.train.exact import stated_pay

LEVELS = np.round(np.arange(0.05, 1.0, 0.1), 2)
CHANCES = (0.25, 0.45, 0.65, 0.85)
REASONING = dict.fromkeys(("think", "element", "human", "context", "interaction", "analysis"), "x")


@dataclass(frozen=True)
class Setup:
    """The trainer's side.  shared: all replies of a group are right or wrong together, as forecasts of one event are.

    prompts: groups a step for every question; generations: replies a group; rate: learning rate of Adam on the logits,
    falling linearly to zero.
    """

    prompts: int = 192
    generations: int = 8
    steps: int = 3000
    rate: float = 0.01
    shared: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Batch:
    """One step's replies to Q questions, N each: the level chosen, the outcome, and what its parts earned; all (Q, N).

    policy: (Q, K), the chances of the levels.  reward: what pays.
    """

    level: np.ndarray
    right: np.ndarray
    outcome: np.ndarray
    stated: np.ndarray
    policy: np.ndarray
    reward: Reward
    generations: int


def payoffs(reward: Reward) -> np.ndarray:
    """(2, K, 2): the parts (outcome, stated) that a wrong and a right reply earn at each level, by the real reward."""
    candidates = ["negative", "positive"]
    texts = [reward.format.write(REASONING, answer, float(c)) for answer in candidates for c in LEVELS]
    scored = reward(texts, [{"candidates": candidates, "label": "positive", "votes": [0, 1]}] * len(texts))
    return np.array([parts(row, reward) for row in scored]).reshape(2, len(LEVELS), 2)


def by_reply(advantage: Callable[[Batch], np.ndarray]) -> Callable[[Batch], np.ndarray]:
    """The policy gradient (Q, K) of advantages (Q * N,), each credited to the level that was sampled."""

    def gradient(batch: Batch) -> np.ndarray:
        paid = advantage(batch).reshape(batch.level.shape)
        cells = np.arange(len(paid))[:, None] * batch.policy.shape[1] + batch.level
        chosen = np.bincount(cells.ravel(), paid.ravel(), batch.policy.size).reshape(batch.policy.shape)
        return np.asarray((chosen - paid.sum(1, keepdims=True) * batch.policy) / batch.level.shape[1])

    return gradient


def scaled(scale: str, segment: bool = False) -> Callable[[Batch], np.ndarray]:
    """GRPO's advantages, of whole replies or of the part that their confidence earned."""

    def advantage(batch: Batch) -> np.ndarray:
        earned = (batch.stated if segment else batch.outcome + batch.stated).reshape(-1)
        return np.asarray(centred(earned, np.ones(earned.size, bool), batch.generations, scale))

    return advantage


def against_the_others(batch: Batch) -> np.ndarray:
    """RLOO's advantages."""
    earned = (batch.outcome + batch.stated).reshape(-1)
    return leave_one_out(earned, np.ones(earned.size, bool), batch.generations)


def exact(batch: Batch) -> np.ndarray:
    """Exact credit: the gradient (Q, K) of the expected pay of all levels, given the sampled outcomes."""
    pay = [stated_pay(batch.reward, LEVELS, y) for y in (0.0, 1.0)]
    share = batch.right.mean(1, keepdims=True)
    mean = (1 - share) * pay[0] + share * pay[1]
    return np.asarray(batch.policy * (mean - (batch.policy * mean).sum(1, keepdims=True)))


class Critic:
    """PPO's advantages: replies of two tokens, the answer and the confidence, and a value for each of a question's."""

    def __init__(self, questions: int, rate: float = 0.05, lam: float = 0.95, clip: float = 0.2) -> None:
        import torch

        self.values = torch.zeros(questions, 2, dtype=torch.float64, requires_grad=True)
        self.optimiser, self.lam, self.clip = torch.optim.Adam([self.values], rate), lam, clip

    def __call__(self, batch: Batch) -> np.ndarray:
        """Advantages of the confidences, (Q * N,); the values learn from the same replies."""
        import torch

        from emocal_rl.train.gae import at_the_end, gae, value_loss

        count = batch.level.shape[1]
        mask = torch.ones(batch.level.size, 2, dtype=torch.float64)
        rewards = at_the_end(torch.from_numpy((batch.outcome + batch.stated).reshape(-1)), mask.long())
        values = self.values.repeat_interleave(count, 0)
        before = values.detach()
        advantages, returns = gae(rewards, before, mask, 1.0, self.lam)
        self.optimiser.zero_grad()
        value_loss(values, before, returns, mask, self.clip).backward()
        self.optimiser.step()
        return np.asarray(advantages[:, 1].numpy())


ALGORITHMS: dict[str, Callable[[], Callable[[Batch], np.ndarray]]] = {
    "grpo none": lambda: by_reply(scaled("none")),
    "grpo batch": lambda: by_reply(scaled("batch")),
    "rloo": lambda: by_reply(against_the_others),
    "ppo": lambda: by_reply(Critic(len(CHANCES))),
    "segment": lambda: by_reply(scaled("none", segment=True)),
    "exact": lambda: exact,
    "grpo group": lambda: by_reply(scaled("group")),
}
"""Name -> what makes the gradient of a batch.  All but the last keep a proper rule proper."""


def train(reward: Reward, algorithm: str, setup: Setup | None = None) -> dict[float, float]:
    """Train the table; chance of being right -> the mean confidence stated in the end, both in (0, 1).

    >>> from emocal_rl.rewards import RULES, Reward, judge
    >>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label")
    >>> ends = train(reward, "exact", Setup(prompts=48, steps=300, rate=0.05))
    >>> worst(ends) < 0.03
    True
    """
    setup = setup or Setup()
    random, pays, gradient = np.random.default_rng(setup.seed), payoffs(reward), ALGORITHMS[algorithm]()
    logits, adam = np.zeros((len(CHANCES), len(LEVELS))), Adam(setup.rate)
    for step in range(setup.steps):
        policy = softmax(logits)
        batch = rollouts(policy, pays, reward, setup, random)
        logits = logits + adam(gradient(batch), 1 - step / setup.steps)
    return dict(zip(CHANCES, (softmax(logits) @ LEVELS).tolist(), strict=True))


def worst(ends: dict[float, float]) -> float:
    """The largest distance of a stated confidence from the chance of being right, in [0, 1); 0 is honest.

    >>> round(worst({0.3: 0.31, 0.9: 0.85}), 2)
    0.05
    """
    return max(abs(said - chance) for chance, said in ends.items())


def sound_rules() -> list[str]:
    """The rules of the catalogue that are strictly proper and, with correctness at the same weight, sound."""
    verdicts = {name: judge(reward_with(name)) for name, rule in RULES.items() if rule().uses_confidence}
    return [name for name, verdict in verdicts.items() if verdict.sound and verdict.strict]


def reward_with(rule: str) -> Reward:
    """Correctness plus a rule at weight 1, which is how the catalogue judges a rule."""
    return Reward({"correct": 1.0, rule: 1.0}, format="emocaliber", grader="label")


def rollouts(policy: np.ndarray, pays: np.ndarray, reward: Reward, setup: Setup, random: Any) -> Batch:
    """One step's replies, drawn from the policy, with fresh outcomes or one a group."""
    shape = (len(CHANCES), setup.prompts, 1 if setup.shared else setup.generations)
    right = random.random(shape) < np.array(CHANCES)[:, None, None]
    right = np.broadcast_to(right, (*shape[:2], setup.generations)).reshape(len(CHANCES), -1).astype(int)
    drawn = random.random(right.shape)
    steps = policy.cumsum(1)[:, :-1]
    level = np.stack([step.searchsorted(draw) for step, draw in zip(steps, drawn, strict=True)])
    paid = pays[right, level]
    return Batch(level, right, paid[..., 0], paid[..., 1], policy, reward, setup.generations)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Chances (Q, K) of logits (Q, K)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


class Adam:
    """Adam on an array, as the trainers use it (Kingma and Ba, 2015)."""

    def __init__(self, rate: float, betas: Sequence[float] = (0.9, 0.999), epsilon: float = 1e-8) -> None:
        self.rate, self.betas, self.epsilon, self.count = rate, betas, epsilon, 0
        self.first: Any = 0.0
        self.second: Any = 0.0

    def __call__(self, gradient: np.ndarray, share: float) -> np.ndarray:
        """The step up this gradient, at `share` of the learning rate."""
        self.count += 1
        self.first = self.betas[0] * self.first + (1 - self.betas[0]) * gradient
        self.second = self.betas[1] * self.second + (1 - self.betas[1]) * gradient**2
        first = self.first / (1 - self.betas[0] ** self.count)
        second = self.second / (1 - self.betas[1] ** self.count)
        return np.asarray(self.rate * share * first / (np.sqrt(second) + self.epsilon))
