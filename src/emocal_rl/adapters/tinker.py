"""tinker-cookbook: a message environment of one turn, for ``EnvFromMessageEnv(renderer, EmocalMessageEnv(...))``.

Importing this module imports tinker-cookbook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinker_cookbook.rl.message_env import MessageEnv, MessageStepResult

from emocal_rl.adapters.core import Adapter, Row
from emocal_rl.rewards import Reward

WORST = 0.0
"""What to pass as failed_parse_reward and context_overflow_reward: their defaults are worse than any reply of ours."""


class TinkerReward(Adapter):
    """One message and the row it answers."""

    host = "tinker-cookbook"

    def __call__(self, message: Any, target: Any) -> tuple[float, dict[str, float]]:
        """(what is paid, components)."""
        outcome = self.scorer.one(message, Row(target))
        return outcome.value, outcome.components


class EmocalMessageEnv(MessageEnv):  # type: ignore[misc]
    """One question, one reply.

    question: the messages to start with. target: a mapping such as {"label": "joy", "candidates": [...]}.
    reward: a Reward of your own; by default what the EMOCAL_... variables say.
    """

    def __init__(
        self, question: Sequence[Mapping[str, Any]], target: Mapping[str, Any], reward: Reward | None = None
    ) -> None:
        self.question, self.target = [dict(message) for message in question], target
        self.reward = TinkerReward(reward)

    async def initial_observation(self) -> list[dict[str, Any]]:
        """The question."""
        return self.question

    async def step(self, message: Mapping[str, Any]) -> MessageStepResult:
        """The reward of the reply; the episode is over."""
        value, components = self.reward(dict(message), self.target)
        return MessageStepResult(
            reward=value, episode_done=True, next_messages=[*self.question, dict(message)], metrics=components
        )
