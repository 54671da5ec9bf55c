"""Imports point one way: what is pure stays pure. Each case runs in a process where the heavy packages are blocked."""

from collections.abc import Callable
from typing import Any

import pytest

BLOCK = """
import importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Block())
import {module}
"""
HEAVY = {"torch", "transformers", "trl", "datasets", "accelerate", "peft", "vllm", "matplotlib"}
MODULES = {
    "emocal_rl": {*HEAVY, "numpy", "pydantic", "yaml", "PIL"},
    "emocal_rl.rewards": {*HEAVY, "scipy", "sklearn", "pandas", "pydantic", "yaml", "PIL", "rich"},
    "emocal_rl.data": HEAVY,
    "emocal_rl.evaluate.metrics": HEAVY,
    "emocal_rl.adapters": HEAVY,
    "emocal_rl.recipe": {*HEAVY, "PIL"},
    "emocal_rl.run": {*HEAVY, "PIL"},
    "emocal_rl.progress": HEAVY,
    "emocal_rl.preflight": HEAVY,
    "emocal_rl.sweep.command": HEAVY,
    "emocal_rl.cli": {*HEAVY, "numpy", "PIL"},
}


@pytest.mark.parametrize("module", MODULES)
def test_imports_without_the_heavy_packages(module: str, python: Callable[..., Any]) -> None:
    done = python("-c", BLOCK.format(blocked=MODULES[module], module=module))
    assert done.code == 0, done.err


def test_the_block_blocks(python: Callable[..., Any]) -> None:
    done = python("-c", BLOCK.format(blocked={"json"}, module="json.tool"))
    assert "json is blocked" in done.err
