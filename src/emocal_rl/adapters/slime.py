"""slime: ``--custom-rm-path emocal_rl.adapters.slime.rlcr``, with or without ``--group-rm``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emocal_rl.adapters.core import Adapter, Row, instance
from emocal_rl.errors import UserError


class SlimeReward(Adapter):
    """slime's ``custom_rm``: awaited with one Sample, or with the samples of a prompt under ``--group-rm``.

    sample.metadata and sample.label are the target. Numbers come back, so that no ``--reward-key`` is needed.
    """

    host = "slime"
    sees_groups = True

    async def __call__(self, args: Any, sample: Any, **kwargs: Any) -> float | list[float]:
        """What is paid for the sample, or for each of the samples; higher is better."""
        samples: Sequence[Any] = sample if isinstance(sample, (list, tuple)) else [sample]
        rows = [Row(getattr(one, "metadata", None), getattr(one, "label", None)) for one in samples]
        if self.scorer.reward.needs_groups and samples is not sample:
            raise UserError(f"reward '{self.__name__}' compares the replies to a prompt: run slime with --group-rm")
        groups = ["one prompt"] * len(samples) if self.scorer.reward.needs_groups else None
        values = [one.value for one in self.scorer([getattr(one, "response", None) for one in samples], rows, groups)]
        return values if samples is sample else values[0]


def __getattr__(name: str) -> SlimeReward:
    return instance(SlimeReward, name, "custom_rm")
