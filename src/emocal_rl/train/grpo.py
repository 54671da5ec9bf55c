"""Stage three: reinforcement learning with a scoring rule, on TRL's GRPOTrainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback
from trl import GRPOTrainer

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.data import DataSet, visits
from emocal_rl.errors import UserError
from emocal_rl.models.load import image_token_ids
from emocal_rl.preflight import reward_of
from emocal_rl.train.credit import SegmentGRPOTrainer
from emocal_rl.train.examples import dataset, rl_example
from emocal_rl.train.expected import ExpectedGRPOTrainer
from emocal_rl.train.stage import arguments, fit, save

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage
    from emocal_rl.run import Run


DIGIT_KEYS = ("digit_entropy", "digit_weight")  # of `credit: expected`
TRAINERS = {"sequence": GRPOTrainer, "segment": SegmentGRPOTrainer, "expected": ExpectedGRPOTrainer}


def train_grpo(recipe: Recipe, stage: Stage, run: Run, data: DataSet, model: Any, processor: Any) -> None:
    """One GRPO stage.  Advantages are not divided by the group's deviation unless the recipe says so."""
    from trl import GRPOConfig

    ours = {
        "scale_rewards": "none",
        "shuffle_dataset": False,
        "generation_kwargs": {"suppress_tokens": image_token_ids(model, processor)},
    }
    args = GRPOConfig(**arguments(stage, run, recipe.seed, **ours))
    reward = reward_of(stage)
    scorer = TrlReward(reward, annotator_seed=recipe.seed if stage.target == "annotator" else None)
    rows = visits(data.split(stage.split), prompts_needed(args), recipe.seed)
    examples = dataset(rows, lambda row: rl_example(row, reward.format), stage.augment, recipe.seed)
    extra = {key: getattr(stage, key) for key in DIGIT_KEYS} if stage.credit == "expected" else {}
    trainer = TRAINERS[stage.credit](
        model=model, reward_funcs=scorer, args=args, train_dataset=examples, processing_class=processor, **extra
    )
    trainer.add_callback(StopUnreadable(stage.name))
    fit(trainer, stage, run)
    save(trainer, processor, run, stage)


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


def prompts_needed(args: Any) -> int:
    """Distinct prompts for all steps: each is answered `num_generations` times and used `num_iterations` times."""
    rollouts = args.max_steps * args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    return int(-(-rollouts // (args.num_generations * args.num_iterations)))
