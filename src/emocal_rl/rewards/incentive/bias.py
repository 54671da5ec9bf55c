"""What every way of normalising advantages makes of one reward: the table that `emocal-rl check` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from emocal_rl.rewards.incentive.advantage import Group
from emocal_rl.rewards.incentive.facts import normalised
from emocal_rl.rewards.reward import Reward

SHOWN = (0.1, 0.3, 0.5, 0.7, 0.9)
SIZES = (4, 8, 16, 32)
SEEDS = 4
"""Independent simulations behind the error of "batch"; each has a quarter of the usual draws."""


@dataclass(frozen=True)
class Bias:
    """One trainer setting. elicited: belief -> the confidence that pays most under it, the mean over simulations.

    error: the largest standard error of these, 0 for what is enumerated exactly. off: the largest |elicited - belief|.
    """

    scale: str
    generations: int
    elicited: dict[float, float]
    error: float

    @property
    def off(self) -> float:
        """The worst over the beliefs, in [0, 1]; 0 keeps a proper reward proper."""
        return max((abs(said - belief) for belief, said in self.elicited.items()), default=0.0)


def bias(
    reward: Reward,
    generations: int = 8,
    credit: str = "sequence",
    beliefs: Sequence[float] = SHOWN,
    *,
    batch_prompts: int = 32,
) -> list[Bias]:
    """The bias of every normalisation at this group size, and of "group" at other sizes; some hundredths of a second.

    Empty for a format that states no confidence. All but "batch", which is simulated, is exact.

    >>> from emocal_rl.rewards import Reward
    >>> rows = bias(Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes"))
    >>> [(row.scale, row.generations, row.elicited[0.9]) for row in rows if row.off > 0.02][:2]
    [('group', 8, 0.99), ('per_reward', 8, 0.99)]
    """
    if not any(term.weight and term.rule.uses_confidence for term in reward.terms):
        return []
    size = Group(generations, batch_prompts)
    rows = [_exact(reward, "none", size, credit, beliefs), _simulated(reward, size, credit, beliefs)]
    rows += [_exact(reward, scale, size, credit, beliefs) for scale in ("group", "per_reward", "rank")]
    others = [replace(size, generations=other) for other in SIZES if other != generations]
    return rows + [_exact(reward, "group", other, credit, beliefs) for other in others]


def _exact(reward: Reward, scale: str, size: Group, credit: str, beliefs: Sequence[float]) -> Bias:
    return Bias(scale, size.generations, normalised(reward, scale, size, credit, beliefs), 0.0)


def _simulated(reward: Reward, size: Group, credit: str, beliefs: Sequence[float]) -> Bias:
    sizes = [replace(size, draws=size.draws // SEEDS, seed=seed) for seed in range(SEEDS)]
    runs = [normalised(reward, "batch", one, credit, beliefs) for one in sizes]
    said = np.array([[run[belief] for belief in beliefs] for run in runs])
    error = said.std(axis=0, ddof=1).max() / SEEDS**0.5
    means = dict(zip(beliefs, said.mean(axis=0).tolist(), strict=True))
    return Bias("batch", size.generations, means, float(error))
