"""Learning curves from a run's ``metrics.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from emocal_rl.evaluate.cells import Array
from emocal_rl.evaluate.theme import AFTER, BEFORE, BOUND, INK, POSTHOC, grid, save, sheet, style

Series = tuple[Array, Array]  # steps, values
PANELS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("Brier score of rollouts", (("train/brier", "Brier", AFTER),)),
    (
        "Confidence and accuracy",
        (("train/confidence", "mean confidence", BEFORE), ("train/accuracy", "accuracy", AFTER)),
    ),
    ("Readable replies", (("train/parsed", "share readable", BOUND),)),
    ("Reward", (("reward", "reward", POSTHOC),)),
)


def series(log: Sequence[Mapping[str, Any]], stage: str, key: str) -> Series:
    """Steps and finite values of one key of one stage, sorted; a step logged twice (a resumed run) keeps the later."""
    found: dict[float, float] = {}
    for line in log:
        step, value = line.get("step"), line.get(key)
        if line.get("stage") != stage or not isinstance(step, int | float) or not isinstance(value, int | float):
            continue
        if np.isfinite(value):
            found[float(step)] = float(value)
    steps = np.array(sorted(found), np.float64)
    return steps, np.array([found[s] for s in steps], np.float64)


def smooth(values: Array, span: float) -> Array:
    """Exponential moving average with bias correction; ``span`` in points.

    >>> smooth(np.array([1.0, 1.0, 1.0]), 3).tolist()
    [1.0, 1.0, 1.0]
    """
    keep, total, weight, out = 1 - 1 / max(span, 1.0), 0.0, 0.0, []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        out.append(total / weight)
    return np.array(out, np.float64)


def curves(log: Sequence[Mapping[str, Any]], stages: Sequence[str]) -> dict[str, dict[str, Series]]:
    """panel title -> line label -> series, for every panel that has data: losses of all stages, then the RL panels."""
    panels: dict[str, dict[str, Series]] = {}
    for stage in stages:
        for key, label, _ in (spec for _, specs in PANELS for spec in specs):
            title = next(t for t, specs in PANELS if any(k == key for k, _, _ in specs))
            steps, values = series(log, stage, key)
            if values.size > 1:
                many = title in panels and label in panels[title]
                panels.setdefault(title, {})[f"{label}, {stage}" if many else label] = (steps, values)
        steps, values = series(log, stage, "loss")
        rl = series(log, stage, "reward")[0].size > 0  # the surrogate loss of RL is not a learning curve
        if values.size > 1 and not rl:
            panels.setdefault("Supervised loss", {})[stage] = (steps, values)
    order = ["Supervised loss", *(title for title, _ in PANELS)]
    return {title: panels[title] for title in order if title in panels}


def learning_curves(log: Sequence[Mapping[str, Any]], stages: Sequence[str], path: Path) -> bytes | None:
    """Draw all panels in one row of the report. None when the log holds no curve."""
    panels = curves(log, stages)
    if not panels:
        return None
    with style():
        columns = min(3, len(panels))
        rows = -(-len(panels) // columns)
        figure = sheet(3.75 * columns, 2.9 * rows)
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for ax, (title, lines) in zip(axes, panels.items(), strict=False):
            _panel(ax, title, lines)
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        return save(figure, path, {title: _numbers(lines) for title, lines in panels.items()})


def _numbers(lines: Mapping[str, Series]) -> dict[str, dict[str, list[float]]]:
    return {label: {"step": steps.tolist(), "value": values.tolist()} for label, (steps, values) in lines.items()}


def _panel(ax: Axes, title: str, lines: Mapping[str, Series]) -> None:
    palette = {label: colour for _, specs in PANELS for _, label, colour in specs}
    spare = iter([BEFORE, AFTER, BOUND, POSTHOC, INK] * 4)
    dashes = iter([(1, 0), (4, 1.5), (1, 1.5), (5, 1.5, 1, 1.5)] * 5)
    for label, (steps, values) in lines.items():
        colour = palette.get(label) or next(spare)
        ax.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3)
        trend = smooth(values, max(3, values.size / 12))
        ax.plot(steps, trend, color=colour, linewidth=2, dashes=next(dashes), label=label)
    ax.set(title=title, xlabel="step")
    grid(ax)
    if len(lines) > 1:
        ax.legend(loc="best")
