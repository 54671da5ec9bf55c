"""The names and simple types of vLLM's engine arguments, read from its source text: no vLLM import, milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from emocal_rl.trainer_keys import fields_of, package_folder, passed_on

# Engine arguments that emocal-rl sets itself, and what to do instead.
OWN = {
    "model": "the engine samples from the model that is trained",
    "tokenizer": "the engine samples from the model that is trained",
    "seed": "set the recipe's own 'seed'",
    "logprobs_mode": "the correction needs the log-probabilities that were sampled from",
    "distributed_executor_backend": "the engine lives in the trainer's process",
    "gpu_memory_utilization": "set rollout.memory instead",
    "enable_sleep_mode": "set rollout.sleep instead",
}


def problems(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, message) for every key of `rollout.options` that vLLM does not know, that is ours, or of a wrong type.

    >>> list(problems({"seed": 3}))
    [('seed', "set by emocal-rl: set the recipe's own 'seed'")]
    """
    return passed_on("rollout.options", options, engine_arguments(), OWN)


@cache
def engine_arguments() -> dict[str, str] | None:
    """Name -> annotation of the installed vLLM's engine arguments; None when vLLM is not installed."""
    vllm = package_folder("vllm")
    return None if vllm is None else fields_of(vllm / "engine/arg_utils.py", "EngineArgs")
