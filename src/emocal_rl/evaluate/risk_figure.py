"""Risk-coverage curves: what is gained by answering only when sure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from emocal_rl.evaluate.analysis import Analysis
from emocal_rl.evaluate.figures import drawable
from emocal_rl.evaluate.run_files import split_label
from emocal_rl.evaluate.selective import risk_coverage
from emocal_rl.evaluate.splits import SplitResult
from emocal_rl.evaluate.theme import AFTER, BEFORE, BOUND, COLOURS, MUTED, grid, save, sheet, style

DASHES = {"before": (4, 1.5), "after": (1, 0), "bayes": (1, 1.5)}


def risk(analysis: Analysis, path: Path) -> bytes | None:
    """Risk-coverage curves: the error rate when only the surest share is answered. None without confidences."""
    results = [r for r in analysis.tests if drawable(r, "after") or drawable(r, "before")]
    if not results:
        return None
    with style():
        figure = sheet(3.75 * len(results) + 0.4, 3.7)
        axes = figure.subplots(1, len(results), squeeze=False, sharey=True)[0]
        numbers = {r.name: _risk_panel(ax, r) for ax, r in zip(axes, results, strict=True)}
        axes[0].set(ylabel="error rate of what is answered", ylim=(0, 1.06 * _most_risk(numbers)))
        figure.legend(handles=_risk_legend(results), loc="outside upper left", ncols=4)
        return save(figure, path, numbers)


def _risk_legend(results: Sequence[SplitResult]) -> list[Line2D]:
    colours = {"before": BEFORE, "after": AFTER, "bayes": BOUND}
    used = [key for key in DASHES if any(drawable(result, key) for result in results)]
    names = {"bayes": "Bayes bound", "after": "after" if "before" in used else "as stated"}
    lines = [Line2D([], [], color=colours[key], dashes=DASHES[key], linewidth=2, label=names.get(key, key))
             for key in used]  # fmt: skip
    return [*lines, Line2D([], [], color=MUTED, linewidth=0.8, label="refusing at random")]


def _risk_panel(ax: Axes, result: SplitResult) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for key in ("bayes", "before", "after"):
        system = drawable(result, key)
        if system is None or system.sample is None:
            continue
        drawn = system.sample.coarse
        coverage, error = risk_coverage(drawn.confidence, drawn.correct)
        ax.plot(coverage, error, color=COLOURS[system.kind], linewidth=2, dashes=DASHES[key])
        ax.axhline(float(error[-1]), color=COLOURS[system.kind], linewidth=0.8, alpha=0.5)
        numbers[key] = {"coverage": np.round(coverage, 6).tolist(), "risk": np.round(error, 6).tolist()}
    ax.set(xlim=(0, 1), title=split_label(result.name), xlabel="share answered (coverage)")
    grid(ax)
    return numbers


def _most_risk(numbers: dict[str, Any]) -> float:
    """The largest plotted risk, so that no curve leaves the panels."""
    return max((max(lines["risk"]) for split in numbers.values() for lines in split.values()), default=1.0) or 1.0
