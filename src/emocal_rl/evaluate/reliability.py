"""The reliability diagram: how often answers stated with confidence c are right, with what chance alone would do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import norm

from emocal_rl.evaluate.binning import bin_of, pooled
from emocal_rl.evaluate.cells import Array, Cells, Ints, Sample, ratio
from emocal_rl.evaluate.decompose import design_effect, isotonic_fit
from emocal_rl.evaluate.resample import Resampler
from emocal_rl.evaluate.theme import COLOURS, INK, MARKERS, MUTED, PAPER, RULE, grid

LINE = 11
"""Height of a line of small print, in points."""
MOST_VALUES, CLOSEST = 12, 0.04
"""More distinct values than this, or values closer than this, are shown in the ten bins the ECE uses."""


@dataclass(frozen=True)
class Points:
    """What a reliability diagram plots, one entry per distinct value or bin; all lists are parallel.

    ``low`` and ``high``: 95 % bootstrap interval of the accuracy. ``chance``: half width of the 95 % band around the
    diagonal in which the point of a calibrated model would fall.
    """

    confidence: list[float]
    accuracy: list[float]
    low: list[float]
    high: list[float]
    chance: list[float]
    rows: list[float]

    def as_dict(self) -> dict[str, list[float]]:
        """JSON-ready."""
        return {k: [round(float(x), 6) for x in v] for k, v in asdict(self).items()}


def points(sample: Sample, resampler: Resampler, clusters: Ints) -> Points:
    """The points of a sample: distinct values when they are few and apart, else ten right-closed bins."""
    sample = sample.coarse
    cells = sample.cells()
    k = cells.values.size
    apart = k <= MOST_VALUES and bool((np.diff(cells.values) > CLOSEST).all())
    member, bins = (np.arange(k), k) if apart else (bin_of(cells.values, 10), 10)
    weight, right, stated = pooled(cells, member, bins)
    filled = weight > 0
    confidence, accuracy = ratio(stated, weight)[filled], ratio(right, weight)[filled]
    low, high = _accuracy_interval(sample, resampler, member, bins)
    spread = norm.ppf(0.975) * np.sqrt(design_effect(sample, clusters))
    chance = spread * np.sqrt(confidence * (1 - confidence) / weight[filled])
    columns = (confidence, accuracy, low[filled], high[filled], chance, weight[filled])
    return Points(*(column.tolist() for column in columns))


def _accuracy_interval(sample: Sample, resampler: Resampler, member: Ints, bins: int) -> tuple[Array, Array]:
    tally, parts = resampler.tally(sample), []
    for counts in resampler.counts():
        weight, right, _ = pooled(tally.cells(counts), member, bins)
        parts.append(ratio(right, weight))
    if not parts:
        return np.full(bins, np.nan), np.full(bins, np.nan)
    drawn = np.concatenate(parts)
    empty = np.isnan(drawn).all(axis=0)
    drawn[:, empty] = 0.0
    low, high = np.nanquantile(drawn, (0.025, 0.975), axis=0)
    return low, high


def square(ax: Axes, title: str = "") -> None:
    """Axes of a reliability diagram: unit square, diagonal, over- and under-confident named."""
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=title)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_yticks(np.linspace(0, 1, 6))
    grid(ax)
    ax.plot([0, 1], [0, 1], color=INK, linewidth=0.9, dashes=(4, 3), zorder=2)
    ax.text(0.975, 0.03, "over-confident", ha="right", va="bottom", color=MUTED, fontsize=8.5, style="italic")
    ax.text(0.025, 0.97, "under-confident", ha="left", va="top", color=MUTED, fontsize=8.5, style="italic")


def band(ax: Axes, found: Points) -> None:
    """Grey bars around the diagonal: where 95 % of the points of a calibrated model with these counts would fall."""
    for x, half in zip(found.confidence, found.chance, strict=True):
        ax.plot([x, x], [max(0, x - half), min(1, x + half)], color=RULE, linewidth=9, solid_capstyle="butt", zorder=1)


def curve(ax: Axes, found: Points, kind: str, label: str) -> None:
    """One system: markers with area proportional to the rows behind them, 95 % bars, a thin line to guide the eye."""
    colour, rows = COLOURS[kind], np.array(found.rows)
    x, y = np.array(found.confidence), np.array(found.accuracy)
    area = 26 + 330 * rows / rows.sum()
    ax.vlines(x, found.low, found.high, color=colour, linewidth=1.2, alpha=0.75, zorder=3)
    ax.plot(x, y, color=colour, linewidth=0.9, alpha=0.45, zorder=3)
    ax.scatter(x, y, s=area, marker=MARKERS[kind], color=colour, edgecolor=PAPER, linewidth=0.8, zorder=4, label=label)


def scoreboard(ax: Axes, rows: Sequence[tuple[str, str, Sequence[str]]], heads: Sequence[str]) -> None:
    """A few numbers between the panel and its title, where no point can lie behind them.

    rows: (kind, name, numbers parallel to heads).
    """

    def write(at: float, line: int, shown: str, **how: Any) -> None:
        offset = (0, 6 + LINE * line)
        ax.annotate(shown, (at, 1.0), xycoords="axes fraction", xytext=offset, textcoords="offset points", **how)

    for column, head in enumerate(heads):
        write(0.3 + 0.13 * column, len(rows), head, ha="right", fontsize=7.5, color=MUTED)
    for line, (kind, name, numbers) in enumerate(reversed(rows)):
        write(0.0, line, name, fontsize=8, color=COLOURS[kind], fontweight="bold")
        for column, shown in enumerate(numbers):
            write(0.3 + 0.13 * column, line, shown, ha="right", fontsize=8, color=COLOURS[kind])
    ax.set_title(ax.get_title(loc="left"), pad=12 + LINE * (len(rows) + 1))


def corp_step(ax: Axes, cells: Cells, kind: str) -> list[list[float]]:
    """The isotonic (CORP) estimate as a step line; returns its corner points."""
    fit = isotonic_fit(cells)
    ax.step(cells.values, fit, where="mid", color=COLOURS[kind], linewidth=1.6, alpha=0.9, zorder=3)
    return [cells.values.tolist(), np.round(fit, 6).tolist()]


def histogram(ax: Axes, sample: Sample, kind: str, sign: int, bins: int = 20) -> dict[str, Any]:
    """Share of rows per stated confidence, upwards (sign 1) or downwards (-1), with mean confidence and accuracy."""
    cells, colour = sample.cells(), COLOURS[kind]
    n = float(cells.n)
    height = np.bincount(bin_of(cells.values, bins), cells.weight, minlength=bins) / n
    left = np.arange(bins) / bins
    ax.bar(left + 0.5 / bins, sign * height, width=0.86 / bins, color=colour, alpha=0.85, linewidth=0)
    mean, right = float((cells.weight * cells.values).sum() / n), float(cells.base)
    top = sign * max(float(height.max()), 1e-9) * 1.12
    ax.plot([mean, mean], [0, top], color=INK, linewidth=1.6)
    ax.plot([right, right], [0, top], color=INK, linewidth=1.6, dashes=(1.4, 1.2))
    return {"bins": bins, "share": np.round(height, 6).tolist(), "mean_confidence": mean, "accuracy": right}
