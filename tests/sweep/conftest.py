"""Makes `small` beside it and the run directories made of dice (`tests/evaluate/synthetic.py`) importable here."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "evaluate")]
