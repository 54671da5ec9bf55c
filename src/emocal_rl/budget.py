"""Batches and memory of a stage, known before any model is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from emocal_rl.checkpoints import safetensors_header
from emocal_rl.errors import UserError
from emocal_rl.files import megabytes
from emocal_rl.recipe import Recipe, Stage
from emocal_rl.recipe_blocks import Rollout

# TRL's defaults for the options the batch arithmetic needs.
_BATCH = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "num_generations": 8}
# AdamW keeps two numbers for each trained one; its 8-bit and factored relatives keep less, which this is above.
_MOMENTS = 2
# what a shipped configuration divides between the processes
_DIVIDED = {
    "fsdp2": ("weights", "gradients", "AdamW"),
    "deepspeed_zero2": ("gradients", "AdamW"),
    "deepspeed_zero3": ("weights", "gradients", "AdamW"),
}


def options(stage: Stage) -> dict[str, Any]:
    """The trainer's options that decide batches, TRL's defaults filled in."""
    return _BATCH | {key: value for key, value in stage.trainer.items() if value is not None}


def batch(stage: Stage, processes: int = 1) -> tuple[int, int]:
    """(completions sampled at a time by all processes, completions a prompt)."""
    found = options(stage)
    steps = found.get("steps_per_generation") or found["gradient_accumulation_steps"]
    sampled = found.get("generation_batch_size") or found["per_device_train_batch_size"] * steps * processes
    return int(sampled), int(found["num_generations"])


def batch_problem(stage: Stage, processes: int = 1) -> str:
    """Why these numbers do not go together; empty where they do."""
    sampled, generations = batch(stage, processes)
    if generations < 2:
        return f"trainer.num_generations is {generations}; comparing replies to a prompt takes at least 2"
    if sampled % (generations * processes):  # rewards and monitors see the groups of their own process, whole
        of, over = (" of each process", " / launch.processes") if processes > 1 else ("", "")
        return (
            f"trainer: {sampled / processes:g} completions a batch{of} (per_device_train_batch_size x "
            f"gradient_accumulation_steps, or generation_batch_size{over}) cannot be split into groups of "
            f"num_generations={generations}; make it a multiple"
        )
    return ""


def arithmetic(stage: Stage, processes: int = 1) -> list[str]:
    """The batch in words, or what is wrong with it."""
    sampled, generations = batch(stage, processes)
    if problem := batch_problem(stage, processes):
        return [f"problem: {problem}"]
    each, accumulated = options(stage)["per_device_train_batch_size"], options(stage)["gradient_accumulation_steps"]
    by = "a process" if processes == 1 else f"{processes} processes"
    over = f" x {processes} processes" if processes > 1 else ""
    return [
        f"batch: {sampled // generations} prompts x {generations} completions = {sampled} sampled at once by {by}",
        f"update: {each} x {accumulated} accumulated{over} = {each * accumulated * processes} completions",
    ]


def memory(recipe: Recipe, stage: Stage, gpu: bool) -> str:
    """What a process needs for the numbers that training keeps, without activations; or why that is not known.

    gpu: whether there is one; there the loader takes bfloat16 where the recipe names no type, else float32.
    """
    count = parameters(recipe.model.checkpoint or recipe.model.name)
    if count is None:
        return "memory: not known before the model's files are on this machine"
    size = {"float32": 4, "bfloat16": 2, None: 2 if gpu else 4}[recipe.model.dtype]
    launch = recipe.launch
    parts = {"weights": size, "gradients": size, "AdamW": _MOMENTS * size}
    divided = _DIVIDED.get(str(launch.accelerate_config), ())
    keep = [count * each / (launch.processes if name in divided else 1) for name, each in parts.items()]
    words = " + ".join(f"{name} {megabytes(each)}" for name, each in zip(parts, keep, strict=True))
    beside = f"; vLLM beside it: weights {megabytes(count * size)} and its cache" if _colocated(stage) else ""
    return f"memory: {words} = {megabytes(sum(keep))} a process, without activations (LoRA needs less){beside}"


def parameters(model: str) -> int | None:
    """Number of weights in a model folder's safetensors files, by their headers; None where that is not known."""
    from emocal_rl.models.sources import source

    try:
        files = sorted(Path(source(model)).glob("*.safetensors"))
    except UserError:  # a recipe can be checked where its model is not installed; training will say what is missing
        return None
    headers = [found[1] for path in files if (found := safetensors_header(path)) is not None]
    if not files or len(headers) < len(files):  # Git LFS leaves a pointer where it has fetched nothing
        return None
    return sum(int(math.prod(entry["shape"])) for header in headers for entry in header.values())


def _colocated(stage: Stage) -> bool:
    return stage.algorithm != "sft" and (stage.rollout or Rollout()).engine == "vllm-colocate"
