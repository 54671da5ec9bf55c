"""What goes wrong in the middle of a run, in one line: what, where, what to do.  The last checkpoint stays whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from emocal_rl.errors import UserError
from emocal_rl.launch import GONE, processes

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage
    from emocal_rl.run import Run

_LOST = ("closed by peer", "reset by peer", "NCCL", "gloo")  # another process of the launch is gone
_NO_CHANCES = ("probability tensor contains either", "probabilities contain")  # torch.multinomial, given NaN


class StopNotFinite(TrainerCallback):  # type: ignore[misc]
    """Ends a run before an update with gradients that are not finite: no checkpoint gets such weights.

    The trainer's own log would hide it: it replaces a loss that is not a number by the mean of the others.

    Raises:
        UserError: a gradient holds NaN or infinity.
    """

    def __init__(self, stage: str, run: Run) -> None:
        self.stage, self.run = stage, run

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Look at all gradients, after they were cut to `max_grad_norm`."""
        named = [(name, each.grad) for name, each in model.named_parameters() if each.grad is not None]
        if not named or torch.stack(torch._foreach_norm([_local(grad) for _, grad in named])).isfinite().all():
            return
        where = next(name for name, grad in named if not _local(grad).isfinite().all())
        if not any(_local(grad).isfinite().any() for _, grad in named):  # cutting spreads one NaN over all of them
            where = "the loss"
        raise UserError(
            f"stage {self.stage}: stopped at step {state.global_step + 1}: the gradient of {where} is not a number; "
            f"nothing was updated with it and {_kept(self.run, self.stage)}; lower trainer.learning_rate, or look "
            "for NaN in the starting checkpoint"
        )


@contextmanager
def named(stage: Stage, run: Run) -> Iterator[None]:
    """Turn failures that a user can do something about into one line each.

    Raises:
        UserError: out of memory, or replies cannot be sampled because the model's logits are not numbers.
    """
    try:
        yield
    except torch.OutOfMemoryError as problem:
        raise UserError(
            f"stage {stage.name}: out of GPU memory; {_kept(run, stage.name)}; lower "
            "trainer.per_device_train_batch_size (with more trainer.gradient_accumulation_steps), or rollout.memory "
            "where vLLM shares the GPU"
        ) from problem
    except RuntimeError as problem:
        if processes() > 1 and any(words in str(problem) for words in _LOST):
            raise UserError(f"stage {stage.name}: {GONE}; {_kept(run, stage.name)}") from problem
        if not any(words in str(problem) for words in _NO_CHANCES):
            raise
        raise UserError(
            f"stage {stage.name}: no reply can be sampled, because the model's logits are not numbers; "
            f"{_kept(run, stage.name)}; lower trainer.learning_rate, or look for NaN in the starting checkpoint"
        ) from problem


def _local(gradient: Any) -> Any:
    """This process's part of a sharded gradient."""
    return gradient.to_local() if hasattr(gradient, "to_local") else gradient


def _kept(run: Run, stage: str) -> str:
    checkpoint = run.last_checkpoint(stage)
    return "there is no checkpoint of this stage yet" if checkpoint is None else f"the last checkpoint is {checkpoint}"
