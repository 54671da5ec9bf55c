"""What breaks in the middle of a run: one line, the last checkpoint whole, and a resume that ends as if nothing was."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from emocal_rl import checkpoints
from emocal_rl.errors import UserError
from emocal_rl.train.clock import PARTS

pytestmark = pytest.mark.slow


def poison_after(steps: int) -> Any:
    """A model whose head gets a gradient of NaN after so many updates."""

    def wrap(model: Any) -> Any:
        seen = []

        def spoil(gradient: Any) -> Any:
            seen.append(1)
            return gradient * float("nan") if len(seen) > steps else gradient

        model.get_output_embeddings().weight.register_hook(spoil)
        return model

    return wrap


def test_nan_in_a_gradient_stops_before_the_update(toy):
    """The gradient of the third step is spoilt: checkpoint-2 stays, and continuing without the fault ends the run."""
    recipe = toy.recipe("grpo")
    with pytest.raises(UserError) as error:
        toy.train(recipe, poison_after(2))
    run = toy.folder / "run"
    kept = run / "checkpoints" / "toy" / "checkpoint-2"
    (line,) = error.value.lines
    assert line == (
        "stage toy: stopped at step 3: the gradient of the loss is not a number; nothing was updated with it and the "
        f"last checkpoint is {kept}; lower trainer.learning_rate, or look for NaN in the starting checkpoint"
    )
    assert checkpoints.newest_complete(kept.parent) == kept
    info = json.loads((run / "run.json").read_text())
    assert info["status"] == "failed"


def test_logits_that_are_no_numbers_are_one_line(toy):
    def spoil(model: Any) -> Any:
        with torch.no_grad():
            model.get_input_embeddings().weight[:] = float("nan")
        return model

    with pytest.raises(UserError) as error:
        toy.train(toy.recipe("grpo"), spoil)
    assert error.value.lines == [
        "stage toy: no reply can be sampled, because the model's logits are not numbers; there is no checkpoint of "
        "this stage yet; lower trainer.learning_rate, or look for NaN in the starting checkpoint"
    ]


def test_every_second_of_a_step_belongs_to_one_part(toy):
    run = toy.train(toy.recipe("grpo"))
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 4
    for row in rows:
        spent = {part: row[f"time/{part}"] for part in PARTS if part != "sync"}
        assert all(seconds >= 0 for seconds in spent.values())
        assert min(spent["generate"], spent["update"], spent["score"]) > 0
        assert "time/sync" not in row  # transformers samples from the model itself
        # step_time is TRL's: without the optimiser, so a little less
        assert 0.8 * row["step_time"] < sum(spent.values())


def mounted(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a mount namespace of its own."""
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root / "src"), "PYTHON": sys.executable}
    return subprocess.run(
        ["unshare", "-rm", "sh", "-ec", script], env=environment, capture_output=True, text=True, timeout=500
    )


def can_mount(folder: Path) -> bool:
    return (
        bool(shutil.which("unshare") and shutil.which("fallocate"))
        and mounted(f"mount -t tmpfs tmpfs {folder}").returncode == 0
    )


def test_a_disk_that_is_full_at_a_checkpoint(tmp_path):
    """A disk of 320 MB is filled to its last 30 once the run has begun; with room made, the run goes on to its end."""
    if not can_mount(tmp_path):
        pytest.skip("no permission to mount a small disk")
    run, out = tmp_path / "run", tmp_path.parent / "seen"
    steps = "trainer.max_steps=9 trainer.save_steps=1 trainer.save_total_limit=9 data.limit=32 evaluation.limit=4"
    script = f"""
        mount -t tmpfs -o size=320m tmpfs {tmp_path}
        (while [ ! -e {run}/run.json ]; do sleep 0.02; done; fallocate -l 290000000 {tmp_path}/other) &
        "$PYTHON" -m emocal_rl train --recipe sft_reasoning --run-dir {run} {steps} && exit 9
        ls {run}/checkpoints/sft_reasoning > {out}
        rm {tmp_path}/other
        "$PYTHON" -m emocal_rl train --resume {run} >&2 || true
        cp {run}/run.json {out}.json; ls {run}/models/sft_reasoning >> {out}
    """
    done = mounted(script)
    assert "Traceback" not in done.stderr
    assert f"error: {run}: the disk is full (" in done.stderr
    assert f"make room there, then: emocal-rl train --resume {run}" in done.stderr
    names = out.read_text().split()
    assert "checkpoint-1" in names
    assert "checkpoint-9" not in names
    assert "model.safetensors" in names
    assert json.loads(out.with_suffix(".json").read_text())["stages"][0]["status"] == "done"
