"""AReaL: ``RLVRWorkflow(reward_fn="emocal_rl.adapters.areal.rlcr", ...)``."""

from __future__ import annotations

from typing import Any

from emocal_rl.adapters.core import Adapter, Row, instance


class ArealReward(Adapter):
    """AReaL's ``reward_fn``, run in a pool of processes. A timeout counts as 0 there, which here is the worst.

    The fields of the data set's row are the target.

    >>> from emocal_rl.rewards import Reward
    >>> score = ArealReward(Reward({"brier": 1.0}, format="digits", grader="label"))
    >>> score("?", "Answer: joy\\nConfidence: 5", [1], [2], label="joy")
    0.75
    """

    host = "AReaL"

    def __call__(
        self, prompt: Any, completions: Any, prompt_ids: Any = None, completion_ids: Any = None, **data: Any
    ) -> float:
        """What is paid; higher is better."""
        return self.scorer.one(completions, Row(data)).value


def __getattr__(name: str) -> ArealReward:
    return instance(ArealReward, name, "reward_fn")
