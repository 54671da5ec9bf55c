"""Reading and printing a confidence as a decimal number."""

from __future__ import annotations

import math
import re
from functools import lru_cache

_DECIMAL = re.compile(r"[0-9]*\.?[0-9]+|[0-9]+\.")  # only ever sees short text: see LONGEST
LONGEST = 24


def decimal(text: str) -> float | None:
    """The plain decimal number that the text is, or None.

    Refuses what ``float`` lets through and a reader must not: ``nan``, ``inf``, ``1e-3``, ``1_0``, signs and other
    scripts' digits. Braces around the number are dropped, since models copy them from a prompt's placeholder.

    >>> decimal(" {0.85} "), decimal(".5"), decimal("1e-3"), decimal("nan"), decimal("0.5 or so")
    (0.85, 0.5, None, None, None)
    """
    return _short(text) if len(text) <= LONGEST else _decimal(text)


def _decimal(text: str) -> float | None:
    stripped = text.strip()
    if len(stripped) <= LONGEST and stripped.startswith("{") and stripped.endswith("}"):
        stripped = stripped[1:-1].strip()
    if len(stripped) > LONGEST or not _DECIMAL.fullmatch(stripped):
        return None
    return float(stripped)


_short = lru_cache(maxsize=1024)(_decimal)  # the same few numbers come again and again


def lattice(count: int, low: float, high: float) -> tuple[float, ...]:
    """`count` evenly spaced confidences from low to high, as the decimals they print as.

    >>> lattice(3, 0.01, 0.99)
    (0.01, 0.5, 0.99)
    """
    step = (high - low) / (count - 1)
    return tuple(round(low + step * index, 6) for index in range(count))


def nearest(grid: tuple[float, ...], confidence: float) -> float:
    """The value of the grid closest to a confidence.

    >>> nearest((0.01, 0.5, 0.99), 0.8)
    0.99
    """
    if not math.isfinite(confidence):
        return math.nan
    return min(grid, key=lambda value: abs(value - confidence))
