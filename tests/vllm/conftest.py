"""Only where vLLM is: `make test-vllm`.  The toy task of tests/train, sampled by vLLM without a GPU."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "train"))

if not find_spec("vllm"):
    collect_ignore_glob = ["test_*.py"]
else:
    from toys import VllmToy

    @pytest.fixture
    def toy(tmp_path: Path) -> VllmToy:
        return VllmToy(tmp_path)
