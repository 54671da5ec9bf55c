"""verifiers 0.4 and prime-rl: ``task.rewards.emocal.fn = "emocal_rl.adapters.verifiers:rlcr"``."""

from __future__ import annotations

from typing import Any

from emocal_rl.adapters.core import Adapter, Row, instance


class VerifiersReward(Adapter):
    """A plugged reward: awaited with the task's data and the trace.

    The fields of the task's data are the target.
    """

    host = "verifiers"

    async def __call__(self, task: Any, trace: Any) -> float:
        """What is paid; higher is better."""
        return self.scorer.one(_message(trace), _row(task)).value


class VerifiersMetrics(VerifiersReward):
    """The same as a plugged metric: the components, to be logged."""

    async def __call__(self, task: Any, trace: Any) -> dict[str, float]:  # type: ignore[override]
        """Name -> number, the same names every time."""
        return self.scorer.one(_message(trace), _row(task)).components


def _message(trace: Any) -> Any:
    spoken = getattr(trace, "assistant_messages", None)
    thought = getattr(spoken[-1], "reasoning_content", None) if spoken else None
    return {"content": trace.last_reply, "reasoning_content": thought} if thought else trace.last_reply


def _row(task: Any) -> Row:
    return Row(task.model_dump() if hasattr(task, "model_dump") else dict(vars(task)))


def __getattr__(name: str) -> VerifiersReward:
    if name == "metrics":
        return instance(VerifiersMetrics, name, "metrics")
    return instance(VerifiersReward, name, "reward")
