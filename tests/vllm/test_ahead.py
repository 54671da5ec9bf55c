"""`rollout.ahead: 1` against a real server: the next batch is sampled while this one is learnt from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import two_processes
from servers import Served
from toys import VllmToy, gap, rows, without_clock

CLOSE = 1e-3  # nats, of the worst token; in float32
EXACT = {"credit": "exact", "exact_answer": True}


def ahead(served: Served, batches: int = 1) -> dict[str, Any]:
    return served.rollout(ahead=batches)


@pytest.mark.parametrize(("algorithm", "more"), [("grpo", {}), ("grpo", EXACT), ("rloo", {}), ("ppo", {})])
def test_replies_are_one_batch_old_and_no_older(
    toy: VllmToy, served: Served, algorithm: str, more: dict[str, Any]
) -> None:
    found = rows(toy.train(toy.recipe(algorithm, rollout=ahead(served), **more)))
    assert [row["sampling/staleness"] for row in found] == [0, 1, 1, 1]
    assert found[0]["train/parsed"] > 0.5
    assert any(row["grad_norm"] > 0 for row in found)
    assert all(row["sampling/overlapped_seconds"] > 0 for row in found[1:])
    if algorithm != "rloo":  # logs no gap
        assert gap(found[0]) < CLOSE
        # what the correction is for: the sampler's chances are those of the weights before the update
        assert max(map(gap, found[1:])) > 10 * CLOSE


def test_every_batch_answers_its_own_prompts(toy: VllmToy, served: Served) -> None:
    """With weights that do not change, nothing but another prompt or picture could move a log-probability."""
    found = rows(toy.train(toy.recipe("grpo", {"learning_rate": 0.0}, rollout=ahead(served))))
    assert [row["sampling/staleness"] for row in found] == [0, 1, 1, 1]
    assert max(map(gap, found)) < CLOSE


def test_killed_it_learns_from_the_replies_that_were_sampled_ahead(toy: VllmToy, served: Served) -> None:
    """Those are part of a checkpoint.  Later ones can differ: a server's draws depend on what else it works at."""
    whole = toy.train(toy.recipe("grpo", rollout=ahead(served)))
    again = toy.killed_after(whole, 2)
    overlapped = "sampling/overlapped_seconds"
    three, same = ([row | {overlapped: 0} for row in without_clock(rows(run))[:3]] for run in (whole, again))
    assert three == same
    assert [row["sampling/staleness"] for row in rows(again)] == [0, 1, 1, 1]


def test_without_what_was_sampled_ahead_it_samples_anew(toy: VllmToy, served: Served) -> None:
    whole = toy.train(toy.recipe("grpo", rollout=ahead(served)))
    (whole.path / "checkpoints" / "toy" / "checkpoint-2" / "rollouts_ahead.json").unlink()
    again = rows(toy.killed_after(whole, 2))
    assert [row["sampling/staleness"] for row in again] == [0, 1, 0, 1]


def test_two_processes_learn_from_what_one_of_them_had_sampled(toy: VllmToy, served: Served) -> None:
    """Each gets the replies to its own prompts: with weights that stay, every log-probability is the trainer's."""
    rates = {"still": 0.0, "moving": 1.0e-3}
    cases = {
        name: {"trainer": {"per_device_train_batch_size": 4, "learning_rate": rate}, "rollout": ahead(served)}
        for name, rate in rates.items()
    }
    (toy.folder / "cases.json").write_text(json.dumps(cases), "utf-8")
    launch(toy.folder, 2)
    still, moving = (log(toy.folder / f"{name}-0" / "run") for name in rates)
    assert [row["sampling/staleness"] for row in still] == [0, 1, 1, 1]
    assert [row["sampling/staleness"] for row in moving] == [0, 1, 1, 1]
    assert max(map(gap, still)) < CLOSE
    assert max(map(gap, moving[1:])) > 10 * CLOSE


def log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text("utf-8").splitlines()]


def launch(folder: Path, processes: int) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    done = subprocess.run(
        [*command, two_processes.__file__, str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=550, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
