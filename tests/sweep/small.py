"""A sweep small enough to be trained in a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def write(folder: Path, variants: str) -> Path:
    """mini.yaml and s.yaml in the folder; the path of the latter."""
    (folder / "mini.yaml").write_text(RECIPE)
    (folder / "s.yaml").write_text(f"recipe: mini.yaml\nvariants: {variants}\n")
    return folder / "s.yaml"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """`emocal-rl sweep ...` as a process of its own."""
    around = os.environ | {"PYTHONPATH": str(ROOT / "src")} | environment
    command = [sys.executable, "-m", "emocal_rl", "sweep", *arguments]
    return subprocess.Popen(command, env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def statuses(out: Path) -> dict[str, str]:
    """Name of a run -> its status in sweep.json."""
    return {run["name"]: run["status"] for run in json.loads((out / "sweep.json").read_text())["runs"]}


def until(true: Callable[[], Any], seconds: float = 900) -> None:
    """Wait until it is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def pid_of(run: Path) -> int:
    """The process that trains a run."""
    return int((run / ".lock").read_text())


def parent_of(pid: int) -> int:
    """The process that started another."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def gone(pid: int) -> bool:
    """Whether a process has ended."""
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or ") Z " in path.read_text()
