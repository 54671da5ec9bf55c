"""Post-hoc recalibration: the rows a trained model has to beat.

Each calibrator is fitted on a validation split of (confidence, correct), soft correctness included, and maps stated
confidences to better ones without touching the answers. The clip of 0.001 is part of the logit-based methods: at
machine epsilon a single wrong 1.0 would ruin them and flatter whatever they are compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import isotonic_regression
from scipy.special import expit

from emocal_rl.errors import UserError
from emocal_rl.evaluate.binning import bin_of
from emocal_rl.evaluate.cells import GRID, Array, Cells, Sample, as_confidence, ratio
from emocal_rl.evaluate.decompose import isotonic_fit
from emocal_rl.evaluate.logistic import fit_logistic, logit
from emocal_rl.evaluate.scores import CLIP

Curve = Callable[[Array], Array]


@dataclass(frozen=True)
class Recalibration:
    """A fitted map from stated to recalibrated confidence.

    ``parameters`` are what was fitted, JSON-ready. ``note`` is None, or says in one sentence why the method fell back.
    """

    name: str
    curve: Curve = field(repr=False)
    parameters: Mapping[str, Any]
    note: str | None = None

    def __call__(self, confidence: ArrayLike | Sequence[Any]) -> Array:
        """Recalibrated confidences (n,) in [0, 1]; NaN (none stated) stays NaN. Raises UserError outside [0, 1]."""
        c = as_confidence(confidence)
        stated = ~np.isnan(c)
        out = np.full(c.shape, np.nan)
        out[stated] = np.clip(self.curve(c[stated]), 0.0, 1.0)
        return out


@dataclass(frozen=True)
class ByTask:
    """One method fitted on every task by itself, and pooled for the rows of a task that could not be fitted on."""

    name: str
    pooled: Recalibration
    tasks: Mapping[str, Recalibration]

    def __call__(self, confidence: ArrayLike | Sequence[Any], tasks: Sequence[str | None]) -> Array:
        """Recalibrated confidences (n,) in [0, 1] of rows of these tasks (n); NaN stays NaN."""
        c = as_confidence(confidence)
        out, named = self.pooled(c), np.asarray(tasks, dtype=object)
        for task, own in self.tasks.items():
            at = named == task
            out[at] = own(c[at])
        return out

    @property
    def note(self) -> str | None:
        """Where a task's fit fell back, in one line, else None."""
        fallen = [f"task {task}: {own.note}" for task, own in self.tasks.items() if own.note]
        return "; ".join(fallen) or None


Fitter = Callable[[Cells], Recalibration]
CALIBRATORS: dict[str, Fitter] = {}


def calibrator(fitter: Fitter) -> Fitter:
    """Register a fitter under its function name."""
    CALIBRATORS[getattr(fitter, "__name__", "")] = fitter
    return fitter


def fit(name: str, confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]) -> Recalibration:
    """Fit a calibrator by name on validation rows; rows without a confidence are left out.

    Raises UserError for an unknown name, bad input, or no row with a confidence.

    >>> [round(x, 3) for x in fit("isotonic", [0.9, 0.9, 0.5, 0.5], [1, 0, 0, 1])([0.5, 0.7, 0.9]).tolist()]
    [0.5, 0.5, 0.5]
    >>> fit("constant", [0.9, 0.8], [1, 0])([0.99, 0.01]).tolist()
    [0.5, 0.5]
    """
    return fit_sample(name, Sample.of(confidence, correct))


def fit_sample(name: str, sample: Sample) -> Recalibration:
    """As ``fit``, on a checked sample."""
    if name not in CALIBRATORS:
        raise UserError(f"calibrator {name!r} does not exist; choose one of {', '.join(sorted(CALIBRATORS))}")
    cells = sample.cells()
    if not cells.values.size:
        raise UserError(f"calibrator {name!r}: no validation row states a confidence, nothing to fit on")
    return CALIBRATORS[name](cells)


def fit_by_task(name: str, sample: Sample, tasks: Sequence[str | None]) -> ByTask:
    """As ``fit_sample``, once for every task among the rows (n) that has a row with a confidence, and once pooled.

    >>> by_task = fit_by_task("constant", Sample.of([0.9, 0.8, 0.7, 0.7], [1, 1, 0, 1]), ["a", "a", "b", "b"])
    >>> by_task([0.6, 0.6, 0.6], ["a", "b", "new"]).tolist()
    [1.0, 0.5, 0.75]
    """
    named, stated = np.asarray(tasks, dtype=object), ~np.isnan(sample.confidence)
    found = {}
    for task in dict.fromkeys(t for t in tasks if t is not None):
        at = (named == task) & stated
        if at.any():
            own = Sample(sample.confidence[at], sample.correct[at], sample.readable[at])
            found[task] = fit_sample(name, own)
    return ByTask(name, fit_sample(name, sample), found)


