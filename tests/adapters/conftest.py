"""Makes ``hosts`` importable from the tests beside it, and keeps the settings of the shell out of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from emocal_rl.adapters import core

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("EMOCAL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(core, "_said", set())
