"""What a metric is here: a function of cells with a name, a printed definition, a direction and a kind of interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from numpy.typing import ArrayLike

from emocal_rl.evaluate.cells import Array, Cells, Sample, refuse_swapped

Direction = Literal["higher", "lower", "none"]
Interval = Literal["percentile", "basic", "none"]
Core = Callable[[Cells], Array]


@dataclass(frozen=True)
class Metric:
    """One reported number: its value, the definition it follows, the rows behind it and its 95 % interval.

    ``low`` and ``high`` are None where no interval is computed; ``value`` is NaN where the metric is undefined.
    ``direction`` says whether "higher" or "lower" is better ("none": neither, it describes).
    """

    name: str
    value: float
    definition: str
    n: int
    low: float | None = None
    high: float | None = None
    direction: Direction = "none"

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: an undefined number becomes null.

        >>> Metric("brier", float("nan"), "brier/expected", 0).as_dict()["value"] is None
        True
        """
        plain = asdict(self)
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


@dataclass(frozen=True)
class Measure:
    """A registered metric: ``core`` maps cells (..., K) to values (...), ``most`` is the largest one there can be."""

    name: str
    definition: str
    direction: Direction
    interval: Interval
    core: Core
    most: float = 1.0


class MetricFunction(Protocol):
    """The public face of a measure: ``metric(confidence, correct) -> float``."""

    __name__: str

    def __call__(self, confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> float:
        """The metric of n rows."""


MEASURES: dict[str, Measure] = {}


def measure(
    definition: str,
    direction: Direction,
    interval: Interval = "percentile",
    name: str | None = None,
    *,
    most: float = 1.0,
) -> Callable[[Core], MetricFunction]:
    """Register a function of cells and turn it into ``metric(confidence, correct) -> float``.

    ``interval``: "percentile" for ordinary statistics, "basic" for non-negative ones that are biased on few rows (ECE
    and its relatives and the mode's mass upwards, the entropy downwards), "none" for those that are not resampled.
    ``most``: the largest value of a "basic" one.
    """

    def register(core: Core) -> MetricFunction:
        key = name or str(getattr(core, "__name__", definition))
        MEASURES[key] = Measure(key, definition, direction, interval, core, most)

        def metric(confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> float:
            sample = Sample.of(confidence, correct)
            refuse_swapped(sample.confidence, sample.correct)
            return float(core(sample.cells()))

        # Name, module and docstring of the core, but not __wrapped__: help() must show (confidence, correct).
        metric.__name__, metric.__qualname__ = key, key
        metric.__module__, metric.__doc__ = core.__module__, core.__doc__
        return metric

    return register
