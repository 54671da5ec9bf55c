"""`rollout.ahead: 1` against a real server: the next batch is sampled while this one is learnt from."""

from __future__ import annotations

from typing import Any

import pytest
from servers import Served
from toys import VllmToy, gap, rows, without_clock

CLOSE = 1e-3  # nats, of the worst token; in float32


def ahead(served: Served, batches: int = 1) -> dict[str, Any]:
    return served.rollout(ahead=batches)


@pytest.mark.parametrize("algorithm", ["grpo", "rloo", "ppo"])
def test_replies_are_one_batch_old_and_no_older(toy: VllmToy, served: Served, algorithm: str) -> None:
    found = rows(toy.train(toy.recipe(algorithm, rollout=ahead(served))))
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
