"""Train a recipe: its stages in order, an evaluation after each that states a confidence, then the report."""

from __future__ import annotations

import gc
import logging
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emocal_rl import files
from emocal_rl.data import DataSet
from emocal_rl.data import load as load_data
from emocal_rl.evaluate.checkpoint import short_name
from emocal_rl.evaluate.generate import complete, measuring, records
from emocal_rl.evaluate.model_card import read_asked, write_asked, write_card
from emocal_rl.evaluate.pictures import picture_of
from emocal_rl.evaluate.report import write_report
from emocal_rl.launch import together
from emocal_rl.models.freeze import freeze_aligner, freeze_vision
from emocal_rl.models.load import limit_pixels, place, use_threads
from emocal_rl.models.load import load as load_model
from emocal_rl.preflight import verdict_of
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.rewards.formats import find_format
from emocal_rl.rewards.incentive import describe
from emocal_rl.train.rl import train_rl
from emocal_rl.train.sft import train_sft

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage
    from emocal_rl.recipe_blocks import Evaluation
    from emocal_rl.run import Run


def train(recipe: Recipe, run: Run) -> dict[str, Any]:
    """Run or resume a recipe in its run directory; returns the report's numbers.

    Finished stages and evaluations are not repeated: a stage is finished when its model is saved, an evaluation when
    its records are.
    """
    quieten()
    use_threads(recipe.model.threads)
    data = load_data(recipe.data)
    run.update(bounds={split: data.bounds(split) for split in recipe.evaluation.splits}, data=list(data.notes))
    for note in data.notes:
        print(f"warning: data: {note}", file=sys.stderr)
    start = recipe.model.checkpoint or recipe.model.name
    together(partial(evaluate_start, recipe, run, data))
    for stage in recipe.stages:
        if not run.stage_done(stage.name):
            train_stage(recipe, stage, run, data, start)
        together(partial(evaluate_stage, recipe, stage, run, data))
        start = str(run.model_dir(stage.name))
    return together(partial(_report, recipe, run, data, start)) or {}


def _report(recipe: Recipe, run: Run, data: DataSet, start: str) -> dict[str, Any]:
    """The run's report, and the card of its last model."""
    metrics = write_report(run.path, picture_of(data))
    verdicts = {stage.name: describe(verdict_of(stage)) for stage in recipe.stages if stage.algorithm != "sft"}
    write_card(Path(start), recipe, metrics, verdicts)
    return metrics


def train_stage(recipe: Recipe, stage: Stage, run: Run, data: DataSet, start: str) -> None:
    """Load what the stage starts from, train it, save it."""
    began = time.monotonic()
    run.start_stage(stage.name)
    model, processor = load_model(start, recipe.model.bits, recipe.model.dtype, recipe.model.attention)
    limit_pixels(processor, recipe.model.min_pixels, recipe.model.max_pixels)
    if stage.freeze_vision:
        freeze_vision(model)
    if stage.freeze_aligner:
        freeze_aligner(model)
    if stage.algorithm == "sft":
        train_sft(recipe, stage, run, data, model, processor)
    else:
        train_rl(recipe, stage, run, data, model, processor)
    together(partial(write_asked, run.model_dir(stage.name), recipe, stage, data.split(stage.split)[0]))
    run.finish_stage(stage.name, time.monotonic() - began)
    del model
    gc.collect()


def evaluate_stage(recipe: Recipe, stage: Stage, run: Run, data: DataSet) -> None:
    """Answers on every evaluation split, scored against the votes or the label, one records file a split.

    A stage that states no confidence is evaluated only where it is the last, by its answers.
    """
    silent = find_format(stage.format).states == "nothing"
    if not silent or stage == recipe.stages[-1]:
        reward = measuring(stage.format, stage.grader)
        evaluate(stage.name, str(run.model_dir(stage.name)), reward, recipe.evaluation, run, data)


def evaluate_start(recipe: Recipe, run: Run, data: DataSet) -> None:
    """The checkpoint in place of the warm starts, evaluated as the last of them is: the report's before.

    It is asked in the format it was trained in, where its folder says so, else in that of the recipe's own stage.
    """
    checkpoint = recipe.model.checkpoint
    if checkpoint is None:
        return
    trained = (read_asked(Path(checkpoint)) or {}).get("format")
    form = trained if trained in FORMATS else recipe.format
    if find_format(form).states == "nothing":
        return
    name = short_name(checkpoint)
    name = f"{name}-before" if name == recipe.name else name
    evaluate(name, checkpoint, measuring(form, recipe.grader), recipe.evaluation, run, data)
    run.add_evaluated(name)


def evaluate(name: str, model_name: str, reward: Reward, how: Evaluation, run: Run, data: DataSet) -> None:
    """A model's answers, one records file a split under this name; those that are there already stay."""
    missing = [split for split in how.splits if not run.records_path(name, split).exists()]
    if not missing:
        return
    block = run.recipe.model
    model, processor = load_model(model_name, None, block.dtype, block.attention)
    limit_pixels(processor, block.min_pixels, block.max_pixels)
    place(model)
    options: dict[str, Any] = {"batch_size": how.batch_size, "max_new_tokens": how.max_new_tokens}
    options |= {"temperature": how.temperature, "seed": run.recipe.seed}
    for split in missing:
        rows = data.split(split)[: how.limit]
        texts = complete(model, processor, rows, reward.format, label=f"{name} on {split}", **options)
        files.write_jsonl(run.records_path(name, split), records(rows, texts, reward, name, split))


def quieten() -> None:
    """Keep the libraries' own bars and notes off the terminal: ours says what is going on."""
    import datasets
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    logging.getLogger("accelerate").setLevel(logging.ERROR)
