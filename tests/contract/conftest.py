"""Only where the frameworks are: `make test-adapters`. Makes ``said`` importable from the tests beside it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

HOSTS = ("trl", "verl", "openrlhf", "swift", "verifiers", "skyrl_gym", "areal", "tinker_cookbook", "trinity", "oumi")
if not all(find_spec(name) for name in HOSTS):
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EMOCAL_")]:
        monkeypatch.delenv(name)
