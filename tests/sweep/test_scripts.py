"""The printed scripts.  There is no Slurm here: a stand-in for sbatch runs each job of an array at once, in order."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small import write

from emocal_rl import yaml_load

SBATCH = r"""#!/bin/bash
# Keeps what it is asked for, then runs the job for every index of the array; prints the job's id.
echo "$@" >> "$LOG"
id=$(wc -l < "$LOG")
last=0
for word in "$@"; do [[ $word == --array=* ]] && last=${word#--array=0-}; done
cat > "$LOG.job"
for ((i = 0; i <= last; i++)); do SLURM_ARRAY_TASK_ID=$i bash "$LOG.job" >&2; done
echo "$id"
"""
EMOCAL = '#!/bin/bash\necho "$@" >> "$LOG.calls"\n'


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, str]:
    """An environment in which sbatch and emocal-rl note how they are called."""
    for name, text in (("sbatch", SBATCH), ("emocal-rl", EMOCAL)):
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}


def bash(script: str, around: dict[str, str], tmp_path: Path) -> list[list[str]]:
    """Run a script; the arguments of every call of emocal-rl."""
    done = subprocess.run(["bash", "-c", script], env=around, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in (tmp_path / "log.calls").read_text().splitlines()]


def test_slurm_arrays_train_every_run_once_and_then_report(
    cli: Callable[..., Any], programs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "{brier: {}, log: {reward: {correct: 1.0, log_unit: 1.0}}}")
    arguments = ("trainer.max_steps=1", "--out", "o ut", "--seeds", "0,1")
    script = cli("sweep", "s.yaml", *arguments, "--print", "slurm").out
    calls = bash(script, programs, tmp_path)
    usual = ["sweep", "s.yaml", "trainer.max_steps=1", "--out", "o", "ut", "--seeds", "0,1"]
    assert all(call[: len(usual)] == usual for call in calls)
    runs = [call[len(usual) :] for call in calls]
    assert runs[-1] == []  # the report
    assert all(run[:2] == ["--part", "--only"] for run in runs[:-1])
    names = [run[2] for run in runs[:-1]]
    assert [name.rpartition("-")[0] for name in names[:2]] == ["cold/cold-0", "cold/cold-1"]
    assert names[2:] == ["brier-0", "log-0", "brier-1", "log-1"]
    cold, points, report = (tmp_path / "log").read_text().splitlines()
    assert "--dependency" not in cold
    assert "--dependency=afterany:1" in points
    assert "--dependency=afterany:2" in report


def test_skypilot_trains_one_seed_a_job(cli: Callable[..., Any], programs: dict[str, str], tmp_path: Path) -> None:
    text = cli("sweep", "reward_ablation", "trainer.max_steps=1", "--print", "skypilot").out
    task, _ = yaml_load.parse(text, "task.yaml")
    assert task["file_mounts"]["/results"]["name"] == "emocal-rl-reward-ablation"
    assert "for seed in 0 1 2 3 4; do sky jobs launch" in text
    (call,) = bash(task["run"], programs | {"SEED": "3", "SKYPILOT_NUM_GPUS_PER_NODE": "8"}, tmp_path)
    assert " ".join(call) == "sweep reward_ablation trainer.max_steps=1 --seeds 3 --out /results --part --jobs 8"


def test_the_report_of_a_part_of_a_sweep_trains_nothing_else(
    cli: Callable[..., Any], programs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "{brier: {}, log: {reward: {correct: 1.0, log_unit: 1.0}}}")
    script = cli("sweep", "s.yaml", "--only", "brier", "--print", "slurm").out
    assert bash(script, programs, tmp_path)[-1][2:4] == ["--only", "brier"]
    task, _ = yaml_load.parse(cli("sweep", "s.yaml", "--only", "brier", "--print", "skypilot").out, "task.yaml")
    assert "s.yaml --only brier --seeds" in task["run"]


def test_a_sweep_s_name_may_hold_a_space(
    cli: Callable[..., Any], programs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "{brier: {}}").rename(tmp_path / "my sweep.yaml")
    script = cli("sweep", "my sweep.yaml", "--print", "slurm").out
    bash(script, programs, tmp_path)
    assert "--job-name='my sweep'-report" in script
