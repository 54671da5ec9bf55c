"""A small task that the untaught base model can answer: which kind of thing is in the picture?  One kind pays."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emocal_rl import recipe as recipes
from emocal_rl.data import DataSet, Row, emoji
from emocal_rl.run import Run

sys.path.insert(0, str(Path(__file__).parent))  # for the helpers beside the tests
from clock_keys import without_clock

KINDS = ("activities", "animals", "food", "objects", "people", "smileys", "symbols", "travel")
TREE: dict[str, Any] = {
    "name": "toy",
    "split": "train",
    "format": "emocaliber_answer",
    "target": "votes",
    "reward": {"correct": 1.0},
    "trainer": {
        "max_steps": 4,
        "per_device_train_batch_size": 8,
        "num_generations": 4,
        "max_completion_length": 56,
        "learning_rate": 1.0e-3,
        "logging_steps": 1,
        "save_steps": 2,
        "save_total_limit": 20,
    },
}


def toy_data() -> DataSet:
    """Sixteen pictures in a style that the base model has not seen; four of five people call each of them an object."""
    votes = tuple(8 if kind == "objects" else 1 if kind in ("food", "travel") else 0 for kind in KINDS)
    question = "Which kind of thing is this?"
    held = [row for row in emoji.load(2)["stage_three"] if row.style == "emojione-v1"]
    rows = [Row(row.id, row.image, question, KINDS, votes, row.cluster, parts=row.parts) for row in held[:16]]
    return DataSet("toy", {"train": rows})


def curve(run: Run) -> list[dict[str, float]]:
    """The metrics of every step, without what a clock measures."""
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text("utf-8").splitlines()]
    return without_clock(rows)


class Toy:
    """Trains the toy task in a run directory, and continues it as if it had been killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def recipe(self, algorithm: str, trainer: dict[str, Any] | None = None, **changes: Any) -> recipes.Recipe:
        return recipes.from_tree(
            TREE | {"algorithm": algorithm, "trainer": TREE["trainer"] | (trainer or {})} | changes
        )

    def train(self, recipe: recipes.Recipe, wrap: Callable[[Any], Any] = lambda model: model) -> Run:
        return self._stage(Run.create(recipe, self.folder / "run"), wrap)

    def killed_after(self, done: Run, step: int, wrap: Callable[[Any], Any] = lambda model: model) -> Run:
        """A copy of a finished run as a kill would have left it after that checkpoint, continued to its end."""
        path = self.folder / f"{done.path.name}-killed"
        shutil.copytree(done.path, path, ignore=shutil.ignore_patterns(".lock"))
        for checkpoint in (path / "checkpoints" / "toy").iterdir():
            if checkpoint.name.startswith("checkpoint-") and int(checkpoint.name.split("-")[1]) > step:
                shutil.rmtree(checkpoint)
        info = json.loads((path / "run.json").read_text())
        info["status"], info["stages"][0]["status"] = "failed", "running"
        (path / "run.json").write_text(json.dumps(info))
        return self._stage(Run.open(path), wrap)

    def _stage(self, run: Run, wrap: Callable[[Any], Any]) -> Run:
        from emocal_rl.models.load import load, use_threads
        from emocal_rl.train.rl import train_rl
        from emocal_rl.train.run import quieten

        quieten()
        use_threads(1)
        (stage,) = run.recipe.stages
        model, processor = load("tiny")
        with run:
            run.start_stage(stage.name)
            train_rl(run.recipe, stage, run, toy_data(), wrap(model), processor)
            run.finish_stage(stage.name, 0.0)
        return run


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


@pytest.fixture
def curve_of() -> Callable[[Run], list[dict[str, float]]]:
    return curve
