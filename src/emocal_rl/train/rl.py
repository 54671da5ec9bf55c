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
from emocal_rl.train.stage import Plan, adapter, arguments, configured, fit, save, training_rows

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
    sampling = never_sampled(plan.options, image_token_ids(model, processor))
    options = stage.model_copy(update={"trainer": plan.options | {"generation_kwargs": sampling}})
    args = configured(plan.config, arguments(options, run, recipe.seed, shuffle_dataset=False))
    args.save_steps = whole_generations(args)
    reward = reward_of(stage)
    scorer = scorer_of(stage, reward, args.num_generations, recipe.seed)
    rows = training_rows(stage, data, prompts_needed(args), recipe.seed)
    examples = dataset(rows, lambda row: rl_example(row, reward.format), stage.augment, recipe.seed)
    extra = plan.extra | adapter(recipe, stage, model)
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


def never_sampled(trainer: dict[str, Any], silent: list[int]) -> dict[str, Any]:
    """The recipe's `generation_kwargs`, with the tokens that are never sampled in addition to its own."""
    given = trainer.get("generation_kwargs") or {}
    return given | {"suppress_tokens": sorted({*(given.get("suppress_tokens") or ()), *silent})}


def prompts_needed(args: Any) -> int:
    """Distinct prompts for all steps, in whole sampled batches: TRL leaves out what does not fill one.

    A batch of `generation_batch_size` replies, `num_generations` to a prompt, lasts for `_passes` of the model.
    """
    batches = math.ceil(args.max_steps * args.gradient_accumulation_steps / _passes(args))
    return int(batches * (args.generation_batch_size // args.num_generations))


def whole_generations(args: Any) -> int:
    """`save_steps`, as a number of steps, rounded up to where every sampled batch has been used up.

    Rollouts are not part of a checkpoint: a run continued in the middle of a batch would sample another one.
    """
    asked = args.save_steps if args.save_steps >= 1 else args.max_steps * args.save_steps  # below 1: a share
    accumulated = args.gradient_accumulation_steps
    updates = math.lcm(_passes(args), accumulated) // accumulated
    return int(math.ceil(asked / updates) * updates)


def _passes(args: Any) -> int:
    """How many passes, `gradient_accumulation_steps` to an update, learn from one sampled batch."""
    return int(args.steps_per_generation * args.num_iterations)
