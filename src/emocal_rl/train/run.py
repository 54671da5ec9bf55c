"""Train a recipe: its stages in order, an evaluation after each that states a confidence, then the report."""

from __future__ import annotations

import gc
import json
import logging
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emocal_rl import files
from emocal_rl.data import DataSet
from emocal_rl.data import load as load_data
from emocal_rl.evaluate.generate import complete, measuring, records
from emocal_rl.evaluate.model_card import write_asked, write_card
from emocal_rl.evaluate.pictures import picture_of
from emocal_rl.evaluate.report import write_report
from emocal_rl.launch import together
from emocal_rl.models.freeze import freeze_aligner, freeze_vision
from emocal_rl.models.load import limit_pixels, place, use_threads
from emocal_rl.models.load import load as load_model
from emocal_rl.preflight import verdict_of
from emocal_rl.rewards.formats import find_format
from emocal_rl.rewards.incentive import describe
from emocal_rl.train.answers import ModelAnswers
from emocal_rl.train.examples import Stated
from emocal_rl.train.labelers import ASKING, check_new, make_labels
from emocal_rl.train.rl import train_rl
from emocal_rl.train.sft import train_sft

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage
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
    """Load what the stage starts from, make its labels, train it, save it."""
    began = time.monotonic()
    run.start_stage(stage.name)
    model, processor = load_model(start, recipe.model.bits)
    limit_pixels(processor, recipe.model.min_pixels, recipe.model.max_pixels)
    if stage.freeze_vision:
        freeze_vision(model)
    if stage.freeze_aligner:
        freeze_aligner(model)
    if stage.algorithm == "sft":
        train_sft(recipe, stage, run, data, model, processor, confidences(recipe, stage, run, data, model, processor))
    else:
        train_rl(recipe, stage, run, data, model, processor)
    together(partial(write_asked, run.model_dir(stage.name), recipe, stage, data.split(stage.split)[0]))
    run.finish_stage(stage.name, time.monotonic() - began)
    del model
    gc.collect()


def confidences(
    recipe: Recipe, stage: Stage, run: Run, data: DataSet, model: Any, processor: Any
) -> Mapping[str, Stated]:
    """The stage's confidences, or distributions where its format states one.

    Made once and kept in the run directory, so that a resume learns the same.
    """
    if stage.labels is None:
        return {}
    together(partial(_make_labels, recipe, stage, run, data, model, processor))
    return dict(json.loads(_labels_path(run, stage).read_text("utf-8")))


def _labels_path(run: Run, stage: Stage) -> Path:
    return run.path / "records" / f"{stage.name}-labels.json"


def _make_labels(recipe: Recipe, stage: Stage, run: Run, data: DataSet, model: Any, processor: Any) -> None:
    path, labels = _labels_path(run, stage), stage.labels
    if path.exists() or labels is None:
        return
    rows = data.split(stage.split)
    if labels.strategy in ASKING:
        before = recipe.stages[: recipe.stages.index(stage)]
        check_new(rows, {earlier.name: data.split(earlier.split) for earlier in before}, stage.split)
    answers = ModelAnswers(place(model), processor, recipe.seed, recipe.evaluation.batch_size)
    found = make_labels(rows, answers, labels)
    states = find_format(stage.format).states
    files.write_json(path, {row.id: label.stated(states) for row, label in zip(rows, found, strict=True)})


def evaluate_stage(recipe: Recipe, stage: Stage, run: Run, data: DataSet) -> None:
    """Answers on every evaluation split, scored against the votes or the label, one records file a split.

    A stage that states no confidence is evaluated only where it is the last, by its answers.
    """
    missing = [split for split in recipe.evaluation.splits if not run.records_path(stage.name, split).exists()]
    silent = find_format(stage.format).states == "nothing"
    if not missing or (silent and stage != recipe.stages[-1]):
        return
    model, processor = load_model(str(run.model_dir(stage.name)))
    place(model)
    reward = measuring(stage.format, stage.grader)
    how = recipe.evaluation
    options: dict[str, Any] = {"batch_size": how.batch_size, "max_new_tokens": how.max_new_tokens}
    options |= {"temperature": how.temperature, "seed": recipe.seed}
    for split in missing:
        rows = data.split(split)[: recipe.evaluation.limit]
        name = f"{stage.name} on {split}"
        texts = complete(model, processor, rows, reward.format, label=name, **options)
        found = records(rows, texts, reward, stage.name, split)
        files.write_jsonl(run.records_path(stage.name, split), found)


def quieten() -> None:
    """Keep the libraries' own bars and notes off the terminal: ours says what is going on."""
    import datasets
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    logging.getLogger("accelerate").setLevel(logging.ERROR)
