"""Stages one and two: supervised fine-tuning on structured reasoning, without and with a confidence."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emocal_rl.data import DataSet
from emocal_rl.rewards.formats import find_format
from emocal_rl.train.examples import dataset, sft_example
from emocal_rl.train.stage import adapter, arguments, configured, fit, save, training_rows
from emocal_rl.train.stage_labels import stage_labels

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage
    from emocal_rl.run import Run


def train_sft(recipe: Recipe, stage: Stage, run: Run, data: DataSet, model: Any, processor: Any) -> None:
    """One supervised stage on TRL's SFTTrainer."""
    from trl import SFTConfig, SFTTrainer

    args = configured(SFTConfig, arguments(stage, run, recipe.seed, max_length=None, shuffle_dataset=False))
    form = find_format(stage.format)
    rows = partial(training_rows, stage, data, examples_needed(args), recipe.seed)
    labels = stage_labels(recipe, stage, run, data, rows(), model, processor)
    examples = dataset(rows(), lambda row: sft_example(row, form, labels.get(row.id)), stage.augment, recipe.seed)
    extra = adapter(recipe, stage, model)
    trainer = SFTTrainer(model=model, args=args, train_dataset=examples, processing_class=processor, **extra)
    fit(trainer, stage, run)
    save(trainer, processor, run, stage)


def examples_needed(args: Any) -> int:
    """Examples for all optimiser steps on all processes."""
    return int(args.max_steps * args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size)
