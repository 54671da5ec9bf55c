"""Only where vLLM is: `make test-vllm`.  The toy task of tests/train, sampled by vLLM without a GPU."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

if not find_spec("vllm"):
    collect_ignore_glob = ["*.py"]
else:
    collect_ignore_glob = ["with_torchvision/*", "qwen_vl.py"]  # for a process of their own
    # the toy lives in tests/train/conftest.py, and there can be one module called conftest only
    spec = importlib.util.spec_from_file_location("conftest_train", HERE.parent / "train" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["conftest_train"] = module
    spec.loader.exec_module(module)
    from servers import Served
    from toys import VllmToy

    @pytest.fixture
    def toy(tmp_path: Path) -> VllmToy:
        return VllmToy(tmp_path)

    @pytest.fixture(scope="session")
    def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
        """One server for all tests, that of a key; it takes a while to start."""
        server = Served(tmp_path_factory.mktemp("server") / "log", key="secret")
        try:
            server.wait()
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("VLLM_API_KEY", "secret")
                yield server
        finally:
            server.stop()
