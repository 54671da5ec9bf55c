"""A stage that starts from a checkpoint: the checkpoint is evaluated first, once, and is the report's before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emocal_rl import recipe as recipes
from emocal_rl.evaluate.report import summary_lines
from emocal_rl.models.sources import source
from emocal_rl.rewards import FORMATS
from emocal_rl.run import Run
from emocal_rl.train import run as training
from emocal_rl.train.bandit import REASONING

SPLITS = ["validation", "unseen_style"]
SMALL = ["evaluation.splits=[validation, unseen_style]", "evaluation.limit=4", "evaluation.bootstrap=20"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the embedded model, asked as stage two's is; training leaves a model as it was."""

    def train_stage(recipe: recipes.Recipe, stage: recipes.Stage, run: Run, data: Any, start: str) -> None:
        if recipe.seed == 1:
            raise KeyboardInterrupt
        shutil.copytree(source("tiny"), run.model_dir(stage.name))
        run.finish_stage(stage.name, 1.0)

    monkeypatch.setattr(training, "train_stage", train_stage)
    shutil.copytree(source("tiny"), tmp_path / "stage_two")
    return tmp_path / "stage_two"


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replaces generation by replies that can be read; what was asked, and in which format."""
    seen: list[str] = []

    def complete(model: Any, processor: Any, rows: Any, form: Any, *, label: str, **options: Any) -> list[str]:
        seen.append(f"{label} in {form.name}")
        before = label.startswith("stage_two")
        return [form.write(REASONING, row.candidates[i % 2], 0.9 if before else 0.6) for i, row in enumerate(rows)]

    monkeypatch.setattr(training, "complete", complete)
    return seen


def asked(folder: Path, form: str) -> None:
    (folder / "emocal_rl.json").write_text(json.dumps({"format": form}))


def begun(folder: Path, *more: str) -> Run:
    recipe = recipes.load("grpo_brier", [f"model.checkpoint={folder}", *SMALL, *more])
    return Run.create(recipe, folder.parent / "run")


def stages(run: Run) -> list[str]:
    return [stage["name"] for stage in json.loads((run.path / "run.json").read_text("utf-8"))["stages"]]


def test_the_report_shows_the_checkpoint_as_before(folder: Path, answered: list[str]) -> None:
    asked(folder, "rlcr")
    with begun(folder) as run:
        metrics = training.train(run.recipe, run)
    assert answered == [
        *(f"stage_two on {split} in rlcr" for split in SPLITS),
        *(f"grpo_brier on {split} in emocaliber" for split in SPLITS),
    ]
    assert (metrics["before"], metrics["after"], stages(run)) == (
        "stage_two",
        "grpo_brier",
        ["stage_two", "grpo_brier"],
    )
    assert "before" in metrics["splits"]["unseen_style"]["differences"]
    assert any("before" in line for line in summary_lines(metrics))
    assert "stage_two (before)" in (run.path / "report.html").read_text("utf-8")


def test_a_resume_does_not_evaluate_it_again(folder: Path, answered: list[str]) -> None:
    with pytest.raises(KeyboardInterrupt), begun(folder, "seed=1") as run:
        training.train(run.recipe, run)
    assert len(answered) == 2
    (run.path / "records" / "stage_two-unseen_style.jsonl").unlink()  # as a kill in the middle would leave it
    with pytest.raises(KeyboardInterrupt), Run.open(run.path) as run:
        training.train(run.recipe, run)
    assert answered[2:] == ["stage_two on unseen_style in emocaliber"]
    with Run.open(run.path) as run:
        metrics = training.train(run.recipe.model_copy(update={"seed": 0}), run)
    assert answered[3:] == [f"grpo_brier on {split} in emocaliber" for split in SPLITS]
    assert (metrics["before"], stages(run)) == ("stage_two", ["stage_two", "grpo_brier"])


def test_a_checkpoint_of_the_same_name_stays_apart(folder: Path, answered: list[str]) -> None:
    with begun(folder, "name=stage_two") as run:
        metrics = training.train(run.recipe, run)
    assert (metrics["before"], metrics["after"]) == ("stage_two-before", "stage_two")


def test_a_checkpoint_that_learnt_to_state_nothing_is_passed_over_as_such_a_warm_start_is(
    folder: Path, answered: list[str]
) -> None:
    asked(folder, next(name for name in FORMATS if FORMATS[name].states == "nothing"))
    with begun(folder) as run:
        metrics = training.train(run.recipe, run)
    assert (metrics["before"], stages(run), len(answered)) == (None, ["grpo_brier"], 2)


def test_the_report_is_made_where_not_one_reply_can_be_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answered: Callable[..., Any]
) -> None:
    ours = training.complete
    monkeypatch.setattr(
        training, "complete",
        lambda *given, label, **options: (
            ["no"] * len(given[2]) if label.startswith("stage_two") else ours(*given, label=label, **options)
        ),
    )  # fmt: skip
    with begun(folder) as run:
        metrics = training.train(run.recipe, run)
    assert (metrics["before"], stages(run)) == (None, ["stage_two", "grpo_brier"])
    assert "no earlier stage states confidences, so there is no before to compare with" in metrics["notes"]
    assert metrics["splits"]["unseen_style"]["systems"]["stage:stage_two"]["metrics"]["parse_rate"]["value"] == 0
    assert (run.path / "report.html").is_file()
