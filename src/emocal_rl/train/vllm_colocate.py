"""vLLM in the trainer's process, on the trainer's device: no server, no copy of the weights through the network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from trl.generation import vllm_generation

from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Rollout
from emocal_rl.train.vllm_engine import Engine
from emocal_rl.train.vllm_worker import EXTENSION


class ColocatedEngine(Engine):
    """An `LLM` beside the model, brought up to date before each generation.

    Weights go through vLLM's layer-wise reload, which also works where vLLM has packed them (CPU, quantised layers).

    Raises:
        UserError: the engine cannot be started (options, memory).
    """

    def __init__(self, trainer: Any, rollout: Rollout, silent: Sequence[int]) -> None:
        args, options = trainer.args, dict(rollout.options)
        self.tensor_parallel = options.pop("tensor_parallel_size", 1)
        self.options = options
        super().__init__(
            trainer,
            rollout,
            silent,
            mode="colocate",
            tensor_parallel_size=self.tensor_parallel,
            gpu_memory_utilization=rollout.memory,
            max_model_length=options.pop("max_model_len", None),
            max_num_seqs=options.pop(
                "max_num_seqs", args.per_device_train_batch_size * self.tensor_parallel * args.steps_per_generation
            ),
            enable_sleep_mode=rollout.sleep,
            model_impl=options.pop("model_impl", "auto"),
        )

    def _init_vllm(self) -> None:
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")  # in this process, as the reload needs
        defaults: dict[str, Any] = {
            "dtype": str(self.model.dtype).removeprefix("torch."),  # not that of the config: what is trained decides
            "seed": self.seed + self.accelerator.process_index // self.tensor_parallel,
            "limit_mm_per_prompt": {"image": 1},
            "disable_log_stats": True,
            "worker_extension_cls": EXTENSION,
        }
        if not torch.cuda.is_available():
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
            defaults["enforce_eager"] = True
        threads = torch.get_num_threads()
        with _more_arguments(defaults | self.options), _named_failures():
            super()._init_vllm()
        torch.set_num_threads(threads)  # vLLM sets its own

    def sync_weights(self) -> None:
        """Bring the engine's weights up to date, and forget what it computed with the old ones."""
        if self.enable_sleep_mode:
            vllm_generation.empty_cache()
            self.llm.wake_up(tags=["weights"])
            self._llm_weights_sleeping = False
        self.llm.collective_rpc("take_weights", kwargs={"weights_iterator": self._iter_named_params()})
        self.llm.reset_prefix_cache()
        self.llm.llm_engine.engine_core.reset_encoder_cache()  # image features of the old vision tower

    def generate(self, prompts: Any, images: Any, num_generations: int, profiler: Any = None) -> Any:
        """TRL's `generate`, from prompts whose images vLLM puts in."""
        sent = prompts if images is None else [self._short.get(tuple(ids), ids) for ids in prompts]
        found = super().generate(sent, images, num_generations, profiler)
        self._check_prompts(prompts, found[0])
        return (prompts, *found[1:])


@contextmanager
def _more_arguments(more: dict[str, Any]) -> Iterator[None]:
    """TRL passes a fixed list of arguments to `LLM`; inside the block it gets these as well."""
    plain = vllm_generation.LLM
    vllm_generation.LLM = lambda **given: plain(**given | more)
    try:
        yield
    finally:
        vllm_generation.LLM = plain


@contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, RuntimeError, OSError, torch.OutOfMemoryError) as problem:
        reason = " ".join(str(problem).split())[:300]
        raise UserError(
            f"rollout: vLLM cannot start beside the trainer: {reason}; change rollout.memory or rollout.options, or "
            "set rollout.engine=hf"
        ) from problem
