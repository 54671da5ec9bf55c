"""A Reward as a TRL reward function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from emocal_rl.rewards import Reward, Scored


class TrlReward:
    """A Reward in TRL's calling convention, for GRPOTrainer and RLOOTrainer.

    The data set's columns `candidates`, `votes` and `label` (those the grader needs) make the target.  The calibration
    of the batch is logged as `train/...`; it is never part of the reward.

    Examples:
        >>> reward = TrlReward(Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label"))
        >>> reward(completions=["no tags"], candidates=[["negative", "positive"]], label=["positive"])
        [-1.0]
    """

    COLUMNS = ("candidates", "votes", "label")

    def __init__(self, reward: Reward, annotator_seed: int | None = None) -> None:
        """`annotator_seed`: judge every completion by one annotator drawn from its row's votes, not by `label`.

        The draw depends on the seed and the trainer's step only, so a resumed run repeats it.
        """
        self.reward, self.annotator_seed = reward, annotator_seed
        self.last: list[Scored] = []  # of the latest call: what segment credit and record files need
        self.__name__ = reward.__name__

    def __call__(
        self,
        completions: Sequence[Any],
        log_metric: Callable[[str, float], None] | None = None,
        trainer_state: Any = None,
        **columns: Any,
    ) -> list[float | None]:
        """Totals, one for each completion; None (left out by TRL) where the row cannot be graded."""
        present = [name for name in self.COLUMNS if columns.get(name) is not None]
        targets = [
            dict(zip(present, values, strict=True)) for values in zip(*(columns[name] for name in present), strict=True)
        ]
        if self.annotator_seed is not None:
            step = 0 if trainer_state is None else trainer_state.global_step
            draw = np.random.default_rng([self.annotator_seed, step])
            targets = [
                target | {"label": drawn_label(target["candidates"], target["votes"], draw)} for target in targets
            ]
        scored = self.last = self.reward(completions, targets)
        if log_metric is not None:
            for name, value in monitor(scored).items():
                log_metric(f"train/{name}", value)
        return [row.total for row in scored]


def drawn_label(candidates: Sequence[str], votes: Sequence[int], random: np.random.Generator) -> str:
    """The label of one annotator, drawn at random: unbiased for the whole distribution under any scoring rule."""
    share = np.array(votes, float)
    return str(random.choice(candidates, p=share / share.sum()))


def monitor(scored: Sequence[Scored]) -> dict[str, float]:
    """Calibration of one batch of rollouts.

    Returns:
        `parsed` (share of readable replies) and, over those that could be graded: `accuracy`, `confidence` (both
        means), `gap` (confidence - accuracy: above zero is over-confident), `brier` (lower is better), `distinct` (how
        many different confidences were said); empty where nothing applies.
    """
    values = {"parsed": float(np.mean([row.reply.fault is None for row in scored]))} if scored else {}
    pairs = [
        (row.reply.confidence, row.correct)
        for row in scored
        if row.reply.confidence is not None and row.correct is not None
    ]
    if pairs:
        confidence, correct = np.array(pairs, float).T
        values |= {
            "accuracy": float(correct.mean()),
            "confidence": float(confidence.mean()),
            "gap": float((confidence - correct).mean()),
            "brier": float((correct * (1 - confidence) ** 2 + (1 - correct) * confidence**2).mean()),
            "distinct": float(len(set(confidence.tolist()))),
        }
    return values
