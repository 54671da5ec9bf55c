"""What can be known about a recipe before anything is loaded or trained: no GPU, no torch, about a second."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from emocal_rl import budget, data, trainer_keys
from emocal_rl.environment import gpus
from emocal_rl.errors import UserError
from emocal_rl.launch import divides_weights
from emocal_rl.models.sources import find_source
from emocal_rl.recipe import Recipe, Stage
from emocal_rl.recipe_blocks import Rollout
from emocal_rl.rewards import Reward, Verdict, judge
from emocal_rl.rewards.formats.core import confidence_text, find_format
from emocal_rl.rewards.incentive import bias, describe, describe_bias
from emocal_rl.rewards.presets import preset
from emocal_rl.suggest import did_you_mean

EXTRA_TRACKERS = ("tensorboard", "trackio", "wandb")  # what the extra `trackers` installs


def require(recipe: Recipe) -> None:
    """Raise one `UserError` with every reason not to train this recipe."""
    parts = (_data_problems, _start_problems, _launch_problems, _engine_problems, _tracker_problems, _stage_problems)
    problems = [problem for part in parts for problem in part(recipe)]
    if problems:
        raise UserError(*problems)


def report(recipe: Recipe) -> list[str]:
    """What `check` prints: for each stage its rows and batches, for each reward the verdict."""
    known = _data(recipe)
    lines = [] if known is None else [f"data: {note}" for note in known.notes]
    gpu = gpus() > 0
    for stage in recipe.stages:
        lines.append(f"{stage.name}: {stage.algorithm} on {_count(known, stage.split)}, format {stage.format}")
        if stage.algorithm != "sft":
            sizes = [
                *budget.arithmetic(stage, recipe.launch.processes),
                budget.memory(recipe, stage, gpu),
            ]
            judged = f"judged: {reward_of(stage)!r}, credit: {stage.credit}"
            lines += [f"  {line}" for line in [*sizes, judged, *describe(verdict_of(stage)), *_bias(stage)]]
    return lines


def warnings(recipe: Recipe) -> list[str]:
    """What the check found wrong with rewards that are trained on all the same, a line each."""
    stages = [stage for stage in recipe.stages if stage.algorithm != "sft" and stage.allow_unsound]
    return [f"{stage.name}: {problem}" for stage in stages for problem in verdict_of(stage).problems]


def _data(recipe: Recipe) -> data.DataSet | None:
    """The data; None where they are not on this machine, which `require` explains."""
    try:
        return data.load(recipe.data)
    except UserError:
        return None


def _count(known: data.DataSet | None, split: str) -> str:
    if known is None:
        return f"{split}, whose rows are not here"
    return f"{len(known.split(split)) if split in known.splits else 0} rows of {split}"


def reward_of(stage: Stage, factor: float = 1.0) -> Reward:
    """The reward of an RL stage, with its grader and calibration target.

    A published reward has its own terms and floor, and the stage's format.
    factor: on the weights of the calibration terms, as `calibration_schedule` sets it.
    """
    published = preset(stage.reward) if isinstance(stage.reward, str) else None
    terms: dict[str, Any] = dict(published.terms) if published else dict(stage.reward)  # type: ignore[arg-type]
    floor, name = (published.floor, published.name) if published else (None, None)
    plain = Reward(terms, stage.format, grader_of(stage), floor=floor, name=name)
    about = [term.name for term in plain.terms if term.rule.uses_confidence]
    changed = terms | {name: _changed(stage, terms[name], factor) for name in about}
    return Reward(changed, stage.format, plain.grader, floor=floor, name=name)


def grader_of(stage: Stage) -> str | dict[str, Any]:
    """The grader of a stage's target (one label, a judge, or a share of votes), unless it names one itself."""
    if stage.target == "judge":
        return {"use": "judge", **(stage.judge_errors.model_dump() if stage.judge_errors else {})}
    return stage.grader or ("label" if stage.target in ("annotator", "majority") else "votes")


