"""SkyRL: an environment of one turn; ``register()`` inside the entry point, then ``environment.env_class=emocal``.

Importing this module imports skyrl-gym.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import skyrl_gym
from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from emocal_rl.adapters.core import Adapter, Row, scorer_of
from emocal_rl.adapters.settings import NAMES, from_environment


class SkyrlReward(Adapter):
    """One reply and the row's extras (reward_spec.ground_truth and the data set's other columns)."""

    host = "SkyRL"

    def __call__(self, action: Any, extras: Any) -> tuple[float, dict[str, float]]:
        """(what is paid, components)."""
        fields = dict(extras) if isinstance(extras, Mapping) else {}
        spec = fields.pop("reward_spec", None)
        outcome = self.scorer.one(action, Row(fields, spec.get("ground_truth") if isinstance(spec, Mapping) else None))
        return outcome.value, outcome.components


class EmocalEnv(BaseTextEnv):  # type: ignore[misc]
    """One question, one reply. env_config may hold any of the settings."""

    def __init__(self, env_config: Any = None, extras: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        config = {name: env_config[name] for name in NAMES if name in env_config} if env_config else {}
        self.reward = SkyrlReward(scorer_of(from_environment()).configured(config))
        self.extras = extras or {}
        self.components: dict[str, float] = {}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """The reward of the reply; the episode is over."""
        value, self.components = self.reward(action, self.extras)
        return BaseTextEnvStepOutput(observations=[], reward=value, done=True, metadata=dict(self.components))

    def get_metrics(self) -> dict[str, float]:
        """The components, which the trainer averages."""
        return dict(self.components)


def register(name: str = "emocal") -> None:
    """Make the environment known in this process; call it inside the Ray task that runs the entry point."""
    skyrl_gym.register(id=name, entry_point="emocal_rl.adapters.skyrl:EmocalEnv")
