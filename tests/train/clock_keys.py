"""Metrics without what a clock measures, for comparing one run with another."""

from collections.abc import Iterable, Mapping
from typing import Any

CLOCK = ("seconds", "step_time", "time/")


def without_clock(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if not key.startswith(CLOCK)} for row in rows]
