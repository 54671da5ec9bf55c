"""Only where vLLM is: `make test-vllm`.  The toy task of tests/train, sampled by vLLM without a GPU."""

from __future__ import annotations

import importlib.util
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

if not find_spec("vllm"):
    collect_ignore_glob = ["*.py"]
else:
    # the toy lives in tests/train/conftest.py, and there can be one module called conftest only
    spec = importlib.util.spec_from_file_location("conftest_train", HERE.parent / "train" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["conftest_train"] = module
    spec.loader.exec_module(module)
    from toys import VllmToy

    @pytest.fixture
    def toy(tmp_path: Path) -> VllmToy:
        return VllmToy(tmp_path)
