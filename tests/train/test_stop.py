"""A run whose replies lost their format is stopped, through the command line, and nothing is lost."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from emocal_rl.errors import UserError
from emocal_rl.train.grpo import StopUnreadable


def say(stop: StopUnreadable, *shares: float) -> None:
    for step, share in enumerate(shares, 1):
        stop.on_log(None, SimpleNamespace(global_step=step), None, {"train/parsed": share})


def test_one_readable_reply_is_enough_to_go_on():
    stop = StopUnreadable("demo", patience=3)
    say(stop, 0.0, 0.0, 0.01, 0.0, 0.0)
    stop.on_log(None, SimpleNamespace(global_step=6), None, {"loss": 1.0})
    with pytest.raises(UserError, match="stage demo: stopped at step 1: no reply can be read any more"):
        say(stop, 0.0)


@pytest.mark.slow
def test_the_untaught_base_is_stopped(tmp_path: Path):
    """The base checkpoint answers in another format, so not one reply states a confidence."""
    overrides = ["trainer.max_steps=12", "trainer.logging_steps=1", "trainer.per_device_train_batch_size=8"]
    command = [sys.executable, "-m", "emocal_rl", "train", "--recipe", "grpo_brier", "model.checkpoint=tiny"]
    run = tmp_path / "run"
    done = subprocess.run([*command, "--run-dir", str(run), *overrides], capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert "stage grpo_brier: stopped at step 10: no reply can be read any more" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((run / "run.json").read_text())["status"] == "failed"
