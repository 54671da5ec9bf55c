"""The confidences that a stage of a run learns: made once by its strategy, kept in the run directory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emocal_rl import files
from emocal_rl.data import DataSet, Row
from emocal_rl.launch import together
from emocal_rl.models.load import place
from emocal_rl.rewards.formats import find_format
from emocal_rl.train.answers import ModelAnswers
from emocal_rl.train.examples import Stated
from emocal_rl.train.labelers import ASKING, check_new, make_labels

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage
    from emocal_rl.run import Run


def stage_labels(
    recipe: Recipe, stage: Stage, run: Run, data: DataSet, visited: Iterable[Row], model: Any, processor: Any
) -> Mapping[str, Stated]:
    """Row id -> the confidence to learn, or the distribution where the stage's format states one.

    Made once, so that a resume learns the same; empty for a stage without labels.

    Args:
        visited: the rows that the stage comes to; asking the model about any other would be for nothing.
    """
    if stage.labels is None:
        return {}
    path = run.path / "records" / f"{stage.name}-labels.json"
    together(partial(_make, recipe, stage, path, data, visited, model, processor))
    return dict(json.loads(path.read_text("utf-8")))


def _make(
    recipe: Recipe, stage: Stage, path: Path, data: DataSet, visited: Iterable[Row], model: Any, processor: Any
) -> None:
    labels = stage.labels
    if path.exists() or labels is None:
        return
    wanted = {row.id for row in visited}
    rows = [row for row in data.split(stage.split) if row.id in wanted]
    if labels.strategy in ASKING:
        before = recipe.stages[: recipe.stages.index(stage)]
        check_new(data.split(stage.split), {one.name: data.split(one.split) for one in before}, stage.split)
    answers = ModelAnswers(place(model), processor, recipe.seed, recipe.evaluation.batch_size)
    found = make_labels(rows, answers, labels, stage.grader)
    states = find_format(stage.format).states
    files.write_json(path, {row.id: label.stated(states) for row, label in zip(rows, found, strict=True)})