def _one_class(cells: Cells) -> bool:
    return not 0.0 < float(cells.base) < 1.0


def _identity(name: str) -> Recalibration:
    why = f"{name}: all validation answers are of one class, so the confidences are left as they are"
    return Recalibration(name, lambda c: c, {}, why)


@calibrator
def temperature(cells: Cells) -> Recalibration:
    """expit(logit(c) / T), one parameter (Guo et al. 2017). Keeps the order, so AUROC cannot change."""
    if _one_class(cells):
        return _identity("temperature")
    slope = float(fit_logistic(logit(cells.values)[:, None], cells.right, cells.weight, [(1e-3, 1e3)])[0])
    return Recalibration("temperature", lambda c: expit(slope * logit(c)), {"temperature": 1 / slope, "clip": CLIP})


@calibrator
def platt(cells: Cells) -> Recalibration:
    """expit(a logit(c) + b) (Platt 1999). Keeps the order while a > 0."""
    if _one_class(cells):
        return _identity("platt")
    a, b = fit_logistic(np.stack([logit(cells.values), np.ones(cells.values.size)], 1), cells.right, cells.weight)
    return Recalibration(
        "platt", lambda c: expit(a * logit(c) + b), {"slope": float(a), "intercept": float(b), "clip": CLIP}
    )


@calibrator
def beta(cells: Cells) -> Recalibration:
    """expit(a ln c - b ln(1 - c) + m) with a, b >= 0 (Kull, Silva Filho and Flach 2017). Keeps the order."""
    if _one_class(cells):
        return _identity("beta")

    def features(c: Array) -> Array:
        clipped = np.clip(c, CLIP, 1 - CLIP)
        return np.stack([np.log(clipped), -np.log1p(-clipped), np.ones(clipped.size)], 1)

    bounds = [(0.0, 1e3), (0.0, 1e3), (-1e3, 1e3)]
    a, b, m = (float(x) for x in fit_logistic(features(cells.values), cells.right, cells.weight, bounds))
    return Recalibration(
        "beta", lambda c: expit(features(c) @ np.array([a, b, m])), {"a": a, "b": b, "m": m, "clip": CLIP}
    )


@calibrator
def histogram(cells: Cells) -> Recalibration:
    """Mean correctness of each of 10 right-closed bins (Zadrozny and Elkan 2001); an empty bin changes nothing."""
    member = bin_of(cells.values, 10)
    height = ratio(np.bincount(member, cells.right, minlength=10), np.bincount(member, cells.weight, minlength=10))

    def curve(c: Array) -> Array:
        mapped = height[bin_of(c, 10)]
        return np.where(np.isnan(mapped), c, mapped)

    return Recalibration("histogram", curve, {"heights": [None if np.isnan(h) else float(h) for h in height]})


@calibrator
def isotonic(cells: Cells) -> Recalibration:
    """Non-decreasing least-squares fit, linear between knots (Zadrozny and Elkan 2002). Best on stated confidences."""
    knots, height = cells.values, isotonic_fit(cells)
    parameters = {"values": knots.tolist(), "fitted": height.tolist()}
    return Recalibration("isotonic", lambda c: np.interp(c, knots, height), parameters)


@calibrator
def venn_abers(cells: Cells) -> Recalibration:
    """Inductive Venn-Abers (Vovk and Petej 2014): isotonic fits with the new row once wrong, once right, combined.

    The two fits p0, p1 bracket the probability; p1 / (1 - p0 + p1) is the log-loss-optimal single number.
    """

    def bracket(value: float, label: float) -> float:
        values = np.union1d(cells.values, [value])
        at = np.searchsorted(values, cells.values)
        weight, right = np.zeros(values.size), np.zeros(values.size)
        weight[at], right[at] = cells.weight, cells.right
        here = int(np.searchsorted(values, value))
        weight[here], right[here] = weight[here] + 1, right[here] + label
        return float(isotonic_regression(right / weight, weights=weight).x[here])

    def curve(c: Array) -> Array:
        distinct, back = np.unique(c, return_inverse=True)
        if distinct.size > GRID:  # two fits for every value
            distinct, back = np.unique(np.round(c * GRID) / GRID, return_inverse=True)
        pairs = [(bracket(float(v), 0.0), bracket(float(v), 1.0)) for v in distinct]
        return np.array([p1 / (1 - p0 + p1) for p0, p1 in pairs])[back]

    return Recalibration("venn_abers", curve, {"rows": float(cells.n)})


@calibrator
def constant(cells: Cells) -> Recalibration:
    """The base rate: the same answers, every confidence equal to the validation accuracy. AUROC is one half."""
    base = float(cells.base)
    return Recalibration("constant", lambda c: np.full(c.shape, base), {"confidence": base})
