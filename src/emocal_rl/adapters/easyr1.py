"""EasyR1: a file with ``compute_score``, called with a batch; see `plugins/emocal_easyr1.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emocal_rl.adapters.core import Adapter, Row, instance


class EasyR1Reward(Adapter):
    """EasyR1's batch reward: ``overall`` is paid, everything else is logged as ``reward/NAME``.

    The data set's answer column is the target: a label, or JSON text with candidates and votes.
    `worker.reward.reward_function_kwargs` may hold any of the settings.

    >>> from emocal_rl.rewards import Reward
    >>> score = EasyR1Reward(Reward({"brier": 1.0}, format="digits", grader="label"))
    >>> score([{"response": "Answer: joy\\nConfidence: 5", "ground_truth": "joy"}])[0]["overall"]
    0.75
    """

    host = "EasyR1"

    def __call__(self, reward_inputs: Sequence[Mapping[str, Any]], **settings: Any) -> list[dict[str, float]]:
        """One dictionary of numbers for each input, with the same keys every time."""
        rows = [Row(truth=one.get("ground_truth")) for one in reward_inputs]
        outcomes = self.configured(settings)([one.get("response") for one in reward_inputs], rows)
        return [{"overall": one.value, **one.components} for one in outcomes]


def __getattr__(name: str) -> EasyR1Reward:
    return instance(EasyR1Reward, name, "compute_score")
