"""What can be known about a recipe before anything is loaded or trained: no GPU, no torch, about a second."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from emocal_rl import budget, data
from emocal_rl.environment import gpu_names
from emocal_rl.errors import UserError
from emocal_rl.launch import config_path
from emocal_rl.recipe import Recipe, Stage
from emocal_rl.rewards import Reward, Verdict, judge
from emocal_rl.rewards.incentive import bias, describe, describe_bias
from emocal_rl.rewards.presets import preset
from emocal_rl.suggest import did_you_mean


def require(recipe: Recipe) -> None:
    """Raise one `UserError` with every reason not to train this recipe."""
    if problems := [*_data_problems(recipe), *_launch_problems(recipe), *_stage_problems(recipe)]:
        raise UserError(*problems)


def report(recipe: Recipe) -> list[str]:
    """What `check` prints: for each stage its rows and batches, for each reward the verdict."""
    lines = []
    counts = _counts(recipe)
    for stage in recipe.stages:
        rows = f"{counts.get(stage.split, 0)} rows" if counts is not None else "rows that are not here"
        lines.append(f"{stage.name}: {stage.algorithm} on {rows} of {stage.split}, format {stage.format}")
        if stage.algorithm != "sft":
            sizes = [
                *budget.arithmetic(stage, recipe.launch.processes),
                budget.memory(recipe, stage, bool(gpu_names())),
            ]
            lines += [f"  {line}" for line in [*sizes, *describe(verdict_of(stage)), *_bias(stage)]]
    return lines


def warnings(recipe: Recipe) -> list[str]:
    """What the check found wrong with rewards that are trained on all the same, a line each."""
    stages = [stage for stage in recipe.stages if stage.algorithm != "sft" and stage.allow_unsound]
    return [f"{stage.name}: {problem}" for stage in stages for problem in verdict_of(stage).problems]


def _counts(recipe: Recipe) -> dict[str, int] | None:
    """Rows of each split; None where the data are not on this machine, which `require` explains."""
    try:
        rows = data.load(recipe.data)
    except UserError:
        return None
    return {name: len(rows.split(name)) for name in rows.splits}


def reward_of(stage: Stage) -> Reward:
    """The reward of an RL stage: votes are scored as the share that agrees, the other targets as one label.

    A published reward has its own terms and floor, and the stage's format.
    """
    grader = stage.grader or ("votes" if stage.target == "votes" else "label")
    if isinstance(stage.reward, str):
        return preset(stage.reward).reward(grader, format=stage.format)
    return Reward(stage.reward, format=stage.format, grader=grader)


def verdict_of(stage: Stage) -> Verdict:
    """The verdict on a stage's reward under its trainer options."""
    options = budget.options(stage)
    return judge(reward_of(stage), _scale(options), int(options["num_generations"]), credit=_credit(stage))


def _scale(options: dict[str, Any]) -> Any:
    """What the advantages are divided by, under whatever name the trainer's options say it."""
    return "batch" if options.get("normalize_advantages") else options.get("scale_rewards", "none")


def _credit(stage: Stage) -> str:
    return "sequence" if stage.credit == "sequence" else "segment"


def _bias(stage: Stage) -> list[str]:
    rows = bias(reward_of(stage), int(budget.options(stage)["num_generations"]), _credit(stage))
    title = "what a model that is this sure is paid most for saying, by how advantages are normalised:"
    return [title, *(f"  {line}" for line in describe_bias(rows))] if rows else []


def _data_problems(recipe: Recipe) -> Iterator[str]:
    try:
        known = data.load(recipe.data).splits
    except UserError as error:
        yield from error.lines
        return
    used = [(f"{stage.name}: split", stage.split) for stage in recipe.stages]
    used += [(f"{stage.name}: early_stop.split", stage.early_stop.split) for stage in recipe.stages if stage.early_stop]
    used += [("evaluation.splits", split) for split in recipe.evaluation.splits]
    for where, split in used:
        if split not in known:
            yield f"{where}: data '{recipe.data.name}' has no split '{split}'{did_you_mean(split, known)}"


def _launch_problems(recipe: Recipe) -> Iterator[str]:
    launch, shipped = recipe.launch, recipe.launch.accelerate_config
    if shipped is None:
        return
    try:
        config_path(shipped)
    except UserError as error:
        yield from error.lines
    if shipped.startswith("deepspeed") and find_spec("deepspeed") is None:
        yield f"launch.accelerate_config: {shipped} needs DeepSpeed; pip install deepspeed, or use fsdp2"
    if gpu_names() == []:
        yield f"launch.accelerate_config: {shipped} divides a model between GPUs, and there is none here"
    elif launch.processes > len(gpu_names()):
        yield f"launch.processes: {launch.processes} processes and {len(gpu_names())} GPUs here; use one for each GPU"


def _stage_problems(recipe: Recipe) -> Iterator[str]:
    for stage in recipe.stages:
        if stage.algorithm == "sft":
            continue
        if problem := budget.batch_problem(stage, recipe.launch.processes):
            yield f"{stage.name}: {problem}"
            continue
        try:
            verdict = verdict_of(stage)
        except UserError as error:
            yield from (f"{stage.name}: {line}" for line in error.lines)
            continue
        if not verdict.sound and not stage.allow_unsound:
            yield from (f"{stage.name}: {problem}" for problem in verdict.problems)
            yield f"{stage.name}: to train on this reward all the same, say {_allow(recipe, stage)}"


def _allow(recipe: Recipe, stage: Stage) -> str:
    return "allow_unsound=true" if stage.name == recipe.name else f"warm_start.{stage.name}.allow_unsound=true"
