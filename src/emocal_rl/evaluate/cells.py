"""The sufficient statistics of every calibration metric: how often each confidence was stated, and how often right.

Stated confidences are discrete, so n rows collapse into at most about a hundred *cells*, one per distinct value. A row
with soft correctness y stands for y rights and 1 - y wrongs, which is linear, so a cell needs only two numbers: its
number of rows and its sum of y. Every metric is a function of the cells. The arrays may carry leading batch axes: a
bootstrap of 2,000 resamples is one call on cells of shape (2000, K).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emocal_rl.errors import UserError

GRID = 2000
"""Distinct confidences up to which resampling, drawing and figures take every one as it is."""
Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Clusters = Sequence[Any] | Ints
"""What each row belongs to, by name or by number; rows of a cluster depend on each other."""
Name = TypeVar("Name")


@dataclass(frozen=True)
class Cells:
    """Counts per distinct stated confidence; leading axes of all but ``values`` are a batch of resamples.

    values: (K,) ascending, in [0, 1]. weight: (..., K) rows that state the value. right: (..., K) their summed
    correctness. attempts: (...) rows with or without a confidence. credit: (...) their summed correctness.
    readable: (...) rows whose reply could be read.
    """

    values: Array
    weight: Array
    right: Array
    attempts: Array
    credit: Array
    readable: Array

    @property
    def wrong(self) -> Array:
        """(..., K) summed incorrectness of each cell."""
        return self.weight - self.right

    @property
    def n(self) -> Array:
        """(...) rows that state a confidence."""
        return _sum(self.weight)

    @property
    def base(self) -> Array:
        """(...) accuracy of the rows that state a confidence."""
        return ratio(_sum(self.right), self.n)


def _sum(x: Array) -> Array:
    return np.asarray(x.sum(axis=-1), dtype=np.float64)


def ratio(top: ArrayLike, bottom: ArrayLike) -> Array:
    """``top / bottom``, NaN where the denominator is zero (an undefined metric, never a warning).

    >>> float(ratio(1.0, 4.0)), bool(np.isnan(ratio(0.0, 0.0)))
    (0.25, True)
    """
    a, b = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(bottom, np.float64))
    return np.asarray(np.divide(a, b, out=np.full(a.shape, np.nan), where=b != 0))


def _floats(values: ArrayLike | Sequence[Any], name: str) -> Array:
    try:
        array = np.asarray([np.nan if v is None else v for v in np.asarray(values, dtype=object).ravel()], np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{name}: expected numbers in [0, 1], got {_sample_of(values)}; parse the text first") from None
    return array


def _sample_of(values: Any) -> str:
    return ", ".join(repr(v) for v in np.asarray(values, dtype=object).ravel()[:3].tolist())


def numbered(names: Sequence[str]) -> Ints:
    """(n,) the place of each name among the distinct ones in order: of a million, numbers are sorted far faster.

    >>> numbered(["b", "a", "b"]).tolist()
    [1, 0, 1]
    """
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    return np.fromiter(map(places.__getitem__, names), np.int64, len(names))


def grouped(members: Sequence[int], names: Sequence[Name]) -> dict[Name, list[int]]:
    """Name -> the members of that name, in the order in which names first come.

    >>> grouped([4, 5, 6], ["b", "a", "b"])
    {'b': [4, 6], 'a': [5]}
    """
    found: dict[Name, list[int]] = {}
    for index, name in zip(members, names, strict=True):
        found.setdefault(name, []).append(index)
    return found


def as_confidence(confidence: ArrayLike | Sequence[Any]) -> Array:
    """Confidences as a float vector; NaN or None marks a reply that states none. Raises UserError outside [0, 1].

    >>> as_confidence([0.5, None]).tolist()
    [0.5, nan]
    """
    numeric = isinstance(confidence, np.ndarray) and confidence.dtype.kind in "fiub"
    c = np.asarray(confidence, np.float64).ravel() if numeric else _floats(confidence, "confidence")
    bad = c[(c < 0) | (c > 1)]
    if bad.size:
        hint = "; divide percentages by 100" if bad.max() <= 100 and bad.min() > 1 else ""
        raise UserError(f"confidence: {bad.size} of {c.size} values lie outside [0, 1], for example {bad[0]:g}{hint}")
    return c


def as_correct(correct: ArrayLike | Sequence[Any], n: int) -> Array:
    """Correctness in [0, 1] as a float vector of length n. Raises UserError for a gap, a wrong length or range."""
    numeric = isinstance(correct, np.ndarray) and correct.dtype.kind in "fiub"
    y = np.asarray(correct, np.float64).ravel() if numeric else _floats(correct, "correct")
    if y.size != n:
        raise UserError(f"correct: {y.size} values for {n} confidences; the two must be parallel")
    if n == 0:
        raise UserError("confidence and correct are empty: a metric needs at least one row")
    if np.isnan(y).any():
        missing = int(np.isnan(y).sum())
        raise UserError(f"correct: {missing} of {n} values are missing; grade every row (a fault counts 0)")
    if y.min() < 0 or y.max() > 1:
        bad = y[(y < 0) | (y > 1)][0]
        raise UserError(f"correct: {bad:g} lies outside [0, 1]; give 0/1 or the share of annotators who agree")
    return y


def refuse_swapped(c: Array, y: Array) -> None:
    """Raise UserError when the two arguments are almost certainly in the wrong order.

    Confidence that is only ever 0 or 1 (both), beside correctness that is neither for most rows, is the mirror image
    of what models produce.
    """
    stated = c[~np.isnan(c)]
    hard = stated.size > 1 and np.isin(stated, (0.0, 1.0)).all() and stated.min() != stated.max()
    if hard and (~np.isin(y, (0.0, 1.0))).mean() > 0.5:
        raise UserError(
            f"confidence holds only 0 and 1 while correct holds values like {y[~np.isin(y, (0.0, 1.0))][0]:g}: "
            "arguments swapped? The order is (confidence, correct)"
        )


@dataclass(frozen=True)
class Sample:
    """Checked rows of one system: confidence (n,) with NaN where none was stated, correct (n,), readable (n,)."""

    confidence: Array
    correct: Array
    readable: Bools

    @classmethod
    def of(
        cls,
        confidence: ArrayLike | Sequence[Any],
        correct: ArrayLike | Sequence[Any],
        readable: ArrayLike | None = None,
    ) -> Sample:
        """Check and convert. ``readable`` defaults to the rows that state a confidence. Raises UserError.

        >>> Sample.of([0.9, None], [1, 0]).readable.tolist()
        [True, False]
        """
        c = as_confidence(confidence)
        y = as_correct(correct, c.size)
        return cls(c, y, ~np.isnan(c) if readable is None else np.asarray(readable, bool).ravel())

    def __len__(self) -> int:
        return int(self.confidence.size)

    def with_confidence(self, confidence: Array) -> Sample:
        """The same answers with other confidences (recalibration). Rows that state none keep stating none."""
        return Sample(np.where(np.isnan(self.confidence), np.nan, confidence), self.correct, self.readable)

    @cached_property
    def index(self) -> tuple[Array, Ints]:
        """Distinct stated values (K,) ascending, and for each row its position among them (-1: none stated)."""
        stated = ~np.isnan(self.confidence)
        values, inverse = np.unique(self.confidence[stated], return_inverse=True)
        position = np.full(self.confidence.size, -1, np.int64)
        position[stated] = inverse
        return values, position

    @cached_property
    def coarse(self) -> Sample:
        """The same rows, with confidences rounded to 1 / `GRID` where there are more values than that.

        For resamples, noise floors and figures: a model's own probabilities differ in every row, and 2,000 resamples of
        a million values would take hours. Metrics themselves are of the values as they are.

        >>> Sample.of(np.arange(3001) / 3000, np.ones(3001)).coarse.index[0].size
        2001
        """
        if self.index[0].size <= GRID:
            return self
        return self.with_confidence(np.round(self.confidence * GRID) / GRID)

    def cells(self) -> Cells:
        """The cells of all rows, without a batch axis."""
        return self._cells

    @cached_property
    def _cells(self) -> Cells:
        values, position = self.index
        stated = position >= 0
        count = np.bincount(position[stated], minlength=values.size).astype(np.float64)
        right = np.bincount(position[stated], weights=self.correct[stated], minlength=values.size)
        totals = (np.float64(len(self)), self.correct.sum(), np.float64(self.readable.sum()))
        return Cells(values, count, np.asarray(right, np.float64), *(np.asarray(t) for t in totals))
