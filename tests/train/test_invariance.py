"""The same training however the work is split: into batches, over processes, over a kill and a resume."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scripted

from emocal_rl.run import Run

pytestmark = pytest.mark.slow

EIGHT = {"batch": 8, "accumulate": 1}
CASES = {
    "exact": {"algorithm": "grpo", "credit": "exact", "digit_entropy": 0.02, "calibration_target": "leave_one_out",
              "trainer": {"scale_rewards": "batch"}},
    "answers": {"algorithm": "grpo", "credit": "exact", "digit_entropy": 0.02, "exact_answer": True,
                "segment_weights": {"answer": 0.5, "confidence": 10.0}, "trainer": {"learning_rate": 0.1}},
    "segment": {"algorithm": "grpo", "credit": "segment", "calibration_schedule": {"ramp": [0, 2]}},
    "ppo": {"algorithm": "ppo", "credit": "segment", "ppo": {"value_learning_rate": 0.05}},
    "exact ppo": {"algorithm": "ppo", "credit": "exact", "digit_entropy": 0.02, "exact_answer": True,
                  "segment_weights": {"answer": 0.5}},
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, dict[str, np.ndarray]]:
    """Every case in one process and one pass of eight."""
    folder = tmp_path_factory.mktemp("whole")
    made = {name: Run.create(scripted.recipe(**EIGHT, **case), folder / name) for name, case in CASES.items()}
    return {name: scripted.train(run) for name, run in made.items()}


@pytest.fixture(scope="module")
def start() -> dict[str, np.ndarray]:
    from emocal_rl.models.load import load

    return {name: value.detach().numpy() for name, value in load("tiny")[0].named_parameters()}


def distance(one, other) -> float:
    return float(np.sqrt(sum(np.square(one[name] - other[name], dtype=float).sum() for name in one)))


def same(found, wanted, start) -> bool:
    """Apart by less than a thousandth of the way that was gone; the rest is the rounding of sums."""
    gone = distance(wanted, start)
    assert gone > 1e-3
    return distance(found, wanted) < 1e-3 * gone


@pytest.mark.parametrize("name", CASES)
def test_accumulated_batches_are_one_batch(name, whole, start, tmp_path):
    found = scripted.train(Run.create(scripted.recipe(batch=2, accumulate=4, **CASES[name]), tmp_path / name))
    assert same(found, whole[name], start)


@pytest.mark.parametrize("name", ["answers", "exact ppo"])
@pytest.mark.parametrize("loss", ["dapo", "grpo"])
def test_one_step_of_four_passes_of_eight_is_one_of_thirty_two(name, loss, start, tmp_path):
    """Plain gradient descent: the way that is gone is the gradient, of TRL's loss and of every term that is added."""
    found = {}
    for batch, accumulate in ((8, 4), (32, 1)):
        case = CASES[name] | {"trainer": CASES[name].get("trainer", {}) | {"max_steps": 1, "loss_type": loss}}
        run = Run.create(scripted.recipe(batch=batch, accumulate=accumulate, **case), tmp_path / str(batch))
        found[batch] = scripted.train(run)
    assert same(found[8], found[32], start)


def test_two_processes_are_one(whole, start, tmp_path):
    """Groups of four on two processes with four replies each, through gloo."""
    cases = {name: {"batch": 4, "accumulate": 1} | case for name, case in CASES.items()}
    for case in cases.values():
        case["trainer"] = case.get("trainer", {}) | {"save_strategy": "no"}
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    launch(tmp_path, 2)
    for name in CASES:
        assert same(np.load(tmp_path / f"{name}.npz"), whole[name], start), name


def test_a_different_reward_is_a_different_training(whole, start):
    """Or the comparisons above could not fail."""
    assert not same(whole["exact"], whole["segment"], start)
    assert not same(whole["ppo"], whole["segment"], start)


@pytest.mark.parametrize("name", ["exact", "segment"])
def test_resumed_it_ends_the_same(name, whole, start, tmp_path):
    """A kill after the first of three steps."""
    run = Run.create(scripted.recipe(**EIGHT, **CASES[name]), tmp_path / "run")
    scripted.train(run)
    for step in (2, 3):
        shutil.rmtree(run.checkpoint_dir("scripted") / f"checkpoint-{step}")
    info = json.loads((run.path / "run.json").read_text())
    info["status"], info["stages"][0]["status"] = "failed", "running"
    (run.path / "run.json").write_text(json.dumps(info))
    assert same(scripted.train(Run.open(run.path)), whole[name], start)


def launch(folder: Path, processes: int) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    found = subprocess.run(
        [*command, scripted.__file__, str(folder)],
        cwd=root, env=environment, capture_output=True, text=True, timeout=550, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-3000:]
