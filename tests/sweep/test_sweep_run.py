"""Sweeps through the command line: trained, killed, called again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emocal_rl.run import read_info

ROOT = Path(__file__).parents[2]
RECIPE = """
name: mini
algorithm: grpo
split: stage_three
format: emocaliber
reward: {correct: 1.0, brier: 1.0}
data: {limit: 4}
evaluation: {splits: [validation, unseen_style], limit: 2, batch_size: 2, bootstrap: 20}
trainer: {max_steps: 1, per_device_train_batch_size: 2, num_generations: 2, max_completion_length: 4}
warm_start:
- name: cold
  algorithm: sft
  split: stage_two
  format: emocaliber
  target: majority
  labels: {samples: 1}
  trainer: {max_steps: 1, per_device_train_batch_size: 2}
"""
SWEEP = """
recipe: mini.yaml
variants:
  lost: {model.checkpoint: nowhere}
  rlcr: {reward: rlcr}
"""


def state(out: Path) -> dict[str, str]:
    path = out / "sweep.json"
    return {run["name"]: run["status"] for run in json.loads(path.read_text())["runs"]} if path.exists() else {}


def gone(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or ") Z " in path.read_text()


def until(true: Callable[[], Any], seconds: float = 900) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.slow
def test_a_killed_sweep_goes_on_where_it_was_and_a_broken_point_stops_nobody(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    (tmp_path / "mini.yaml").write_text(RECIPE)
    (tmp_path / "s.yaml").write_text(SWEEP)
    out = tmp_path / "out"
    arguments = ("sweep", str(tmp_path / "s.yaml"), "--out", str(out))
    command = [sys.executable, "-m", "emocal_rl", *arguments]
    sweep = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": "src"}, stderr=subprocess.DEVNULL)
    try:
        until(lambda: (out / "rlcr-0" / "logs" / "attempt-2.log").exists())
        child = int((out / "rlcr-0" / ".lock").read_text())
    finally:
        os.kill(sweep.pid, signal.SIGKILL)
        sweep.wait()
    until(lambda: gone(child), 20)  # it does not outlive the sweep
    cold = next((out / "cold").iterdir())
    before = (cold / "run.json").read_text()
    assert json.loads(before)["status"] == "done"
    assert read_info(out / "rlcr-0")["status"] != "done"

    again = cli(*arguments)
    assert again.code == 2
    lines = again.err.splitlines()
    assert lines[0] == "1 of 3 runs are finished already"
    assert lines[-2].startswith("error: lost-0: model nowhere: ")
    assert lines[-1] == "error: 1 of 3 runs failed; the same command tries them again"
    assert (cold / "run.json").read_text() == before
    assert state(out) == {f"cold/{cold.name}": "done", "lost-0": "broken", "rlcr-0": "done"}
    # the stages before are those of the cold start, not trained again
    weights = "models/cold/model.safetensors"
    assert (cold / weights).stat().st_ino == (out / "rlcr-0" / weights).stat().st_ino


def test_sweeps_are_listed(cli: Callable[..., Any]) -> None:
    shown = cli("sweep")
    assert shown.code == 0
    assert "reward_ablation  which reward should one train with?" in shown.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["weight", "--jobs", "0"], "sweep: --jobs must be at least 1 (got 0)"),
        (["weight", "--seeds", "0,a"], "sweep: --seeds takes whole numbers with commas between them (got '0,a')"),
        (["weight", "--only", "w3"], "sweep: --only: no variant or point 'w3'; did you mean 'w4'?"),
        (["weight", "sed=3"], "override sed=3: unknown key sed; did you mean 'seed'?"),
    ],
)
def test_mistakes_on_the_command_line(cli: Callable[..., Any], tmp_path: Path, arguments: list[str], line: str) -> None:
    done = cli("sweep", *arguments, "--out", str(tmp_path / "out"))
    assert (done.code, done.err) == (2, f"error: {line}\n")
    assert not (tmp_path / "out").exists()
