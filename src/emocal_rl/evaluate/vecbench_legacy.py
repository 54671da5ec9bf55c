"""EmoCaliber's evaluator, number for number, defects included, so that published tables can be made again.

Written from a description of its behaviour. What it does otherwise than `vecbench_scores`, and why that is wrong, is
said at each function; `vecbench_report` counts how many rows each defect touches.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emocal_rl.evaluate import metrics
from emocal_rl.evaluate.labels import f1
from emocal_rl.evaluate.vecbench import GROUPS, ROWS, Item

UNKNOWN = "unknown"
_CONFIDENCE = re.compile(r"<confidence>(.*?)</confidence>")  # no DOTALL: a line break inside hides the tag
_ANSWER = re.compile(r"<answer>(.*?)</answer>")
THRESHOLDS = tuple(k / 10 for k in range(1, 10))


@dataclass(frozen=True)
class LegacyRow:
    """A row of their tables, shares in [0, 1]. ``n``: what they print as #Samples; None: they print N/A.

    accuracy of a group is over its rows with a confidence, f1 over all its rows. ``crashes``: rows, but no confidence
    at all; their script stops there with an error.
    """

    accuracy: float | None
    f1: float | None
    n: int
    ece: float | None = None
    brier: float | None = None
    auroc: float | None = None
    crashes: bool = False


@dataclass(frozen=True)
class LegacyTable:
    """Their output. ``tasks``: of the confidence report, without the dropped rows; ``merged``: of the accuracy report,
    with them. ``overall``: of the confidence report. ``thresholds``: (t, accuracy, f1, coverage).
    """

    tasks: dict[str, LegacyRow]
    merged: dict[str, LegacyRow]
    groups: dict[str, LegacyRow]
    overall: float | None
    thresholds: tuple[tuple[float, float, float, float], ...]
    dropped: tuple[Item, ...]


def legacy_table(items: Sequence[Item]) -> LegacyTable:
    """Every number of theirs from items that have a response (theirs never see the others)."""
    seen = [item for item in items if item.response is not None]
    kept, confidences, dropped = extract(seen)
    by_task = {task: [i for i, item in enumerate(kept) if item.task == task] for task in ROWS}
    groups = {name: [i for task in tasks for i in by_task[task]] for name, tasks in GROUPS.items()}
    overall = np.mean([overall_prediction(item) == item.truth.lower() for item in kept]) if kept else None
    return LegacyTable(
        {task: _plain([kept[i] for i in at]) for task, at in by_task.items() if at},
        {task: _plain(rows) for task in ROWS if (rows := [item for item in seen if item.task == task])},
        {name: _group([kept[i] for i in at], [confidences[i] for i in at]) for name, at in groups.items() if at},
        None if overall is None else float(overall),
        tuple(_threshold(kept, confidences, t) for t in THRESHOLDS) if kept else (),
        tuple(dropped),
    )


def extract(items: Sequence[Item]) -> tuple[list[Item], list[float | None], list[Item]]:
    """Items with their confidence, and the items that are lost: a tag whose text ``float`` refuses drops the row."""
    kept, confidences, dropped = [], [], []
    for item in items:
        try:
            confidence = item.extracted if item.has_extracted else confidence_of(item.response or "")
        except ValueError:
            dropped.append(item)
            continue
        kept.append(item)
        confidences.append(confidence)
    return kept, confidences, dropped


def confidence_of(response: str) -> float | None:
    """The first tag's text as ``float`` takes it, braces off; None without a tag. Raises ValueError for other text.

    >>> [confidence_of(x) for x in ("<confidence>{0.8}</confidence>", "sure", "<confidence>95</confidence>")]
    [0.8, None, 95.0]
    """
    found = _CONFIDENCE.search(response)
    return None if found is None else float(found.group(1).strip().strip("{}"))


def prediction(item: Item) -> str:
    """The first candidate in list order that is a substring of the answer; of the whole response where the tag is
    missing, holds a line break or is empty.

    >>> prediction(Item("1", "FI-8", "enjoyment", ("joy", "enjoyment"), "<answer>enjoyment</answer>"))
    'joy'
    """
    response = (item.response or "").lower()
    found = _ANSWER.search(response)
    text = (found.group(1).strip() if found else "") or response
    return next((name.lower() for name in item.candidates if name.lower() in text), UNKNOWN)


def overall_prediction(item: Item) -> str:
    """The rule of their Overall: the answer tag is ignored, the candidates are not put into lower case."""
    response = (item.response or "").lower()
    return next((name for name in item.candidates if name in response), UNKNOWN)


def _plain(items: Sequence[Item]) -> LegacyRow:
    said, truths = [prediction(item) for item in items], [item.truth.lower() for item in items]
    right = float(np.mean([a == b for a, b in zip(said, truths, strict=True)]))
    return LegacyRow(right, f1(said, truths, sorted(set(truths)))["weighted"], len(items))


def _group(items: Sequence[Item], confidences: Sequence[float | None]) -> LegacyRow:
    whole = _plain(items)
    stated = [i for i, c in enumerate(confidences) if c is not None]
    if not stated:
        return LegacyRow(None, whole.f1, len(items), crashes=True)
    y = np.array([float(prediction(items[i]) == items[i].truth.lower()) for i in stated])
    c = np.clip(np.array([confidences[i] for i in stated], np.float64), 0.0, 1.0)
    accuracy = float(y.mean())
    if accuracy in (0.0, 1.0):  # one class: no ROC, and then ECE and Brier are printed as N/A too
        return LegacyRow(accuracy, whole.f1, len(items))
    auroc = math.nan if np.isnan(c).any() else metrics.auroc(c, y)
    return LegacyRow(accuracy, whole.f1, len(items), half_open_ece(c, y), float(((c - y) ** 2).mean()), auroc)


def half_open_ece(c: np.ndarray, y: np.ndarray, bins: int = 10) -> float:
    """ECE over [lo, hi) with floating-point edges: 1.0 (and NaN) fall into no bin and stay in the denominator.

    >>> half_open_ece(np.ones(10), np.array([1.0, 0.0] * 5))
    0.0
    """
    edges, total = np.linspace(0, 1, bins + 1), 0.0
    for low, high in itertools.pairwise(edges):
        inside = (c >= low) & (c < high)
        if inside.any():
            total += float(inside.sum() * abs(y[inside].mean() - c[inside].mean()))
    return total / len(c)


def _threshold(
    items: Sequence[Item], confidences: Sequence[float | None], t: float
) -> tuple[float, float, float, float]:
    """(t, accuracy, f1, coverage over all rows) of c >= t; an empty selection has accuracy 0."""
    chosen = [item for item, c in zip(items, confidences, strict=True) if c is not None and c >= t]
    if not chosen:
        return t, 0.0, 0.0, 0.0
    row = _plain(chosen)
    return t, row.accuracy or 0.0, row.f1 or 0.0, len(chosen) / len(items)
