"""What every stage shares: the trainer's arguments, its callback, and running or resuming it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from transformers import PrinterCallback, TrainerCallback

from emocal_rl.checkpoints import step_of
from emocal_rl.data import DataSet, Row, visits
from emocal_rl.errors import UserError
from emocal_rl.launch import PATIENCE
from emocal_rl.models import patches
from emocal_rl.models.lora import adapted, lora_config, save_merged
from emocal_rl.progress import Tick, stage_progress
from emocal_rl.train.faults import StopNotFinite, named

if TYPE_CHECKING:
    from emocal_rl.recipe import Recipe, Stage
    from emocal_rl.run import Run


class Plan(NamedTuple):
    """How a stage is trained: the trainer, its config class, that config's options, further trainer arguments."""

    trainer: type[Any]
    config: type[Any]
    options: dict[str, Any]
    extra: dict[str, Any]


def arguments(stage: Stage, run: Run, seed: int, **ours: Any) -> dict[str, Any]:
    """Keyword arguments for a TRL config: our defaults, overridden by the recipe's `trainer:` block."""
    import torch

    gpu = torch.cuda.is_available()
    steps = int(stage.trainer.get("max_steps", 100))
    return {
        "output_dir": str(run.checkpoint_dir(stage.name)),
        "seed": seed,
        "max_steps": steps,
        "logging_steps": max(1, steps // 50),
        "save_strategy": "steps",
        "save_steps": max(1, math.ceil(steps / 4)),
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not gpu,
        "bf16": gpu,
        "gradient_checkpointing": gpu,
        "dataloader_pin_memory": gpu,
        "ddp_timeout": PATIENCE,
        **ours,
        **stage.trainer,
    }


def configured(kind: type[Any], options: dict[str, Any]) -> Any:
    """The config of TRL's class with these options, for one GPU a process."""
    args = kind(**options)
    if args.n_gpu > 1:  # nobody has launched processes: transformers would divide each batch by DataParallel
        args._n_gpu = 1  # as transformers itself does for a model that has its device
    return args


def training_rows(stage: Stage, data: DataSet, count: int, seed: int) -> Iterator[Row]:
    """`count` rows of the stage's split, in the order that `sampling` says.

    Raises:
        UserError: the split has no rows, as a stage's share of a small file may.
    """
    rows = data.split(stage.split)
    if not len(rows):
        raise UserError(f"stage {stage.name}: split '{stage.split}' of data {data.name} has no rows; choose another")
    return visits(rows, count, seed) if stage.sampling == "balanced" else shuffled(rows, count, seed)


def shuffled(rows: Sequence[Row], count: int, seed: int) -> Iterator[Row]:
    """`count` rows in shuffled rounds: every row comes once before any comes again."""
    random = np.random.default_rng(seed)
    for start in range(0, count, len(rows)):
        yield from (rows[i] for i in random.permutation(len(rows))[: count - start])


def adapter(recipe: Recipe, stage: Stage, model: Any) -> dict[str, Any]:
    """The trainer argument that puts LoRA adapters on what the stage trains of the model; none without them."""
    if recipe.model.lora is None:
        return {}
    frozen = {"freeze_vision": stage.freeze_vision, "freeze_aligner": stage.freeze_aligner}
    return {"peft_config": lora_config(model, recipe.model.lora, **frozen)}


# Which of the trainer's numbers stand beside the progress bar, and under what name.
SHOWN = {
    "loss": "loss",
    "reward": "reward",
    "train/accuracy": "acc",
    "train/confidence": "conf",
    "train/brier": "Brier",
}


class Recorder(TrainerCallback):  # type: ignore[misc]
    """Writes the trainer's logs to `metrics.jsonl` and moves the progress bar."""

    def __init__(self, run: Run, stage: str, tick: Any) -> None:
        self.run, self.stage, self.tick = run, stage, tick
        self.last: dict[str, float] = {}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Keep a copy of what the trainer logs."""
        numbers = {
            key: value for key, value in (logs or {}).items() if isinstance(value, int | float) and math.isfinite(value)
        }
        if state.is_world_process_zero and "train_runtime" not in numbers:
            self.run.log_metrics(
                {"stage": self.stage, "step": state.global_step, "max_steps": state.max_steps, **numbers}
            )
        self.last = {name: numbers[key] for key, name in SHOWN.items() if key in numbers}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Move the bar."""
        self.tick(state.global_step, **self.last)


def fit(trainer: Any, stage: Stage, run: Run) -> None:
    """Train from the last complete checkpoint, or from the start, with progress and logs.

    Raises:
        UserError: no step was made: transformers ends without a word where its data loader gives no batch.
    """
    checkpoint = run.last_checkpoint(stage.name)
    if checkpoint:
        patches.checkpoints_of_cpu_processes()
    trainer.remove_callback(PrinterCallback)  # prints whole log dictionaries; ours are in metrics.jsonl
    with _progress(trainer, stage, step_of(checkpoint)) as tick:
        trainer.add_callback(Recorder(run, stage.name, tick))
        trainer.add_callback(StopNotFinite(stage.name, run))
        with named(stage, run):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step == 0:
        raise UserError(
            f"stage {stage.name}: nothing was trained: its rows do not fill one batch; lower "
            "trainer.per_device_train_batch_size, or raise trainer.max_steps"
        )


def _progress(trainer: Any, stage: Stage, start: int) -> AbstractContextManager[Tick]:
    """The stage's progress, shown by the first process alone."""
    if not trainer.is_world_process_zero():
        return nullcontext(lambda done, **numbers: None)
    return stage_progress(stage.name, int(trainer.args.max_steps), stage.algorithm, start=start)


def save(trainer: Any, processor: Any, run: Run, stage: Stage) -> None:
    """The finished stage's model and processor, as a folder that loads anywhere; adapters are folded in."""
    folder = run.model_dir(stage.name)
    model = trainer.accelerator.unwrap_model(trainer.model)
    if not adapted(model):
        trainer.save_model(str(folder))
    elif trainer.is_world_process_zero():
        save_merged(model, folder)
    if trainer.is_world_process_zero():
        processor.save_pretrained(str(folder))
    trainer.accelerator.wait_for_everyone()
