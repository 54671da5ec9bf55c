"""A real `vllm serve` process over HTTP: it samples from the model that is trained, after every update."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
import requests
from servers import PATIENCE, Served
from toys import VllmToy, gap, only_vision, rows

from emocal_rl import checkpoints
from emocal_rl.errors import UserError

CLOSE = 1e-3  # nats, of the worst token; in float32


def test_log_probabilities_agree_after_every_update(toy: VllmToy, served: Served) -> None:
    run = toy.train(toy.recipe("grpo", rollout=served.rollout()))
    found = rows(run)
    assert len(found) == 4
    assert max(map(gap, found)) < CLOSE
    assert found[0]["train/parsed"] > 0.5  # the sampler answers the picture and the question
    assert any(row["grad_norm"] > 0 for row in found)
    assert all(row["time/sync"] > 0 for row in found)
    assert not (run.path / "weights").exists()  # a copy of the model, on its way to the server


def test_a_changed_vision_tower_changes_the_rollouts(toy: VllmToy, served: Served) -> None:
    """Nothing else is trained, the pictures come again: with features of the old tower the two would disagree."""
    options = {"learning_rate": 0.02, "max_steps": 6, "num_generations": 4}
    found = rows(toy.train(toy.recipe("grpo", options, rollout=served.rollout()), only_vision))
    assert max(row["grad_norm"] for row in found[:-1]) > 0
    assert max(map(gap, found)) < CLOSE


def test_killed_it_goes_on(toy: VllmToy, served: Served) -> None:
    """Not bit for bit: a server's draws depend on what it samples beside them."""
    found = rows(toy.killed_after(toy.train(toy.recipe("grpo", rollout=served.rollout())), 2))
    assert [row["step"] for row in found] == [1, 2, 3, 4]
    assert max(map(gap, found)) < CLOSE


def test_without_the_key_nothing_opens(served: Served) -> None:
    for path in ("collective_rpc", "reset_prefix_cache", "server_info", "v1/models"):
        assert requests.post(f"{served.url}/{path}", timeout=PATIENCE).status_code == 401


def test_a_server_that_dies_is_one_line_and_the_checkpoint_stays(toy: VllmToy, served: Served) -> None:
    """The last test that uses the server: it kills it once the second update is saved."""
    kept = toy.folder / "run" / "checkpoints" / "toy" / "checkpoint-2"

    def kill() -> None:
        while not (kept / "trainer_state.json").exists() and served.process.poll() is None:
            time.sleep(0.01)
        os.killpg(served.process.pid, signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    with pytest.raises(UserError) as error:
        toy.train(toy.recipe("grpo", {"max_steps": 40}, rollout=served.rollout()))
    assert error.value.lines == [
        f"rollout: no server answers at {served.url}; start one with: emocal-rl serve-rollouts MODEL"
    ]
    assert checkpoints.newest_complete(Path(kept.parent)) is not None
