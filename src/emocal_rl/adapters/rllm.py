"""rLLM: ``import_path = "emocal_rl.adapters.rllm:rlcr"`` under ``[verifier]``, or the registered evaluator `emocal`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emocal_rl.adapters.core import Adapter, Row, instance


class RllmReward(Adapter):
    """rLLM's evaluator: ``evaluate(task, episode)``.

    task.metadata (or a task that is a mapping) is the target. is_correct: correctness above one half.
    """

    host = "rLLM"

    def __call__(self, task: Any, episode: Any) -> dict[str, Any]:
        """reward (higher is better), is_correct, signals (the components) and metadata."""
        fields = task if isinstance(task, Mapping) else getattr(task, "metadata", None)
        outcome = self.scorer.one(reply_of(episode), Row(fields))
        return {
            "reward": outcome.value,
            "is_correct": outcome.components["correct"] > 0.5,
            "signals": outcome.components,
            "metadata": {},
        }

    evaluate = __call__


def reply_of(episode: Any) -> Any:
    """The text of an episode: its answer, or else what its last trajectory or step put out."""
    answer = (getattr(episode, "artifacts", None) or {}).get("answer")
    trajectories = getattr(episode, "trajectories", None) or []
    steps = (getattr(trajectories[-1], "steps", None) or []) if trajectories else []
    outputs = [getattr(one, "output", None) for one in (*trajectories[-1:], *steps[-1:])]
    spoken = [getattr(one, "model_response", None) for one in steps[-1:]]
    return next((text for text in (answer, *outputs, *spoken) if text), None)


def __getattr__(name: str) -> RllmReward:
    return instance(RllmReward, name, "evaluate")
