"""The recipes of RLOO and PPO through the command line: a readable cold start, a kill in the middle, the same end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clock_keys import without_clock

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SMALL = ["evaluation.limit=12", "evaluation.bootstrap=20", "data.limit=200"]
STAGE_THREE = [
    "trainer.max_steps=6", "trainer.per_device_train_batch_size=16", "trainer.save_steps=2", "trainer.logging_steps=1",
]  # fmt: skip


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "emocal_rl", "train", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, err = process.communicate(timeout=500)
    assert process.returncode == 0, err


def curve(path: Path) -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]
    return without_clock(rows)


@pytest.fixture(scope="module")
def cold_start(tmp_path_factory):
    """A model that states confidences most of the time."""
    path = tmp_path_factory.mktemp("runs") / "cold"
    steps = ["warm_start.0.trainer.max_steps=60", "trainer.max_steps=80", "labels.samples=2"]
    finish(start("--recipe", "sft_confidence", "--run-dir", str(path), *steps, *SMALL))
    return path / "models" / "sft_confidence"


@pytest.mark.parametrize("recipe", ["rloo_brier", "ppo_brier"])
def test_killed_it_ends_where_an_unbroken_run_ends(cold_start, tmp_path, recipe):
    options = ["--recipe", recipe, f"model.checkpoint={cold_start}", *STAGE_THREE, *SMALL]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(*options, "--run-dir", str(whole)))
    process = start(*options, "--run-dir", str(killed))
    while not (killed / "checkpoints" / recipe / "checkpoint-2" / "trainer_state.json").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert len(curve(killed)) < 6
    finish(start("--resume", str(killed)))
    rows = curve(whole)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert max(row["train/parsed"] for row in rows) > 0.3
    assert any(row["grad_norm"] > 0 for row in rows)
    assert curve(killed) == rows
    for split in ("validation", "unseen_style"):
        name = f"{recipe}-{split}.jsonl"
        assert (killed / "records" / name).read_bytes() == (whole / "records" / name).read_bytes()
