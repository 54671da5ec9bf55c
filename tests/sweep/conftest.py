"""Makes the run directories made of dice (`tests/evaluate/synthetic.py`) importable here."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluate"))
