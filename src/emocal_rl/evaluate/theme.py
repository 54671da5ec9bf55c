"""How figures look: one palette safe for colour-blind readers, one style, applied in a context, never globally."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emocal_rl import files

INK, MUTED, RULE, PAPER = "#1c2430", "#6b7684", "#dfe4ea", "#ffffff"
# Okabe and Ito (2008); every colour goes with a marker or a dash of its own, so nothing is said by colour alone.
BEFORE, AFTER, BOUND, BASE, POSTHOC = "#d55e00", "#0072b2", "#009e73", "#6b7684", "#aa4499"
MARKERS = {"before": "s", "after": "o", "bound": "D", "baseline": "X", "posthoc": "^", "human": "P", "stage": "v"}
COLOURS = {
    "before": BEFORE,
    "after": AFTER,
    "bound": BOUND,
    "baseline": BASE,
    "posthoc": POSTHOC,
    "human": BOUND,
    "stage": MUTED,
}

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
}


@contextmanager
def style() -> Iterator[None]:
    """The house style inside a context; matplotlib's global settings are untouched afterwards."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]  # the stubs list every key as a literal
        yield


def sheet(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, drawn by Agg, outside pyplot's global state."""
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def grid(ax: Axes, axis: str = "both") -> None:
    """A quiet grid behind the data."""
    ax.set_axisbelow(True)
    ax.grid(True, axis=axis, color=RULE, linewidth=0.7)  # type: ignore[arg-type]


def save(figure: Figure, path: Path, numbers: Mapping[str, Any]) -> bytes:
    """Write ``path`` (PNG) and, beside it, the plotted numbers as JSON. Returns the PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    files.write_bytes(path, buffer.getvalue())
    files.write_json(path.with_suffix(".json"), numbers)
    return buffer.getvalue()