def _changed(stage: Stage, term: Any, factor: float) -> dict[str, Any]:
    """A calibration term against the stage's target, at `factor` of its weight."""
    options = dict(term) if isinstance(term, dict) else {"weight": term}
    target = {} if stage.calibration_target == "outcome" else {"target": stage.calibration_target}
    return target | options | {"weight": options.get("weight", 1.0) * factor}


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
    for stage in recipe.stages:
        if stage.target == "judge" and not all(row.judge for row in known.get(stage.split, [])):
            yield f"{stage.name}: target: judge needs rows with 'judge', and some of split '{stage.split}' have none"


def _start_problems(recipe: Recipe) -> Iterator[str]:
    if recipe.model.checkpoint is not None:
        try:
            find_source(recipe.model.checkpoint)
        except UserError as error:
            yield from error.lines


def _launch_problems(recipe: Recipe) -> Iterator[str]:
    launch, shipped, here = recipe.launch, recipe.launch.accelerate_config, gpus()
    if here and launch.processes > here:
        yield f"launch.processes: {launch.processes} processes and {here} GPUs here; use one for each GPU"
    if shipped is None:
        return
    try:
        divided = divides_weights(shipped)
    except UserError as error:
        yield from error.lines
        divided = False
    if divided:
        yield from _divided_problems(recipe)
    if shipped.startswith("deepspeed") and find_spec("deepspeed") is None:
        yield f"launch.accelerate_config: {shipped} needs DeepSpeed; pip install deepspeed, or use fsdp2"
    if not here:
        yield f"launch.accelerate_config: {shipped} divides a model between GPUs, and there is none here"


def _divided_problems(recipe: Recipe) -> Iterator[str]:
    """What one process does with the whole model, where each has a part of the weights."""
    config, instead = recipe.launch.accelerate_config, "set launch.accelerate_config=deepspeed_zero2, or leave it out"
    if recipe.model.lora is not None:
        yield f"model.lora: one process folds the adapters in, and {config} gives it a part of the weights; {instead}"
    for stage in recipe.stages:
        if stage.early_stop is not None:
            yield f"{stage.name}: early_stop: one process keeps the best model, and {config} gives it a part; {instead}"


def _engine_problems(recipe: Recipe) -> Iterator[str]:
    bits = recipe.model.bits
    for stage in recipe.stages if bits is not None else ():
        if (engine := (stage.rollout or Rollout()).engine).startswith("vllm"):
            yield (
                f"{stage.name}: rollout.engine: weights of model.bits={bits} stay packed, and {engine} cannot take "
                "them; set rollout.engine=hf, or leave model.bits out"
            )


def _tracker_problems(recipe: Recipe) -> Iterator[str]:
    for stage in recipe.stages:
        for name in trainer_keys.trackers(stage.trainer.get("report_to")):
            if name in EXTRA_TRACKERS and find_spec(name) is None:
                where = f"{stage.name}: trainer.report_to"
                yield f"{where}: {name} is not installed; pip install 'emocal-rl[trackers]', or pip install {name}"


def _stage_problems(recipe: Recipe) -> Iterator[str]:
    for stage in recipe.stages:
        if stage.algorithm == "sft":
            continue
        if problem := budget.batch_problem(stage, recipe.launch.processes):
            yield f"{stage.name}: {problem}"
            continue
        if problem := _credit_problem(stage):
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


def _credit_problem(stage: Stage) -> str:
    form = find_format(stage.format)
    if stage.credit != "sequence" and form.states in ("nothing", "guesses"):
        return f"credit: format '{stage.format}' does not state one confidence to credit; set credit: sequence"
    if stage.credit == "exact" and "." not in confidence_text(form, 0.5):
        return (
            f"credit: exact decides the decimals of a confidence, and format '{stage.format}' writes none; set credit: "
            "segment, or a format such as emocaliber"
        )
    return ""
