"""What a sweep shows beside the scores: how fast each variant learns, what went wrong in it, which ones are best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl import files
from emocal_rl.evaluate.cells import Array
from emocal_rl.evaluate.contrasts import METRICS
from emocal_rl.evaluate.curves import series, smooth
from emocal_rl.evaluate.seeds import RIVALS
from emocal_rl.recipe import Recipe
from emocal_rl.run_info import read_info

SHARE = 0.8
"""The threshold of learning speed: this share of what the baseline's rollouts improve in Brier score."""
READABLE = 0.9
"""A variant of whose replies fewer can be read is flagged."""


def rollouts(recipe: Recipe) -> int:
    """Replies sampled for one optimiser step of the last stage, by one process."""
    options = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "num_iterations": 1}
    options |= {key: value for key, value in recipe.trainer.items() if key in options and value is not None}
    batch = int(options["per_device_train_batch_size"]) * int(options["gradient_accumulation_steps"])
    return max(1, batch // int(options["num_iterations"]))


def curve(path: Path, recipe: Recipe) -> tuple[Array, Array]:
    """Rollouts seen and the smoothed Brier score of the rollouts of a run's last stage; empty without a log."""
    log = files.read_jsonl(path / "metrics.jsonl", broken=lambda problem: None)
    steps, values = series(log, recipe.name, "train/brier")
    return steps * rollouts(recipe), smooth(values, max(3, values.size / 12))


def threshold(curves: Iterable[tuple[Array, Array]]) -> float | None:
    """The Brier score at which `SHARE` of the baseline's mean improvement is reached; None when it has not improved."""
    ends = np.array([(values[0], values[-1]) for _, values in curves if values.size])
    if not ends.size:
        return None
    start, end = ends.mean(axis=0)
    return float(start - SHARE * (start - end)) if end < start else None


def reached(one: tuple[Array, Array], at: float) -> float | None:
    """Rollouts until the curve is at or below a Brier score for the first time; None when it never is.

    >>> reached((np.array([64.0, 128.0]), np.array([0.3, 0.2])), 0.25)
    128.0
    """
    below = np.flatnonzero(one[1] <= at)
    return float(one[0][below[0]]) if below.size else None


def speed(runs: Mapping[str, Sequence[tuple[Path, Recipe]]], baseline: str) -> dict[str, Any]:
    """Threshold, and for each variant the rollouts every run needed (None: never) and their median.

    The median counts a run that never got there as endless; it is None when that is the middle one.
    """
    curves = {name: [curve(*run) for run in members] for name, members in runs.items()}
    at = threshold(curves.get(baseline, []))
    found = {name: [None if at is None else reached(one, at) for one in each] for name, each in curves.items()}
    return {"threshold": at, "share": SHARE, "variants": {name: _median(needed) for name, needed in found.items()}}


def _median(needed: Sequence[float | None]) -> dict[str, Any]:
    middle = float(np.median([np.inf if value is None else value for value in needed])) if needed else np.inf
    count = sum(value is not None for value in needed)
    return {"rollouts": list(needed), "reached": count, "median": middle if np.isfinite(middle) else None}


def flags(paths: Sequence[Path], split: Mapping[str, Any], variant: str) -> dict[str, int]:
    """What went wrong in a variant: name -> number of runs, from the alerts of its runs and from its scores.

    `accuracy_lost`: on the split, accuracy after training is demonstrably lower than before, where there is a before.
    `unreadable`: fewer than `READABLE` of the replies could be read.
    """
    found = Counter(name for path in paths for name in {alert["name"] for alert in read_info(path).get("alerts", [])})
    numbers = split["variants"][variant]
    if "before" in numbers and numbers["after minus before"]["accuracy"]["better"] is False:
        found["accuracy_lost"] = len(paths)
    rates = [split["runs"][run]["after"]["parse_rate"] for run in numbers["runs"]]
    if poor := sum(rate < READABLE for rate in rates):
        found["unreadable"] = poor
    return dict(found)


def references(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What costs no reinforcement learning: the cold start of one variant's runs as it is and recalibrated post hoc.

    summary: that variant's numbers on one split. Name -> what the table of variants has of one: its scores, its
    contrasts (reference minus variant, `better` when the reference is) and its flags, of which it has none.
    Recalibrations are fitted on another split, so they are missing where none was evaluated. Empty where there is
    no cold start.
    """
    names = {"before": "before this stage", **RIVALS}
    return {
        name: {
            "runs": summary["runs"],
            "after": {metric: summary[key][metric] for metric in METRICS},
            "contrast": {metric: _turned(found) for metric, found in summary[f"after minus {key}"].items()},
            "flags": {},
        }
        for key, name in names.items()
        if key in summary
    }


def _turned(found: Mapping[str, Any]) -> dict[str, Any]:
    """The difference the other way round; it is not among the many comparisons that p is adjusted for."""
    value, low, high = (None if found[key] is None else -found[key] for key in ("value", "high", "low"))
    better = None if found["better"] is None else not found["better"]
    return {"value": value, "low": low, "high": high, "better": better, "p_holm": None}


def front(points: Mapping[str, tuple[float, float | None]]) -> list[str]:
    """The variants that no other one beats: points are (accuracy, Brier), higher and lower is better.

    A variant without a Brier score, as its replies state no confidence, is not among them.

    >>> front({"a": (0.6, 0.2), "b": (0.7, 0.3), "c": (0.6, 0.3), "d": (0.9, None)})
    ['a', 'b']
    """
    known = {name: (accuracy, brier) for name, (accuracy, brier) in points.items() if brier is not None}

    def beaten(one: tuple[float, float]) -> bool:
        return any(o[0] >= one[0] and o[1] <= one[1] and o != one for o in known.values())

    return [name for name, one in known.items() if not beaten(one)]
