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
from small import ROOT, gone, pid_of, start, statuses, until, write

from emocal_rl.run_info import read_info

AROUND = os.environ | {"PYTHONPATH": str(ROOT / "src")}


@pytest.mark.slow
def test_a_killed_sweep_goes_on_where_it_was_and_a_broken_point_stops_nobody(
    tmp_path: Path, cli: Callable[..., Any]
) -> None:
    path = write(tmp_path, "{lost: {model.checkpoint: nowhere}, rlcr: {reward: rlcr}}")
    out = tmp_path / "out"
    arguments = (str(path), "--out", str(out))
    sweep = start(*arguments)
    try:
        until(lambda: (out / "rlcr-0" / "logs" / "attempt-2.log").exists())
        child = pid_of(out / "rlcr-0")
    finally:
        os.kill(sweep.pid, signal.SIGKILL)
        sweep.communicate()
    until(lambda: gone(child), 20)  # it does not outlive the sweep
    cold = next((out / "cold").glob("cold-*"))
    before = (cold / "run.json").read_text()
    assert json.loads(before)["status"] == "done"
    assert read_info(out / "rlcr-0")["status"] != "done"

    again = cli("sweep", *arguments)
    assert again.code == 2
    lines = again.err.splitlines()
    assert lines[0] == "1 of 3 runs are finished already"
    assert lines[-2].startswith("error: lost-0: model nowhere: ")
    assert lines[-1] == "error: 1 of 3 runs failed; the same command tries them again"
    assert (cold / "run.json").read_text() == before
    assert statuses(out) == {f"cold/{cold.name}": "done", "lost-0": "broken", "rlcr-0": "done"}
    # the stages before are those of the cold start, not trained again
    weights = "models/cold/model.safetensors"
    assert (cold / weights).stat().st_ino == (out / "rlcr-0" / weights).stat().st_ino


MANY = """
import sys, time
from pathlib import Path
from emocal_rl import recipe
from emocal_rl.sweep.tasks import Task
made = recipe.load("sft_reasoning")
path, at = Path(sys.argv[1]), float(sys.argv[2])
time.sleep(max(0.0, at - time.time()))
Task("cold/x", path, made).begin(["sweep"])
"""


@pytest.mark.slow
def test_parts_of_a_sweep_may_begin_the_same_run_at_once(tmp_path: Path) -> None:
    at = str(time.time() + 5)
    parts = [
        subprocess.Popen(
            [sys.executable, "-c", MANY, str(tmp_path / "cold" / "x"), at], env=AROUND, stderr=-1, text=True
        )
        for _ in range(3)
    ]
    assert [(part.communicate()[1], part.returncode) for part in parts] == [("", 0)] * 3
    assert read_info(tmp_path / "cold" / "x")["status"] == "interrupted"


TRAINS = """
import json, os, sys, time
from pathlib import Path
from emocal_rl import cli
from emocal_rl.sweep import worker
path = Path(sys.argv[1])

def train(arguments):
    with (path / "trained").open("a") as file:
        file.write("began\\n")
    while not (path / "go_on").exists():
        time.sleep(0.05)
    (path / "run.json").write_text(json.dumps({"status": sys.argv[2], "stages": [], "versions": {}}))
    return 0

cli.main = train
raise SystemExit(worker.main([str(os.getppid()), str(path)]))
"""


@pytest.mark.parametrize(("status", "trained"), [("done", 1), ("interrupted", 2)])
def test_what_one_part_trains_the_other_waits_for(tmp_path: Path, status: str, trained: int) -> None:
    """And trains on itself what the first one left unfinished."""
    run = tmp_path / "cold"
    run.mkdir()
    (run / "recipe.yaml").touch()
    (run / "run.json").write_text(json.dumps({"status": "interrupted", "stages": [], "versions": {}}))
    command = [sys.executable, "-c", TRAINS, str(run), status]
    first = subprocess.Popen(command, env=AROUND, stderr=-1, text=True)
    until(lambda: (run / "trained").exists())
    second = subprocess.Popen(command, env=AROUND, stderr=-1, text=True)
    assert second.stderr is not None
    waits = f"{run} is being trained by process {first.pid} of this sweep; waiting for it\n"
    assert second.stderr.readline() == waits
    assert (run / "trained").read_text() == "began\n"
    (run / "go_on").touch()
    assert [(part.communicate()[1], part.returncode) for part in (first, second)] == [("", 0)] * 2
    assert (run / "trained").read_text().count("began") == trained


def test_sweeps_are_listed(cli: Callable[..., Any]) -> None:
    shown = cli("sweep")
    assert shown.code == 0
    assert "reward_ablation  which reward should one train with?" in shown.out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["weight", "--jobs", "0"], "sweep: --jobs must be at least 1 (got 0)"),
        (["weight", "--seeds", "0,a"], "sweep: --seeds takes whole numbers with commas between them (got '0,a')"),
        (["weight", "--only", "w3"], "sweep: --only: no variant or point 'w3'; choose from w0.25, w0.5, w1, w2, w4"),
        (["weight", "--gpus", "1"], "sweep: --address, --gpus and --cpus are for --engine ray"),
        (["weight", "--engine", "ray", "--jobs", "2"],
         "sweep: --jobs is for --engine local; on Ray --gpus and --cpus say how much room a run takes"),
        (["weight", "--retries", "-1"], "sweep: --retries must not be negative (got -1)"),
        (["weight", "seed=3"], "override seed=3: the seeds are those of the sweep; use --seeds"),
        (["weight", "sed=3"], "override sed=3: unknown key sed; did you mean 'seed'?"),
    ],
)  # fmt: skip
def test_mistakes_on_the_command_line(cli: Callable[..., Any], tmp_path: Path, arguments: list[str], line: str) -> None:
    done = cli("sweep", *arguments, "--out", str(tmp_path / "out"))
    assert (done.code, done.err) == (2, f"error: {line}\n")
    assert not (tmp_path / "out").exists()
