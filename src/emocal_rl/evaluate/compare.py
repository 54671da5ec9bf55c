"""Paired comparisons: two systems on the same rows, and the same two over several seeds.

Whatever makes a row hard makes it hard for both systems, so the difference is resampled, not the two numbers. With
several seeds two things vary, the training run and the rows; both are resampled (seeds crossed with clusters).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, norm, rankdata

from emocal_rl.errors import UserError
from emocal_rl.evaluate.cells import Array, Sample, as_confidence, as_correct
from emocal_rl.evaluate.intervals import interval
from emocal_rl.evaluate.measure import MEASURES
from emocal_rl.evaluate.resample import Resampler

COMPARED = ("brier", "ece_10", "smece", "auroc", "accuracy", "augrc", "nll", "overconfidence", "parse_rate")
"""Metrics that are compared between systems."""


@dataclass(frozen=True)
class Difference:
    """``second - first`` of one metric on the same rows, with a 95 % interval and a permutation p-value.

    ``better`` is True when the whole interval lies on the better side of zero, False when on the worse side, None when
    it contains zero or the metric has no better side. ``p`` is None where no permutation was run.
    """

    name: str
    first: float
    second: float
    value: float
    low: float | None
    high: float | None
    p: float | None
    n: int
    better: bool | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; an undefined number becomes null."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in asdict(self).items()}


def verdict(name: str, low: float | None, high: float | None) -> bool | None:
    """Does an interval of differences (second - first) show the second to be better (True), worse (False) or neither?

    >>> verdict("brier", -0.2, -0.1), verdict("auroc", -0.2, -0.1), verdict("brier", -0.1, 0.1)
    (True, False, None)
    """
    direction = MEASURES[name].direction
    if low is None or high is None or direction == "none" or low <= 0 <= high:
        return None
    return (low > 0) == (direction == "higher")


def paired(
    first: Sample,
    second: Sample,
    resampler: Resampler,
    names: Sequence[str] = COMPARED,
    *,
    replicates: tuple[dict[str, Array], dict[str, Array]] | None = None,
    permutations: int = 2000,
) -> dict[str, Difference]:
    """name -> Difference between two systems on the same rows in the same order.

    The interval is the percentile interval of the paired bootstrap; the p-value (two-sided) exchanges the two systems
    within whole units, which is exact under the hypothesis that they do not differ.
    Raises UserError when the samples are not parallel.
    """
    if len(first) != len(second):
        raise UserError(f"paired comparison: {len(first)} rows against {len(second)}; compare the same rows")
    a, b = replicates or (resampler.replicates(first, names), resampler.replicates(second, names))
    null = exchanged(first, second, resampler, names, permutations) if permutations else {}
    found = {}
    for name in names:
        core = MEASURES[name].core
        x, y = float(core(first.cells())), float(core(second.cells()))
        low, high = interval(y - x, b[name] - a[name], "percentile")
        p = _p_value(y - x, null[name]) if permutations else None
        found[name] = Difference(name, x, y, y - x, low, high, p, len(first), verdict(name, low, high))
    return found


def _p_value(observed: float, null: Array) -> float | None:
    known = null[np.isfinite(null)]
    if not np.isfinite(observed) or not known.size:
        return None
    return float((1 + (np.abs(known) >= abs(observed) - 1e-12).sum()) / (1 + known.size))


def exchanged(
    first: Sample, second: Sample, resampler: Resampler, names: Sequence[str], permutations: int = 2000
) -> dict[str, Array]:
    """name -> (permutations,) differences when the systems are swapped within a random half of the units."""
    values = np.union1d(first.coarse.index[0], second.coarse.index[0])
    a, b = resampler.tally(first, values), resampler.tally(second, values)
    copies, rng = np.round(resampler.repeats).astype(np.int64), np.random.default_rng(resampler.seed + 1)
    drawn: dict[str, list[Array]] = {name: [] for name in names}
    step = max(1, 4_000_000 // copies.size)
    for start in range(0, permutations, step):
        swap = rng.binomial(copies, 0.5, size=(min(step, permutations - start), copies.size)).astype(np.float64)
        keep = copies - swap
        one, two = _added(a.cells(keep), b.cells(swap)), _added(a.cells(swap), b.cells(keep))
        for name in names:
            core = MEASURES[name].core
            drawn[name].append(core(two) - core(one))
    return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in drawn.items()}


def _added(x: Any, y: Any) -> Any:
    fields = ("weight", "right", "attempts", "credit", "readable")
    return type(x)(x.values, *(getattr(x, f) + getattr(y, f) for f in fields))


def share_closed(
    first: Sample, second: Sample, bound: Sample, resampler: Resampler, name: str = "brier"
) -> tuple[float, float | None, float | None]:
    """Share of the gap between ``first`` and ``bound`` that ``second`` closes, with its 95 % interval.

    1 reaches the bound, 0 changes nothing, negative is worse than before; NaN when there was no gap.
    """

    def closed(x: Array, y: Array, z: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.abs(x - z) > 1e-12, (x - y) / (x - z), np.nan)

    core = MEASURES[name].core
    value = float(closed(*(core(s.cells()) for s in (first, second, bound))))
    drawn = closed(*(resampler.replicates(s, [name])[name] for s in (first, second, bound)))
    return (value, *interval(value, drawn, "percentile"))


def pooled_replicates(replicates: Array, seed: int = 0) -> Array:
    """Replicates (B,) of the mean over runs, from replicates (S, B) of each run under the same draws of rows.

    Runs are resampled too; their spread is widened by sqrt(S / (S - 1)), because S resampled runs vary less than S
    fresh ones. With a single run only the rows vary.

    >>> pooled_replicates(np.array([[1.0, 2.0]])).tolist()
    [1.0, 2.0]
    """
    runs, resamples = replicates.shape
    mean: Array = replicates.mean(axis=0)
    if runs == 1 or not resamples:
        return mean
    drawn = np.random.default_rng(seed).multinomial(runs, np.full(runs, 1 / runs), size=resamples).T / runs
    return np.asarray(mean + np.sqrt(runs / (runs - 1)) * ((drawn * replicates).sum(axis=0) - mean))


def mcnemar(first: ArrayLike | Sequence[Any], second: ArrayLike | Sequence[Any]) -> float:
    """Exact McNemar p-value (two-sided) for the accuracy of two systems on the same independent rows, 0/1 each.

    Raises UserError for soft correctness: use the permutation test of ``paired``.

    >>> mcnemar([0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1])
    0.0625
    """
    a = as_correct(first, len(np.atleast_1d(np.asarray(first))))
    b = as_correct(second, a.size)
    if not np.isin(np.concatenate([a, b]), (0.0, 1.0)).all():
        raise UserError("mcnemar: correctness must be 0 or 1; for annotator shares use the p-value of paired()")
    gained, lost = int(((a == 0) & (b == 1)).sum()), int(((a == 1) & (b == 0)).sum())
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def delong(
    first: ArrayLike | Sequence[Any], second: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any]
) -> tuple[float, float, float]:
    """AUROC(second) - AUROC(first) for two confidences in the same answers, its standard error, two-sided p.

    For hard 0/1 correctness of independent rows (DeLong, DeLong and Clarke-Pearson 1988, with midranks). NaN error and
    p with a single class. Raises UserError for soft correctness.

    >>> round(delong([0.1, 0.4, 0.35, 0.8], [0.2, 0.3, 0.6, 0.9], [0, 0, 1, 1])[0], 4)
    0.25
    """
    c1, c2 = as_confidence(first), as_confidence(second)
    y = as_correct(correct, c1.size)
    if not np.isin(y, (0.0, 1.0)).all():
        raise UserError("delong: correctness must be 0 or 1; for annotator shares use the bootstrap of paired()")
    (auc1, v1, w1), (auc2, v2, w2) = _placements(c1, y), _placements(c2, y)
    if min(v1.size, w1.size) < 2:
        return auc2 - auc1, float("nan"), float("nan")
    error = float(np.sqrt((v2 - v1).var(ddof=1) / v1.size + (w2 - w1).var(ddof=1) / w1.size))
    p = float(2 * norm.sf(abs(auc2 - auc1) / error)) if error > 0 else 1.0
    return auc2 - auc1, error, p


def _placements(c: Array, y: Array) -> tuple[float, Array, Array]:
    """AUROC and, per right (wrong) row, the share of wrong (right) rows it is ordered against correctly."""
    positive, negative = c[y == 1], c[y == 0]
    m, n = positive.size, negative.size
    if not m or not n:
        return float("nan"), positive, negative
    joint = rankdata(np.concatenate([positive, negative]))
    v = (joint[:m] - rankdata(positive)) / n
    w = 1 - (joint[m:] - rankdata(negative)) / m
    return float(v.mean()), v, w
