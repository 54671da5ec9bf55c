"""Batches and memory, worked out by hand."""

import struct
from pathlib import Path
from typing import Any

import pytest

from emocal_rl import budget, preflight
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.models.sources import TINY

TREE: dict[str, Any] = {
    "name": "demo", "algorithm": "grpo", "split": "stage_three", "format": "emocaliber",
    "reward": {"correct": 1.0, "brier": 1.0},
    "trainer": {"per_device_train_batch_size": 6, "gradient_accumulation_steps": 2, "num_generations": 8},
}  # fmt: skip


def recipe(**changes: Any) -> recipes.Recipe:
    return recipes.from_tree(TREE | changes)


def batches(each: int, **more: int) -> dict[str, Any]:
    return {"trainer": TREE["trainer"] | {"per_device_train_batch_size": each} | more}


def test_groups_are_counted_in_each_process() -> None:
    """4 x 2 = 8 completions are a group. 6 x 2 = 12 are none, nor are four processes' 48, cut at their borders."""
    assert budget.arithmetic(recipe(**batches(4)), 4) == [
        "batch: 4 prompts x 8 completions = 32 sampled at once by 4 processes",
        "update: 4 x 2 accumulated x 4 processes = 32 completions",
    ]
    preflight.require(recipe(launch={"processes": 4}, **batches(4)))
    with pytest.raises(UserError, match="trainer: 12 completions a batch "):
        preflight.require(recipe())
    with pytest.raises(UserError) as error:
        preflight.require(recipe(launch={"processes": 4}))
    assert error.value.lines == [
        "demo: trainer: 12 completions a batch of each process (per_device_train_batch_size x "
        "gradient_accumulation_steps, or generation_batch_size / launch.processes) cannot be split into groups of "
        "num_generations=8; make it a multiple"
    ]
    assert budget.batch_problem(recipe(**batches(6, num_generations=4, gradient_accumulation_steps=1)), 2)
    assert budget.batch_problem(recipe(**batches(1, generation_batch_size=36)), 8).startswith(
        "trainer: 4.5 completions"
    )
    assert not budget.batch_problem(recipe(**batches(1, generation_batch_size=64)), 8)


def folder(path: Path) -> Path:
    """A checkpoint of 3 x 4 + 8 = 20 million weights: its header alone."""
    header = (
        b'{"__metadata__": {"format": "pt"}, '
        b'"a": {"dtype": "BF16", "shape": [3000, 4000], "data_offsets": [0, 24000000]},'
        b' "b": {"dtype": "BF16", "shape": [8000000], "data_offsets": [24000000, 40000000]}}'
    )
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def test_memory_by_hand(tmp_path: Path) -> None:
    """20 M weights in bfloat16: 40 MB, as much of gradients, and AdamW's two moments: 80 MB."""
    model = {"name": str(folder(tmp_path))}
    assert budget.memory(recipe(model=model), recipe(), gpu=True) == (
        "memory: weights 40 MB + gradients 40 MB + AdamW 80 MB = 160 MB a process, without activations "
        "(LoRA needs less)"
    )
    assert "weights 80 MB + gradients 80 MB + AdamW 160 MB = 320 MB" in budget.memory(
        recipe(model=model), recipe(), gpu=False
    )
    divided = recipe(model=model, launch={"processes": 4, "accelerate_config": "deepspeed_zero2"})
    assert "weights 40 MB + gradients 10 MB + AdamW 20 MB = 70 MB" in budget.memory(divided, divided, gpu=True)
    shared = recipe(rollout={"engine": "vllm-colocate"})
    assert budget.memory(recipe(model=model), shared, gpu=True).endswith(
        "; vLLM beside it: weights 40 MB and its cache"
    )
    for gpu in (True, False):
        named = recipe(model=model | {"dtype": "bfloat16"})
        assert "weights 40 MB + gradients 40 MB" in budget.memory(named, named, gpu=gpu)


def test_a_model_that_is_not_here() -> None:
    assert budget.memory(recipe(model={"name": "org/model"}), recipe(), gpu=True) == (
        "memory: not known before the model's files are on this machine"
    )


def test_the_embedded_model_is_counted_from_its_file() -> None:
    from safetensors import safe_open

    with safe_open(TINY / "model.safetensors", "numpy") as file:
        count = sum(_size(file, name) for name in list(file.keys()))
    assert budget.parameters("tiny") == count


def _size(file: Any, name: str) -> int:
    total = 1
    for each in file.get_slice(name).get_shape():
        total *= each
    return total


def test_the_pointer_that_git_lfs_leaves_is_no_model(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_text(pointer)
    assert budget.parameters(str(tmp_path)) is None
