"""Where the seconds of a step of reinforcement learning go, in every log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from transformers import TrainerCallback

PARTS = ("generate", "sync", "score", "logprobs", "update")


class StepClock(TrainerCallback):  # type: ignore[misc]
    """Logs `time/PART`, seconds a step, averaged over the steps of a log; each second belongs to one part.

    generate: sampling replies, or waiting for those that are sampled ahead. sync: bringing the engine's weights up to
    date. score: the reward. logprobs: of the replies, without gradients. update: everything else of a step, above all
    forward, backward and the optimiser.

    Args:
        trainer: a built GRPOTrainer or RLOOTrainer, with its engine set.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer, self.seconds = trainer, dict.fromkeys(PARTS, 0.0)
        self._part: str | None = None  # None between steps: checkpoints and logs are no part of a step
        self._mark = time.perf_counter()
        self._watch(trainer, "_generate_single_turn", "generate")
        self._watch(trainer, "_calculate_rewards", "score")
        self._watch(trainer, "_get_per_token_logps_and_entropies", "logprobs")
        if trainer.use_vllm:
            self._watch(trainer.vllm_generation, "sync_weights", "sync")
        if hasattr(getattr(trainer, "vllm_generation", None), "wait"):  # inside sync_weights, for replies
            self._watch(trainer.vllm_generation, "wait", "generate")

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The clock starts."""
        self._switch("update")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The clock stops, and the trainer's next log has the seconds."""
        self._switch(None)
        for part, seconds in self.seconds.items():
            if part != "sync" or self.trainer.use_vllm:
                self.trainer._metrics["train"][f"time/{part}"].append(seconds)
        self.seconds = dict.fromkeys(PARTS, 0.0)

    def _watch(self, owner: Any, name: str, part: str) -> None:
        call: Callable[..., Any] = getattr(owner, name)

        @wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            # a forward pass with gradients is the update's
            if self._part is None or (part == "logprobs" and torch.is_grad_enabled()):
                return call(*args, **kwargs)
            with self._during(part):
                return call(*args, **kwargs)

        setattr(owner, name, timed)

    @contextmanager
    def _during(self, part: str) -> Iterator[None]:
        outer = self._part
        self._switch(part)
        try:
            yield
        finally:
            self._switch(outer)

    def _switch(self, part: str | None) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # else the seconds go to whoever waits next
        now = time.perf_counter()
        if self._part is not None:
            self.seconds[self._part] += now - self._mark
        self._part, self._mark = part, now
