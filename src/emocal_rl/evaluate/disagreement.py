"""Two reasons for a bad score, told apart: people disagree, and the model does not know how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emocal_rl.evaluate.bounds import annotator
from emocal_rl.evaluate.records import Records, judging_votes


def apart(confidence: ArrayLike, share: ArrayLike) -> dict[str, float]:
    """The Brier score against a random annotator, in its two parts; lower is better for all three.

    With s the share of the annotators who agree with the answer, E (c - y)^2 = (c - s)^2 + s (1 - s): what the model
    got wrong about the people, and what no confidence in this answer can avoid.

    Args:
        confidence: stated, (N,) in [0, 1].
        share: of the votes for the answer, (N,) in [0, 1].

    Returns:
        `brier` in [0, 1], `model_error` in [0, 1] and `human_disagreement` in [0, 0.25]; the first is the sum.

    >>> apart([0.9, 0.6], [0.7, 0.6])
    {'brier': 0.245, 'model_error': 0.02, 'human_disagreement': 0.225}
    """
    c, s = np.asarray(confidence, float), np.asarray(share, float)
    error, disagreement = float(((c - s) ** 2).mean()), float((s * (1 - s)).mean())
    parts = {"brier": error + disagreement, "model_error": error, "human_disagreement": disagreement}
    return {name: round(value, 6) for name, value in parts.items()}


def left_out(votes: Sequence[Sequence[float]]) -> dict[str, float]:
    """How well one annotator foresees the others, each left out in turn; rows with fewer than two votes are skipped.

    Returns:
        `rows`: how many counted; `accuracy` (higher is better): chance that the left-out annotator's label is that of
        another annotator, which is the accuracy of a person under this measure.

    >>> left_out([[3, 1], [1, 0]])  # 3/4 * 2/3 + 1/4 * 0/3
    {'rows': 1.0, 'accuracy': 0.5}
    """
    counted = [row for row in votes if sum(row) >= 2]
    return {"rows": float(len(counted)), "accuracy": round(annotator(counted), 6)} if counted else {}


def of_records(records: Records) -> dict[str, Any]:
    """Both, of the readable replies of a stage on a split; empty where no votes judged them or nothing is stated."""
    rows = [row for row in records.rows if row.confidence is not None and len(row.votes) > 1 and sum(row.votes) >= 2]
    if not rows or judging_votes(records) is None:
        return {}
    found = apart([row.confidence or 0.0 for row in rows], [row.correct for row in rows])
    return found | {"annotator": left_out([row.votes for row in rows])}
