"""`rollout.ahead: 1` against a real server: the next batch is sampled while this one is learnt from."""

from __future__ import annotations

from typing import Any

import pytest
from servers import Served
from toys import VllmToy, gap, rows, without_clock

CLOSE = 1e-3  # nats, of the worst token; in float32
OF_AHEAD = "sampling/staleness", "sampling/overlapped_seconds"


def ahead(served: Served, batches: int = 1) -> dict[str, Any]:
    return served.rollout(ahead=batches)


def learnt(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The metrics that do not say when replies were sampled."""
    return [{key: value for key, value in row.items() if key not in OF_AHEAD} for row in without_clock(found)]


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


def test_weights_that_do_not_change_leave_nothing_to_tell_it_by(toy: VllmToy, served: Served, tmp_path: Any) -> None:
    """Every batch is that of its prompts: the replies are those that are sampled when they are asked for."""
    still = {"learning_rate": 0.0}
    on = rows(toy.train(toy.recipe("grpo", still, rollout=ahead(served))))
    toy.folder = tmp_path / "off"
    toy.folder.mkdir()
    off = rows(toy.train(toy.recipe("grpo", still, rollout=ahead(served, 0))))
    assert learnt(on) == learnt(off)
    assert max(map(gap, on)) < CLOSE


def test_killed_it_ends_where_an_unbroken_run_ends(toy: VllmToy, served: Served) -> None:
    """The replies that were sampled ahead are part of a checkpoint."""
    whole = toy.train(toy.recipe("grpo", rollout=ahead(served)))
    again = toy.killed_after(whole, 2)
    assert learnt(rows(again)) == learnt(rows(whole))
    assert rows(again)[-1]["sampling/staleness"] == 1


def test_without_what_was_sampled_ahead_it_samples_anew(toy: VllmToy, served: Served) -> None:
    whole = toy.train(toy.recipe("grpo", rollout=ahead(served)))
    (whole.path / "checkpoints" / "toy" / "checkpoint-2" / "rollouts_ahead.json").unlink()
    again = rows(toy.killed_after(whole, 2))
    assert [row["sampling/staleness"] for row in again] == [0, 1, 0, 1]
