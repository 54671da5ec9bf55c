"""Stage three on scripted replies: everything is real but the sampling, which differs between processes.

A reply depends on the step, the picture and its place in the group, so every split of the work sees the same replies.
Run as a module by torch's launcher, it trains every case it is given and keeps the weights of each.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl import recipe as recipes
from emocal_rl.data import DataSet, emoji
from emocal_rl.rewards import FORMATS
from emocal_rl.run import Run

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
STEPS = 3
TREE: dict[str, Any] = {
    "name": "scripted",
    "split": "train",
    "format": "emocaliber",
    "target": "annotator",
    "reward": {"correct": 1.0, "brier": 1.0},
    "trainer": {
        "max_steps": STEPS,
        "num_generations": 4,
        "max_completion_length": 64,
        "learning_rate": 0.5,
        "lr_scheduler_type": "constant",
        "optim": "sgd",  # Adam turns the rounding of a tiny gradient into a whole step
        "max_grad_norm": 0.0,
        "logging_steps": 1,
        "save_steps": 1,
        "save_total_limit": 9,
    },
}


def said(step: int, picture: bytes, place: int) -> str:
    """A reply: any answer and confidence, one in eight unreadable."""
    random = np.random.default_rng([step, zlib.crc32(picture), place])
    answer, confidence = emoji.CANDIDATES[2][random.integers(2)], random.uniform(0.05, 0.95)
    return FORM.write(PARTS, answer, confidence) if random.random() > 1 / 8 else "hm"


def with_script(trainer: type[Any]) -> type[Any]:
    """The trainer, with replies read from the script."""

    class Scripted(trainer):  # type: ignore[misc, valid-type]
        def _generate_single_turn(self, prompt_ids: Any, images: Any, *rest: Any, **more: Any) -> Any:
            tokenizer, first = self.processing_class.tokenizer, self.accelerator.process_index * len(images)
            texts = [
                said(self.state.global_step, picture[0].tobytes(), (first + i) % self.num_generations)
                for i, picture in enumerate(images)
            ]
            return [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts], None

    return Scripted


def recipe(algorithm: str, batch: int, accumulate: int, **changes: Any) -> recipes.Recipe:
    """`batch` replies a process and pass, `accumulate` passes a step."""
    options = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulate}
    options |= changes.pop("trainer", {})
    return recipes.from_tree(TREE | {"algorithm": algorithm, "trainer": TREE["trainer"] | options} | changes)


def train(run: Run) -> dict[str, np.ndarray]:
    """Train the run's recipe from where its checkpoints are; the weights it ends with."""
    from emocal_rl.models.load import load, use_threads
    from emocal_rl.train import rl
    from emocal_rl.train.run import quieten

    quieten()
    use_threads(1)
    (stage,) = run.recipe.stages
    model, processor = load("tiny")
    rows = emoji.load(2)["stage_three"][:16]
    plan = rl.PLANS[stage.algorithm](stage)
    plan = plan._replace(trainer=with_script(plan.trainer))
    with run:
        run.start_stage(stage.name)
        rl.train_rl(run.recipe, stage, run, DataSet("scripted", {"train": rows}), model, processor, plan)
    return {name: value.detach().numpy().copy() for name, value in model.named_parameters() if value.requires_grad}


def main(folder: Path) -> None:
    """Train every case of `folder`/cases.json in this process, one of several, and keep the first process's weights."""
    rank = os.environ.get("RANK", "0")
    for name, case in json.loads((folder / "cases.json").read_text()).items():
        weights = train(Run.create(recipe(**case), folder / f"{name}-{rank}"))
        if rank == "0":
            np.savez(folder / f"{name}.npz", **weights)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
