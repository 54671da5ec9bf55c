"""The figures of a report. Each draws inside its own style, writes a PNG and the plotted numbers as JSON beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from emocal_rl.evaluate.analysis import Analysis
from emocal_rl.evaluate.reliability import band, corp_step, curve, histogram, points, scoreboard, square
from emocal_rl.evaluate.run_files import split_label
from emocal_rl.evaluate.splits import SplitResult
from emocal_rl.evaluate.systems import System
from emocal_rl.evaluate.theme import (
    BOUND,
    COLOURS,
    INK,
    MARKERS,
    MUTED,
    PAPER,
    RULE,
    grid,
    save,
    sheet,
    style,
)

PANEL_LABELS = {
    "before": "before",
    "before+constant": "before, constant base rate",
    "before+temperature": "before, temperature",
    "before+isotonic": "before, isotonic",
    "after": "after",
    "after+isotonic": "after, isotonic",
    "bayes": "Bayes bound",
}


ALONE_LABELS = {
    "after": "as stated",
    "after+constant": "constant base rate",
    "after+temperature": "temperature",
    "after+isotonic": "isotonic",
    "bayes": "Bayes bound",
}
"""Of one model that is compared with nothing but itself."""


def drawable(result: SplitResult, key: str) -> System | None:
    """A system whose replies state at least one confidence."""
    system = result.systems.get(key)
    return system if system and system.sample is not None and not np.isnan(system.sample.confidence).all() else None


def before_after(analysis: Analysis, path: Path, most: int = 2) -> bytes | None:
    """The opening picture: per test split reliability, stated values, Brier and ECE of every rival. None if no split
    has a stated confidence."""
    results = [r for r in analysis.tests if drawable(r, "after") or drawable(r, "before")][:most]
    if not results:
        return None
    with style():
        figure = sheet(5.3 * len(results) + 0.5, 11.4)
        axes = figure.subplots(4, len(results), squeeze=False, height_ratios=[4.6, 1.35, 1.75, 1.75])
        numbers = {r.name: _column(axes[:, i], r, analysis, first=i == 0) for i, r in enumerate(results)}
        _share_limits(axes)
        wide = 3 if len(results) > 1 else 2
        figure.legend(
            handles=_legend(analysis), loc="outside upper left", ncols=wide, columnspacing=1.6, handletextpad=0.5
        )
        return save(figure, path, numbers)


def _legend(analysis: Analysis) -> list[Any]:
    def marker(kind: str, label: str) -> Line2D:
        return Line2D([], [], color=COLOURS[kind], marker=MARKERS[kind], markersize=7, linewidth=1, label=label)

    handles: list[Any] = [marker("before", f"before: {analysis.before}")] if analysis.before else []
    handles.append(marker("after", f"after: {analysis.after}" if analysis.before else analysis.after))
    handles += [
        Patch(color=RULE, label="where a calibrated model falls (95%)"),
        Line2D([], [], color=INK, linewidth=1.6, label="mean stated confidence"),
        Line2D([], [], color=INK, linewidth=1.6, dashes=(1.4, 1.2), label="accuracy"),
        Line2D([], [], color=MUTED, linewidth=3, alpha=0.35, label="95% interval (clusters resampled)"),
    ]
    return handles


def _column(axes: np.ndarray[Any, Any], result: SplitResult, analysis: Analysis, first: bool) -> dict[str, Any]:
    plot, bars, brier, ece = axes
    counts = f"{len(result.ids)} rows, {len(set(result.clusters))} clusters"
    square(plot, f"{split_label(result.name).capitalize()}  ·  {counts}")
    numbers: dict[str, Any] = {"reliability": {}, "histogram": {}}
    for key, sign in (("before", -1), ("after", 1)):
        system = drawable(result, key)
        if system is None or system.sample is None:
            continue
        found = points(system.sample, result.resampler, result.clusters)
        if key == "after" or drawable(result, "after") is None:
            band(plot, found)
        curve(plot, found, key, system.label)
        numbers["reliability"][key] = found.as_dict()
        numbers["histogram"][key] = histogram(bars, system.sample, key, sign)
    _histogram_axis(bars, first)
    scoreboard(plot, _scores(result), ("Brier", "ECE", "AUROC"))
    plot.set(xlabel="", ylabel="share of annotators who agree (accuracy)" if first else "")
    numbers["brier"] = dots(brier, result, "brier", "Brier score  (lower is better)", first)
    numbers["ece_10"] = dots(ece, result, "ece_10", "ECE, 10 bins  (lower is better;  | = noise floor)", first)
    return numbers


def _scores(result: SplitResult) -> list[tuple[str, str, list[str]]]:
    keys = [k for k in ("before", "after", "bayes") if drawable(result, k)]
    names = {"before": "before", "after": "after" if "before" in keys else "stated", "bayes": "bound"}
    values = {k: [result.value(k, m) for m in ("brier", "ece_10", "auroc")] for k in keys}
    return [(result.systems[k].kind, names[k], ["–" if v is None else f"{v:.3f}" for v in values[k]]) for k in keys]


def _histogram_axis(ax: Axes, first: bool) -> None:
    grid(ax, "x")
    ax.axhline(0, color=MUTED, linewidth=0.8)
    limit = max(abs(v) for v in ax.get_ylim())
    down = limit if ax.get_ylim()[0] < 0 else 0  # nothing hangs down where there is no before
    ax.set(xlim=(0, 1), ylim=(-down, limit), xlabel="stated confidence", ylabel="share of\nreplies" if first else "")
    ax.yaxis.set_major_locator(MaxNLocator(4 if down else 3, symmetric=bool(down)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{abs(v):.0%}"))
    ax.set_xticks(np.linspace(0, 1, 6))


def dots(ax: Axes, result: SplitResult, metric: str, title: str, labels: bool) -> dict[str, Any]:
    """One row per system: a dot with its interval, the number beside it, the Bayes bound as a line."""
    names = PANEL_LABELS if "before" in result.systems else ALONE_LABELS
    systems = [(key, s) for key in names if (s := result.systems.get(key)) and metric in s.metrics]
    numbers: dict[str, Any] = {}
    for row, (key, system) in enumerate(reversed(systems)):
        found, floor = system.metrics[metric], system.metrics.get(f"{metric}_floor")
        if np.isnan(found.value):
            continue
        colour = COLOURS[system.kind]
        if found.low is not None and found.high is not None:
            # That of an ECE lies mostly below the dot: it is corrected for the upward bias of the estimate.
            ax.plot([found.low, found.high], [row, row], color=colour, linewidth=4, alpha=0.35, solid_capstyle="butt")
        if floor is not None and key != "bayes":
            ax.plot([floor.value], [row], marker="|", markersize=10, color=MUTED, linestyle="none")
        strong = key in ("before", "after")
        ax.plot([found.value], [row], marker=MARKERS[system.kind], markersize=8 if strong else 6, color=colour,
                markeredgecolor=PAPER, linestyle="none", clip_on=False)  # fmt: skip
        ax.annotate(f"{found.value:.3f}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(4, 0),
                    textcoords="offset points", va="center", fontsize=8.5,
                    fontweight="bold" if strong else "normal", color=colour if strong else INK)  # fmt: skip
        numbers[key] = found.as_dict()
    _dots_axis(ax, [names[key] for key, _ in reversed(systems)], title, labels)
    bound = result.value("bayes", metric)
    if metric == "brier" and bound is not None:
        ax.axvline(bound, color=BOUND, linewidth=1, dashes=(2, 2), zorder=0)
    return numbers


def _dots_axis(ax: Axes, names: Sequence[str], title: str, labels: bool) -> None:
    ax.set_yticks(range(len(names)), names if labels else [""] * len(names))
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_title(title, fontsize=9.5, fontweight="normal")
    grid(ax, "x")


def _share_limits(axes: np.ndarray[Any, Any]) -> None:
    """Dot panels of one metric share their scale across splits, so columns can be compared by eye."""
    for row in axes[2:]:
        limits = [ax.get_xlim() for ax in row]
        low, high = min(x for x, _ in limits), max(x for _, x in limits)
        for ax in row:
            ax.set_xlim(max(0.0, low), high)


def one_by_one(result: SplitResult, path: Path) -> bytes | None:
    """The house reliability figure of each system on its own, with the CORP curve. None without confidences."""
    systems = [s for key in ("before", "after") if (s := drawable(result, key))]
    if not systems:
        return None
    with style():
        figure = sheet(5.3 * len(systems), 6.6)
        axes = figure.subplots(2, len(systems), squeeze=False, height_ratios=[4.2, 1.0])
        numbers: dict[str, Any] = {s.kind: _alone(axes[:, i], s, result, first=i == 0) for i, s in enumerate(systems)}
        return save(figure, path, numbers)


def _alone(axes: np.ndarray[Any, Any], system: System, result: SplitResult, first: bool) -> dict[str, Any]:
    assert system.sample is not None  # drawable
    plot, bars = axes
    square(plot, f"{system.label} on {split_label(result.name)}")
    found = points(system.sample, result.resampler, result.clusters)
    band(plot, found)
    curve(plot, found, system.kind, system.label)
    step = corp_step(plot, system.sample.coarse.cells(), system.kind)
    plot.set_ylabel("share of annotators who agree (accuracy)" if first else "")
    shares = histogram(bars, system.sample, system.kind, 1)
    grid(bars, "x")
    bars.set(xlim=(0, 1), xlabel=f"stated confidence\n\n{_caption(system)}", ylabel="share of replies" if first else "")
    bars.xaxis.label.set_fontsize(8.5)
    bars.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.0%}"))
    return {"reliability": found.as_dict(), "corp": step, "histogram": shares}


def _caption(system: System) -> str:
    def text(name: str, label: str, digits: str = ".3f") -> str:
        metric = system.metrics.get(name)
        return "" if metric is None or np.isnan(metric.value) else f"{label} {metric.value:{digits}}"

    parts = [text("brier", "Brier"), text("ece_10", "ECE"), text("ece_10_floor", "floor"), text("smece", "smECE"),
             text("auroc", "AUROC"), text("parse_rate", "parsed", ".1%")]  # fmt: skip
    return f"n {system.metrics['brier'].n}   " + "   ".join(p for p in parts if p)
