"""`emocal-rl label`: the confidences of stage two for a split, with what each was made of, into one JSONL file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl import files
from emocal_rl.data import DataSet, Row
from emocal_rl.data import load as load_data
from emocal_rl.errors import UserError
from emocal_rl.evaluate.checkpoint import Checkpoint
from emocal_rl.evaluate.engines import Engine
from emocal_rl.recipe_blocks import Data, Labels
from emocal_rl.train.answers import EngineAnswers
from emocal_rl.train.label import Label
from emocal_rl.train.labelers import ASKING, check_new, make_labels


@dataclass(frozen=True)
class LabelJob:
    """What to label: a split of data, by a strategy, into `out`; completions are kept in `out`.completions.jsonl."""

    data: Data
    split: str
    labels: Labels
    out: Path
    checkpoint: Checkpoint | None
    seed: int = 0

    @property
    def completions(self) -> Path:
        """Every completion as it came; an interrupted job goes on here."""
        return self.out.with_suffix(".completions.jsonl")


def label(job: LabelJob, engine: Engine | None) -> tuple[list[str], int]:
    """Make and write the labels; returns what to print and how many rows failed.  The same job again resumes.

    Raises:
        UserError: rows that the model was trained on, or what the strategy needs is missing.
    """
    data = load_data(job.data)
    rows = data.split(job.split)
    if job.labels.strategy in ASKING and job.checkpoint is not None:
        check_new(rows, trained_on(job.checkpoint, data), job.split)
    answers = None if engine is None else EngineAnswers(engine, job.completions, job.seed)
    recipe = job.checkpoint.recipe if job.checkpoint else None
    grader = recipe.grader if recipe else None
    made = list(zip(rows, make_labels(rows, answers, job.labels, grader), strict=True))
    failed = frozenset() if answers is None else frozenset(answers.failed)
    kept = [(row, one) for row, one in made if row.id not in failed]
    files.write_jsonl(job.out, [entry(job, row, one) for row, one in kept])
    return [*summary(job, [one for _, one in kept]), f"written: {job.out}"], len(failed)


def trained_on(checkpoint: Checkpoint, data: DataSet) -> Mapping[str, Sequence[Row]]:
    """The rows of every stage of a run up to the checkpoint's, where the run was on this data."""
    recipe = checkpoint.recipe
    if recipe is None or recipe.data.name != data.name:
        return {}
    stages = recipe.stages
    last = next(i for i, stage in enumerate(stages) if stage.name == checkpoint.name)
    return {stage.name: data.split(stage.split) for stage in stages[: last + 1] if stage.split in data.splits}


def entry(job: LabelJob, row: Row, one: Label) -> dict[str, Any]:
    """One line of the file: the row, its confidence, and where that came from."""
    how = job.labels
    made: dict[str, Any] = {
        "strategy": how.strategy,
        "model": job.checkpoint.model if job.checkpoint else None,
        "seed": job.seed,
    }
    if how.strategy in ASKING:
        made |= {"format": how.format, "temperature": how.temperature, "smoothing": how.smoothing}
    stated = {"confidence": one.confidence} | ({"distribution": one.distribution} if one.distribution else {})
    return {"id": row.id, "split": job.split, **row.target(), **stated, **one.facts, **made}


def summary(job: LabelJob, made: Sequence[Label]) -> list[str]:
    """What a user wants to know before training on the labels."""
    if not made:
        raise UserError(f"label: no row of {job.split} could be labelled; see {job.completions}")
    values = np.array([one.confidence for one in made])
    counts = np.histogram(values, bins=np.linspace(0, 1, 11))[0]
    shares = "  ".join(f"{low / 10:.1f}: {count / len(values):.0%}" for low, count in enumerate(counts) if count)
    distinct = len(np.unique(values))
    return [
        f"{len(made)} rows of {job.split} labelled by {job.labels.strategy}: mean confidence {values.mean():.3f}, "
        f"{distinct} distinct {'value' if distinct == 1 else 'values'}",
        f"from: share of rows  {shares}",
    ]
