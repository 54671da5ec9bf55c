"""Confidences to learn in stage two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from emocal_rl.data import Row
from emocal_rl.evaluate.generate import complete
from emocal_rl.rewards import Reward

if TYPE_CHECKING:
    from emocal_rl.recipe import Labels


def hit_rate(
    rows: Sequence[Row], model: Any, processor: Any, labels: Labels, seed: int, batch_size: int
) -> dict[str, float]:
    """How often the model's sampled answers are the majority label: row id -> confidence in (0, 1).

    `labels.samples` answers a row at `labels.temperature`, smoothed by `labels.smoothing` pseudo-counts on either side,
    so that no row asks for certainty.  The rows must not have been trained on.
    """
    reward = Reward({"correct": 1.0}, format=labels.format, grader="label")
    asked = [row for row in rows for _ in range(labels.samples)]
    texts = complete(
        model,
        processor,
        asked,
        reward.format,
        batch_size=batch_size,
        temperature=labels.temperature,
        seed=seed,
        label="hit rate",
    )
    scored = reward(texts, [row.target() for row in asked])
    hits = np.array([row.correct or 0.0 for row in scored]).reshape(len(rows), labels.samples).sum(1)
    rates = (hits + labels.smoothing) / (labels.samples + 2 * labels.smoothing)
    return {row.id: float(rate) for row, rate in zip(rows, rates, strict=True)}
