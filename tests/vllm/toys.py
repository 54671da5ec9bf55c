"""The toy task with vLLM's rollouts."""

from __future__ import annotations

import json
from typing import Any

import torch
from clock_keys import without_clock
from conftest_train import Toy

from emocal_rl import recipe as recipes
from emocal_rl.run import Run

COLOCATE = {"engine": "vllm-colocate", "options": {"max_model_len": 256}}


class VllmToy(Toy):
    """Trains the toy task with colocated vLLM."""

    def recipe(self, algorithm: str, trainer: dict[str, Any] | None = None, **changes: Any) -> recipes.Recipe:
        return super().recipe(algorithm, trainer, **({"rollout": COLOCATE} | changes))


def rows(run: Run) -> list[dict[str, Any]]:
    """The metrics of every step."""
    return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text("utf-8").splitlines()]


def gap(row: dict[str, Any]) -> float:
    """The largest distance between a token's log-probability in the sampler and in the trainer."""
    return float(row["sampling/sampling_logp_difference/max"])


def only_vision(model: Any) -> Any:
    """The model, of which nothing but the vision tower is trained."""
    for name, each in model.named_parameters():
        each.requires_grad_("vision" in name or "connector" in name)
    return model


def lora(model: Any) -> Any:
    """The model with an adapter that is no longer zero."""
    from peft import LoraConfig, get_peft_model

    wrapped = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad():
        for name, each in wrapped.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(each, std=0.5, generator=torch.Generator().manual_seed(1))
    return wrapped


__all__ = ["COLOCATE", "VllmToy", "gap", "lora", "only_vision", "rows", "without_clock"]
