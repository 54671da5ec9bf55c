"""The weight of the calibration terms while a model learns: fixed, ramped, or held back where answers learn slowly."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from emocal_rl.preflight import reward_of
from emocal_rl.rewards import Reward, Rule

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage
    from emocal_rl.recipe_blocks import CalibrationSchedule


class Scheduled:
    """The reward of a stage at each moment of its training.

    It depends on the trainer's state alone (step and logs, which a checkpoint keeps), so a resumed run repeats it.
    """

    def __init__(self, stage: Stage, options: CalibrationSchedule) -> None:
        self.options = options
        self.reward_at: Callable[[float], Reward] = cache(lambda factor: reward_of(stage, factor))
        self.full = reward_of(stage)

    def factor(self, state: Any) -> float:
        """The factor on the weights of the calibration terms, in [0, 1]."""
        ramp = ramped(state.global_step, *self.options.ramp) if self.options.ramp else 1.0
        if self.options.learning_speed is None:
            return ramp
        seen = next((log["train/accuracy"] for log in reversed(state.log_history) if "train/accuracy" in log), None)
        return ramp if seen is None else min(ramp, held_back(self.full, float(seen), self.options.learning_speed))

    def __call__(self, state: Any) -> Reward:
        """The reward now; the same object as long as its weights stay."""
        return self.reward_at(round(self.factor(state), 3))


def ramped(step: int, first: int, last: int) -> float:
    """0 up to step `first`, 1 from step `last`, linear between.

    >>> [ramped(step, 10, 30) for step in (5, 10, 20, 30, 99)]
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    return min(max((step - first) / max(last - first, 1), 0.0), 1.0)


def held_back(reward: Reward, chance: float, speed: float) -> float:
    """The largest factor in [0, 1] on the calibration terms at which V'(chance) is at least speed * V' without them.

    V(p) = w p + G(p) is what an honest model earns that is right with probability p, and V'(p) = w + right(p) -
    wrong(p) is what a better answer is worth to it.

    chance: share of right answers, in [0, 1].  speed: in [0, 1]; 0 never holds back.

    >>> brier = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label")
    >>> round(held_back(brier, 0.25, 0.8), 3), held_back(brier, 0.25, 0.5), held_back(brier, 0.7, 0.9)
    (0.4, 1.0, 1.0)
    """
    grid = np.array(reward.format.grid)
    stated = np.array([float(np.clip(chance, grid[0], grid[-1]))])
    gain = {True: 0.0, False: 0.0}
    for term in reward.terms:
        if isinstance(term.rule, Rule):
            gain[term.rule.uses_confidence] += term.weight * float((term.rule(stated, 1.0) - term.rule(stated, 0.0))[0])
    return 1.0 if gain[True] >= 0 else min(1.0, gain[False] * (1 - speed) / -gain[True])
