"""verl: ``reward.custom_reward_function.path=pkg://emocal_rl.adapters.verl`` and ``.name=rlcr``."""

from __future__ import annotations

from typing import Any

from emocal_rl.adapters.core import Adapter, Row, instance


class VerlReward(Adapter):
    """verl's ``compute_score``: one completion in, a flat dictionary of numbers out, with the same keys every time.

    extra_info (candidates, votes, ...) and ground_truth (a label, counts, a distribution or JSON text) are the target.
    `reward.custom_reward_function.reward_kwargs` may hold any of the settings.

    >>> from emocal_rl.rewards import Reward
    >>> score = VerlReward(Reward({"brier": 1.0}, format="digits", grader="label"))
    >>> score("emotions", "Answer: joy\\nConfidence: 5", "joy")["score"]
    0.75
    """

    host = "verl"

    def __call__(
        self,
        data_source: Any = None,
        solution_str: Any = "",
        ground_truth: Any = None,
        extra_info: Any = None,
        **settings: Any,
    ) -> dict[str, float]:
        """``score`` (what is paid, higher is better) and the components."""
        outcome = self.configured(settings).one(solution_str, Row(extra_info, ground_truth))
        return {"score": outcome.value, **outcome.components}


def __getattr__(name: str) -> VerlReward:
    return instance(VerlReward, name, "compute_score")
