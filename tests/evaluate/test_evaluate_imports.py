"""What evaluation may and may not import."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Block())
import {module}
"""


@pytest.mark.parametrize(
    ("module", "blocked"),
    [
        ("emocal_rl.evaluate.metrics", {"torch", "transformers", "matplotlib", "sklearn", "pandas", "pydantic"}),
        ("emocal_rl.evaluate.intervals", {"torch", "transformers", "matplotlib", "sklearn", "pandas", "pydantic"}),
        ("emocal_rl.evaluate.recalibrate", {"torch", "transformers", "matplotlib", "sklearn", "pandas", "pydantic"}),
        ("emocal_rl.evaluate.score_lines", {"torch", "transformers", "trl", "matplotlib", "sklearn", "pandas"}),
        ("emocal_rl.evaluate.report", {"torch", "transformers", "trl", "sklearn", "pandas"}),
    ],
)
def test_light_imports(module: str, blocked: set[str]) -> None:
    script = SCRIPT.format(module=module, blocked=blocked)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
