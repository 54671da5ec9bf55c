"""All three stages through the command line: small, real, interrupted and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emocal_rl import recipe as recipes
from emocal_rl.data import load, visits

pytestmark = pytest.mark.slow

SMALL = [
    "trainer.max_steps=4", "trainer.per_device_train_batch_size=16", "trainer.save_steps=1", "trainer.logging_steps=1",
    "warm_start.0.trainer.max_steps=30", "warm_start.1.trainer.max_steps=12", "warm_start.1.labels.samples=2",
    "evaluation.limit=12", "evaluation.bootstrap=50",
]  # fmt: skip
STAGES = ["sft_reasoning", "sft_confidence", "grpo_brier"]
SPLITS = ["validation", "unseen_style", "unseen_emoji", "other_domain"]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "emocal_rl", "train", *arguments]


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    return subprocess.Popen(
        command(*arguments),
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=500)
    return process.returncode, out, err


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def wait_for(path: Path, stage: str, step: int, process: subprocess.Popen[str]) -> None:
    """Until the metrics file has a line of that stage and step."""
    for _ in range(3000):
        assert process.poll() is None, process.stderr.read()
        if path.exists() and any(
            row["stage"] == stage and row["step"] >= step for row in map(json.loads, path.read_text().splitlines()[:-1])
        ):
            return
        time.sleep(0.1)
    raise AssertionError(f"{stage} never came to step {step}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One uninterrupted small run, shared."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    code, out, err = finish(start("--recipe", "grpo_brier", "--run-dir", str(path), *SMALL))
    assert code == 0, err
    return path, out, err


def test_a_run_leaves_everything_it_should(finished):
    path, out, err = finished
    info = json.loads((path / "run.json").read_text())
    assert info["status"] == "done"
    assert [(stage["name"], stage["status"]) for stage in info["stages"]] == [(name, "done") for name in STAGES]
    assert set(info["bounds"]) == set(SPLITS)
    for stage in STAGES[1:]:
        for split in SPLITS:
            assert len(rows(path / "records" / f"{stage}-{split}.jsonl")) == 12
    assert not (path / "records" / "sft_reasoning-validation.jsonl").exists()  # states no confidence
    assert (path / "report.html").stat().st_size > 50_000
    assert str(path / "report.html") in out
    assert "Traceback" not in err


def test_hit_rate_labels_lie_strictly_inside_zero_and_one(finished):
    """Two samples, one pseudo-count either side: 1/4, 2/4 or 3/4.  Only rows that the stage visits have one."""
    labels = json.loads((finished[0] / "records" / "sft_confidence-labels.json").read_text())
    recipe = recipes.load(str(finished[0] / "recipe.yaml"))
    trainer, split = recipe.stages[1].trainer, load(recipe.data).split("stage_two")
    seen = visits(split, trainer["max_steps"] * trainer["per_device_train_batch_size"], recipe.seed)
    assert set(labels) == {row.id for row in seen}
    assert len(labels) < len(split) == 320
    assert set(labels.values()) <= {0.25, 0.5, 0.75}
    assert len(set(labels.values())) > 1


def test_metrics_have_every_step_once_and_the_monitors(finished):
    lines = rows(finished[0] / "metrics.jsonl")
    steps = [(line["stage"], line["step"]) for line in lines]
    assert len(steps) == len(set(steps))
    assert [step for stage, step in steps if stage == "grpo_brier"] == [1, 2, 3, 4]
    last = lines[-1]
    assert 0 <= last["train/parsed"] <= 1
    assert {"reward", "loss", "train/parsed"} <= set(last)


def test_records_are_scored_against_the_votes(finished):
    for record in rows(finished[0] / "records" / "grpo_brier-unseen_style.jsonl"):
        assert sum(record["votes"]) >= 10
        if record["fault"] is None:
            share = record["votes"][record["candidates"].index(record["answer"])] / sum(record["votes"])
            assert record["correct"] == pytest.approx(share)
        else:
            assert record["correct"] == 0


def test_killed_in_stage_three_it_continues_and_ends_where_an_unbroken_run_ends(finished, tmp_path):
    path = tmp_path / "killed"
    process = start("--recipe", "grpo_brier", "--run-dir", str(path), *SMALL)
    wait_for(path / "metrics.jsonl", "grpo_brier", 2, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = {name: (path / "models" / name / "model.safetensors").stat().st_mtime_ns for name in STAGES[:2]}
    code, _, err = finish(start("--resume", str(path)))
    assert code == 0, err
    assert {name: (path / "models" / name / "model.safetensors").stat().st_mtime_ns for name in STAGES[:2]} == before
    steps = [row["step"] for row in rows(path / "metrics.jsonl") if row["stage"] == "grpo_brier"]
    assert steps == [1, 2, 3, 4]
    for split in SPLITS:
        name = f"grpo_brier-{split}.jsonl"
        assert rows(path / "records" / name) == rows(finished[0] / "records" / name)
    assert (path / "report.html").exists()


@pytest.mark.parametrize(("stage", "step"), [("sft_reasoning", 3), ("sft_confidence", 3)])
def test_interrupted_in_a_warm_start_it_says_how_to_continue_and_does(finished, tmp_path, stage, step):
    path = tmp_path / "interrupted"
    small = [*SMALL, "warm_start.0.trainer.save_steps=2", "warm_start.1.trainer.save_steps=2"]
    small += ["warm_start.0.trainer.logging_steps=1", "warm_start.1.trainer.logging_steps=1"]
    process = start("--recipe", "grpo_brier", "--run-dir", str(path), *small)
    wait_for(path / "metrics.jsonl", stage, step, process)
    os.killpg(process.pid, signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    assert f"interrupted; continue with: emocal-rl train --resume {path}" in err
    assert "Traceback" not in err
    assert json.loads((path / "run.json").read_text())["status"] == "interrupted"
    code, _, err = finish(start("--resume", str(path)))
    assert code == 0, err
    name = "grpo_brier-validation.jsonl"
    assert rows(path / "records" / name) == rows(finished[0] / "records" / name)


def test_stage_three_alone_from_a_checkpoint(finished, tmp_path):
    whole = finished[0]
    path = tmp_path / "alone"
    small = [option for option in SMALL if not option.startswith("warm_start")]
    code, _, err = finish(
        start(
            "--recipe", "grpo_brier", "--run-dir", str(path), f"model.checkpoint={whole}/models/sft_confidence", *small
        )
    )
    assert code == 0, err
    assert [stage["name"] for stage in json.loads((path / "run.json").read_text())["stages"]] == STAGES[1:]
    for stage in STAGES[1:]:  # the checkpoint too: it is the before of the report
        for split in SPLITS:
            name = f"{stage}-{split}.jsonl"
            assert rows(path / "records" / name) == rows(whole / "records" / name)
    ours, theirs = (json.loads((run / "metrics.json").read_text()) for run in (path, whole))
    assert (ours["before"], ours["headline"]) == (theirs["before"], theirs["headline"])


def test_a_finished_run_is_not_trained_again(finished):
    code, _, err = finish(start("--resume", str(finished[0])))
    assert code == 2
    assert "is finished already; its report is" in err
