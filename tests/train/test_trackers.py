"""What trackers are told, where TensorBoard is installed."""

import json
from pathlib import Path

import pytest

RECIPE = """
name: mini
algorithm: grpo
split: stage_three
format: emocaliber
reward: {correct: 1.0, brier: 1.0}
data: {limit: 4}
evaluation: {splits: [validation], limit: 2, bootstrap: 0}
trainer:
  {max_steps: 2, logging_steps: 1, per_device_train_batch_size: 2, num_generations: 2, max_completion_length: 4,
   report_to: tensorboard}
"""


@pytest.mark.slow
def test_a_tracker_hears_what_the_log_holds(cli, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    (tmp_path / "mini.yaml").write_text(RECIPE)
    run = tmp_path / "run"
    done = cli("train", "--recipe", str(tmp_path / "mini.yaml"), "--run-dir", str(run))
    assert done.code == 0, done.err
    (events,) = run.rglob("events.out.tfevents.*")
    told = accumulator.EventAccumulator(str(events.parent))
    told.Reload()
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for key in ("loss", "reward", "train/parsed"):
        heard = [(event.step, event.value) for event in told.Scalars(f"train/{key}")]
        assert heard == [(row["step"], pytest.approx(row[key])) for row in rows if key in row]
        assert len(heard) == 2
