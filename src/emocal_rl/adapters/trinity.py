"""Trinity-RFT: ``default_reward_fn_type: emocal_rl.adapters.trinity.EmocalReward``, ``reward_fn_args: {reward: rlcr}``.

Importing this module imports Trinity-RFT.
"""

from __future__ import annotations

from typing import Any

from trinity.common.rewards.reward_fn import RewardFn

from emocal_rl.adapters.core import Adapter, Row, scorer_of
from emocal_rl.adapters.settings import from_environment


class TrinityReward(Adapter):
    """One reply and the truth of its task."""

    host = "Trinity-RFT"

    def __call__(self, response: Any, truth: Any) -> dict[str, float]:
        """The reward under its name: Trinity pays the sum of all numbers that come back, so there is one."""
        return {self.__name__: self.scorer.one(response, Row(truth=truth)).value}


class EmocalReward(RewardFn):  # type: ignore[misc]
    """Trinity's reward function; made with any of the settings.

    truth: a label, or JSON text with candidates and votes.
    """

    def __init__(self, **settings: Any) -> None:
        self.reward = TrinityReward(scorer_of(from_environment()).configured(settings))

    def __call__(self, response: Any = None, truth: Any = None, prompt: Any = None, **kwargs: Any) -> dict[str, float]:
        """The reward under its name; higher is better."""
        return self.reward(response, truth)
