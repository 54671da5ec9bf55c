"""Stage three: reinforcement learning on a Reward, by TRL's GRPO or RLOO trainer, or by PPO on the former."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from emocal_rl.checkpoints import step_of
from emocal_rl.data import DataSet
from emocal_rl.models.load import image_token_ids
from emocal_rl.preflight import reward_of
from emocal_rl.rewards import Reward
from emocal_rl.train.best import KeepBest
from emocal_rl.train.clock import StepClock
from emocal_rl.train.examples import dataset, rl_example
from emocal_rl.train.grpo import StopUnreadable, grpo_plan
from emocal_rl.train.monitors import MonitoredReward, Watch
from emocal_rl.train.ppo import ppo_plan
from emocal_rl.train.rloo import rloo_plan
from emocal_rl.train.rollout import set_engine
from emocal_rl.train.schedule import Scheduled
from emocal_rl.train.stage import Plan, adapter, arguments, fit, save, training_rows

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage
    from emocal_rl.run import Run

DRAWN = ("annotator", "leave_one_annotator_out")
"""Targets for which an annotator is drawn from the votes, for every answer."""

PLANS = {"grpo": grpo_plan, "rloo": rloo_plan, "ppo": ppo_plan}


def train_rl(
    recipe: Recipe, stage: Stage, run: Run, data: DataSet, model: Any, processor: Any, plan: Plan | None = None
) -> None:
    """One stage of reinforcement learning; all algorithms share rows, rollouts, reward, checkpoints and records.

    plan: takes the place of the stage's own, for a trainer with changes.
    """
    plan = plan or PLANS[stage.algorithm](stage)
    ours = {"shuffle_dataset": False, "generation_kwargs": {"suppress_tokens": image_token_ids(model, processor)}}
    options = stage.model_copy(update={"trainer": plan.options})
    args = plan.config(**arguments(options, run, recipe.seed, **ours))
    args.save_steps = whole_generations(args)
    reward = reward_of(stage)
    scorer = scorer_of(stage, reward, args.num_generations, recipe.seed)
    rows = training_rows(stage, data, prompts_needed(args), recipe.seed)
    examples = dataset(rows, lambda row: rl_example(row, reward.format), stage.augment, recipe.seed)
    extra = plan.extra | adapter(recipe, model)
    trainer = plan.trainer(
        model=model, reward_funcs=scorer, args=args, train_dataset=examples, processing_class=processor, **extra
    )
    set_engine(trainer, stage, run, processor)
    trainer.add_callback(StepClock(trainer))
    trainer.add_callback(StopUnreadable(stage.name))
    trainer.add_callback(Watch(stage.name, lambda alert: run.update(alerts=alerts(run, alert))))
    if stage.early_stop:
        keep = KeepBest(
            stage.early_stop, stage, data, trainer, processor, run.path / "best" / stage.name,
            lambda: step_of(run.last_checkpoint(stage.name)),
        )  # fmt: skip
        trainer.add_callback(keep)
    fit(trainer, stage, run)
    if stage.early_stop:
        keep.recall()
    save(trainer, processor, run, stage)
    if stage.early_stop and trainer.is_world_process_zero():
        keep.restore(run.model_dir(stage.name))


def scorer_of(stage: Stage, reward: Reward, generations: int, seed: int) -> MonitoredReward:
    """The reward function of a stage: who judges, against what, at which weight."""
    return MonitoredReward(
        reward,
        annotator_seed=seed if stage.target in DRAWN else None,
        held_out=stage.target == "leave_one_annotator_out",
        generations=generations,
        schedule=Scheduled(stage, stage.calibration_schedule) if stage.calibration_schedule else None,
    )


def alerts(run: Run, new: dict[str, Any]) -> list[dict[str, Any]]:
    """The run's alerts with a new one; a resumed run may repeat one, and the first is kept."""
    known: list[dict[str, Any]] = run.info.get("alerts", [])
    same = any((one["stage"], one["name"]) == (new["stage"], new["name"]) for one in known)
    return known if same else [*known, new]


def prompts_needed(args: Any) -> int:
    """Distinct prompts for all steps: each is answered `num_generations` times and used `num_iterations` times."""
    rollouts = args.max_steps * args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    return int(-(-rollouts // (args.num_generations * args.num_iterations)))


def whole_generations(args: Any) -> float:
    """`save_steps`, rounded up to where every sampled batch has been used up.

    Rollouts are not part of a checkpoint: a run continued in the middle of a batch would sample another one.
    """
    if args.save_steps < 1:  # a share of all steps
        return float(args.save_steps)
    updates = max(1, args.steps_per_generation * args.num_iterations // args.gradient_accumulation_steps)
    return int(math.ceil(args.save_steps / updates) * updates)
