"""Variants against each other: means over runs, differences paired by row and by seed, many comparisons at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from emocal_rl.evaluate.cells import Array
from emocal_rl.evaluate.compare import pooled_replicates, verdict
from emocal_rl.evaluate.intervals import interval
from emocal_rl.evaluate.measure import MEASURES

if TYPE_CHECKING:
    from emocal_rl.evaluate.seeds import Measured

METRICS = ("brier", "ece_10", "smece", "auroc", "accuracy", "overconfidence", "parse_rate")


def crossing(drawn: Array) -> float | None:
    """Two-sided bootstrap p-value: twice the smaller share of replicates (B,) on either side of zero.

    What an interval at 1 - p just touches zero with; never below 2 / (B + 1). None when a tenth are undefined.

    >>> crossing(np.array([1.0, 2.0, 3.0])), crossing(np.array([-1.0, 1.0, 0.0])), crossing(np.empty(0))
    (0.5, 1.0, None)
    """
    known = drawn[np.isfinite(drawn)]
    if not known.size or known.size < 0.9 * drawn.size:
        return None
    smaller = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (1 + smaller) / (1 + known.size))


def holm(p: Mapping[str, float | None]) -> dict[str, float | None]:
    """p-values of several comparisons, adjusted so that one false finding among all of them is as rare as it says.

    Holm (1979): the smallest of m times m, the next times m - 1, ..., never falling, at most 1. None stays None and
    does not count.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": None})
    {'a': 0.03, 'b': 0.06, 'c': 0.06, 'd': None}
    """
    known = sorted((value, name) for name, value in p.items() if value is not None)
    found: dict[str, float | None] = dict.fromkeys(p)
    highest = 0.0
    for rank, (value, name) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * value))
        found[name] = highest
    return found


def pooled(values: Sequence[float], replicates: Sequence[Array], metric: str | None = None) -> dict[str, Any]:
    """Mean over runs with its interval over runs and rows, JSON-ready. With ``metric``, values are differences of it:
    the verdict, its p-value and the number of runs that went the better way come along."""
    mean, drawn = float(np.mean(values)), pooled_replicates(np.stack(replicates))
    low, high = interval(mean, drawn, "percentile")
    found: dict[str, Any] = {
        "value": mean if np.isfinite(mean) else None,
        "low": low,
        "high": high,
        "runs": len(values),
    }
    if metric is not None:
        sign = {"higher": 1, "lower": -1, "none": 0}[MEASURES[metric].direction]
        found |= {"better": verdict(metric, low, high), "better_runs": int(sum(sign * v > 0 for v in values))}
        found["p"] = crossing(drawn)
    return found


def contrast(first: Sequence[Measured], second: Sequence[Measured]) -> dict[str, dict[str, Any]]:
    """After training, second variant minus first, metric by metric; rows are paired.

    Runs of the same seed are paired as well where both sides have them, and runs without a counterpart are left out.
    """
    pairs = by_seed(first, second)
    return {metric: _paired(pairs, metric) if pairs else _unpaired(first, second, metric) for metric in METRICS}


def by_seed(first: Sequence[Measured], second: Sequence[Measured]) -> list[tuple[Measured, Measured]]:
    """The runs of both sides that have the same seed; empty where a side has a seed twice or none is shared."""
    sides = [{m.entry.seed: m for m in runs} for runs in (first, second)]
    if any(len(side) < len(runs) for side, runs in zip(sides, (first, second), strict=True)):
        return []
    return [(run, sides[1][seed]) for seed, run in sides[0].items() if seed in sides[1]]


def _paired(pairs: Sequence[tuple[Measured, Measured]], metric: str) -> dict[str, Any]:
    values = [b.values["after"][metric] - a.values["after"][metric] for a, b in pairs]
    drawn = [b.replicates["after"][metric] - a.replicates["after"][metric] for a, b in pairs]
    return pooled(values, drawn, metric) | {"paired": True}


def _unpaired(first: Sequence[Measured], second: Sequence[Measured], metric: str) -> dict[str, Any]:
    sides = [
        ([m.values["after"][metric] for m in g], [m.replicates["after"][metric] for m in g]) for g in (first, second)
    ]
    value = float(np.mean(sides[1][0]) - np.mean(sides[0][0]))
    one, two = (pooled_replicates(np.stack(r), seed=i) for i, (_, r) in enumerate(sides))
    low, high = interval(value, two - one, "percentile")
    better = verdict(metric, low, high)
    shown = value if np.isfinite(value) else None
    return {"value": shown, "low": low, "high": high, "better": better, "p": crossing(two - one), "paired": False}


def contrasts(groups: Mapping[str, Sequence[Measured]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Every later variant against the first; for each metric Holm's adjustment over these comparisons as "p_holm"."""
    first, *others = groups
    found = {name: contrast(groups[first], groups[name]) for name in others}
    for metric in METRICS:
        for name, p in holm({name: each[metric]["p"] for name, each in found.items()}).items():
            found[name][metric]["p_holm"] = p
    return found
