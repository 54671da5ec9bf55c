"""Pictures of several runs: every run from before to after, and the variants by accuracy and Brier score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from emocal_rl.evaluate.seeds import Measured, group
from emocal_rl.evaluate.theme import AFTER, BASE, BEFORE, BOUND, INK, MUTED, PAPER, RULE, grid, save, sheet, style

PANELS = (
    ("brier", "Brier score  (lower is better)"),
    ("overconfidence", "mean confidence minus accuracy"),
    ("auroc", "AUROC  (higher is better)"),
)
"""Metric and title of each column of a comparison."""


def dumbbells(runs: Sequence[Measured], label: str, path: Path) -> bytes:
    """One line a run, from before (where there is one) to after, in Brier score, over-confidence and AUROC."""
    groups = group(runs)
    count = len(runs) + 2 * len(groups)
    with style():
        drawing = sheet(11.2, 1.5 + 0.3 * count)
        drawing.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr,call-arg]
        axes = drawing.subplots(1, len(PANELS), sharey=True)
        numbers = {metric: _panel(ax, groups, metric, title) for ax, (metric, title) in zip(axes, PANELS, strict=True)}
        axes[0].set_title(f"{label.capitalize()}\n{PANELS[0][1]}", fontsize=9.5, fontweight="normal")
        shown = _legend()[0 if any("before" in run.values for run in runs) else 1 :]
        drawing.legend(handles=shown, loc="outside upper left", ncols=5)
        return save(drawing, path, numbers)


def _panel(ax: Axes, groups: Mapping[str, Sequence[Measured]], metric: str, title: str) -> dict[str, Any]:
    ticks: list[tuple[float, str]] = []
    numbers: dict[str, Any] = {}
    y = 0.0
    for variant, runs in groups.items():
        mean = np.mean([_ends(run, metric) for run in runs], axis=0).tolist()
        _dumbbell(ax, y, mean[0], mean[1], size=9, marker="D")
        ticks.append((y, variant))
        numbers[variant] = {"before": mean[0], "after": mean[1], "runs": {}}
        for run in runs:
            y -= 1
            values = _ends(run, metric)
            _dumbbell(ax, y, values[0], values[1], size=5.5, marker="")
            ticks.append((y, run.entry.name))
            numbers[variant]["runs"][run.entry.name] = values
        y -= 1.6
    _lines(ax, next(iter(groups.values())), metric)
    ax.set_yticks([t for t, _ in ticks], [name for _, name in ticks])
    ax.set_ylim(y + 0.8, 0.9)
    ax.set_title(title, fontsize=9.5, fontweight="normal")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    grid(ax, "x")
    return numbers


def _ends(run: Measured, metric: str) -> list[float]:
    """Before and after; NaN, which is not drawn, where there is no before."""
    return [run.values[system][metric] if system in run.values else float("nan") for system in ("before", "after")]


def _dumbbell(ax: Axes, y: float, before: float, after: float, size: float, marker: str) -> None:
    ax.plot([before, after], [y, y], color=MUTED if marker else RULE, linewidth=2.2, zorder=2, solid_capstyle="round")
    for value, colour, own in ((before, BEFORE, "s"), (after, AFTER, "o")):
        ax.plot([value], [y], marker=marker or own, markersize=size, color=colour, markeredgecolor=PAPER, zorder=3)


def _lines(ax: Axes, runs: Sequence[Measured], metric: str) -> None:
    """The Bayes bound and the constant base rate as vertical lines (for over-confidence: zero)."""
    if metric == "overconfidence":
        ax.axvline(0, color=INK, linewidth=0.9, dashes=(4, 3), zorder=1)
        return
    for system, colour, dashes in (("bayes", BOUND, (2, 2)), ("before+constant", BASE, (5, 2))):
        if all(system in m.values for m in runs):
            value = float(np.mean([m.values[system][metric] for m in runs]))
            ax.axvline(value, color=colour, linewidth=1.1, dashes=dashes, zorder=1)


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color=BEFORE, marker="s", linestyle="none", label="before"),
        Line2D([], [], color=AFTER, marker="o", linestyle="none", label="after"),
        Line2D([], [], color=MUTED, marker="D", linestyle="none", label="mean of a variant"),
        Line2D([], [], color=BOUND, dashes=(2, 2), label="Bayes bound"),
        Line2D([], [], color=BASE, dashes=(5, 2), label="constant base rate"),
    ]


def pareto(split: Mapping[str, Any], best: Sequence[str], path: Path) -> bytes:
    """Accuracy against Brier score after training: a diamond a variant, a dot a run, the bounds, the front.

    split: of the comparison's numbers. best: the variants that no other one beats in both.
    """
    variants = {name: [v["after"][m]["value"] for m in ("accuracy", "brier")] for name, v in split["variants"].items()}
    runs = {name: [split["runs"][r]["after"] for r in v["runs"]] for name, v in split["variants"].items()}
    with style():
        drawing = sheet(8.6, 5.6)
        ax = drawing.subplots()
        for name, (accuracy, brier) in variants.items():
            if brier is None:  # nothing could be read, or no confidence is stated
                continue
            colour = AFTER if name in best else MUTED
            dots = [(run["accuracy"], run["brier"]) for run in runs[name]]
            ax.plot(*np.array(dots, np.float64).T, "o", color=colour, markersize=3.5, alpha=0.45, zorder=2)
            ax.plot(accuracy, brier, "D", color=colour, markersize=8, markeredgecolor=PAPER, zorder=4)
            ax.annotate(name, (accuracy, brier), (6, 5), textcoords="offset points", fontsize=8.5, zorder=5)
        front = sorted(variants[name] for name in best)
        ax.plot(*zip(*front, strict=True), color=AFTER, linewidth=1.2, zorder=3)
        bound = _bounds(ax, next(iter(split["variants"].values())))
        ax.set(xlabel="accuracy  (higher is better)", ylabel="Brier score  (lower is better)")
        ax.set_title(f"{split['label'].capitalize()}: the better, the further down and to the right")
        grid(ax)
        return save(drawing, path, {"variants": variants, "front": list(best), "bayes": bound})


def _bounds(ax: Axes, variant: Mapping[str, Any]) -> dict[str, float]:
    if "bayes" not in variant:
        return {}
    found = {metric: float(variant["bayes"][metric]["value"]) for metric in ("accuracy", "brier")}
    ax.axvline(found["accuracy"], color=BOUND, linewidth=1.1, dashes=(2, 2), zorder=1)
    ax.axhline(found["brier"], color=BOUND, linewidth=1.1, dashes=(2, 2), zorder=1, label="Bayes bound")
    ax.legend(loc="upper left")
    return found
