"""Where the seconds of a training step went, from a run's ``metrics.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TIME = "time/"


def step_seconds(log: Sequence[Mapping[str, Any]], stage: str) -> dict[str, float]:
    """part -> mean seconds a step of one stage, the longest first; empty for a stage that does not log them.

    >>> step_seconds([{"stage": "a", "time/score": 0.5, "time/update": 2.0}, {"stage": "a", "time/update": 1.0}], "a")
    {'update': 1.5, 'score': 0.5}
    """
    found: dict[str, list[float]] = {}
    for line in log:
        if line.get("stage") == stage:
            for key, value in line.items():
                if key.startswith(TIME) and isinstance(value, int | float):
                    found.setdefault(key.removeprefix(TIME), []).append(float(value))
    means = {part: sum(values) / len(values) for part, values in found.items()}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def in_words(seconds: Mapping[str, float]) -> str:
    """A step's seconds as a phrase; empty where there are none.

    >>> in_words({"generate": 1.5, "update": 0.5})
    'a step 2.00 s: generate 75%, update 25%'
    """
    total = sum(seconds.values())
    if not total:
        return ""
    return f"a step {total:.2f} s: " + ", ".join(f"{part} {each / total:.0%}" for part, each in seconds.items())
