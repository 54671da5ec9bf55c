"""GRPO: every reply is compared with the mean of its group, on TRL's GRPOTrainer; and what ends a lost run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback
from trl import GRPOTrainer

from emocal_rl.errors import UserError
from emocal_rl.train.credit import SegmentGRPOTrainer
from emocal_rl.train.exact import ExactGRPOTrainer
from emocal_rl.train.stage import Plan

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage


TRAINERS = {"sequence": GRPOTrainer, "segment": SegmentGRPOTrainer, "exact": ExactGRPOTrainer}


def grpo_plan(stage: Stage) -> Plan:
    """The trainer of the stage's credit.  Advantages are not divided by the group's deviation unless it says so."""
    from trl import GRPOConfig

    exact = {"digit_entropy": stage.digit_entropy, "exact_answer": stage.exact_answer}
    extra: dict[str, Any] = exact if stage.credit == "exact" else {}
    if stage.segment_weights:
        extra["segment_weights"] = stage.segment_weights.model_dump()
    return Plan(TRAINERS[stage.credit], GRPOConfig, {"scale_rewards": "none"} | stage.trainer, extra)


class StopUnreadable(TrainerCallback):  # type: ignore[misc]
    """Ends a run whose replies have lost their format: from then on every advantage is zero and nothing is learnt.

    Raises:
        UserError: no reply could be read in `patience` logs in a row.
    """

    def __init__(self, stage: str, patience: int = 10) -> None:
        self.stage, self.patience, self.unread = stage, patience, 0

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Count logs without a single readable reply."""
        if "train/parsed" not in (logs or {}):
            return
        self.unread = self.unread + 1 if logs["train/parsed"] == 0 else 0  # type: ignore[index]
        if self.unread == self.patience:
            raise UserError(
                f"stage {self.stage}: stopped at step {state.global_step}: no reply can be read any more, so "
                "nothing is learnt; start again with a lower trainer.learning_rate or trainer.temperature, "
                "or a longer warm start"
            )
