"""Sweeps through the command line: trained, killed, called again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small import gone, pid_of, start, statuses, until, write

from emocal_rl.run_info import read_info


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
    cold = next((out / "cold").iterdir())
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
