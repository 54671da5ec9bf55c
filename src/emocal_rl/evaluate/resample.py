"""The cluster bootstrap, fast enough to put an interval beside every number.

A resample draws clusters (all pictures of one emoji, all samples of one image) with replacement. Because every metric
is a function of cells, and cells add up over clusters, 2,000 resamples are one product of a matrix of draw counts with
a matrix of per-cluster cells. Without clusters identical rows are pooled and drawn from a multinomial, which is exactly
the ordinary bootstrap (and takes the same time for a thousand rows as for a million).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from emocal_rl.evaluate.cells import Array, Cells, Clusters, Ints, Sample
from emocal_rl.evaluate.measure import MEASURES
from emocal_rl.evaluate.metrics import HEADLINE

_CHUNK = 4_000_000  # draw counts held at a time: 32 MB
MOST = 8000
"""Units that are drawn one by one; 2,000 resamples of more would take minutes, and nobody could tell the difference."""


@dataclass(frozen=True)
class Resampler:
    """Draws units (clusters, or groups of identical rows) with replacement; equal seeds give equal draws.

    unit: (n,) unit of each row. chance: (U,) probability of each unit. draws: units per resample. repeats: (U,) copies
    pooled in a unit (1 for clusters). Two systems measured with one resampler are thereby paired.
    """

    unit: Ints
    chance: Array
    draws: int
    repeats: Array
    resamples: int = 2000
    seed: int = 0

    @classmethod
    def clustered(cls, clusters: ArrayLike | Sequence[Any], resamples: int = 2000, seed: int = 0) -> Resampler:
        """Resample whole clusters; rows of a cluster are not independent.

        More than `MOST` are put together at random into that many groups: what the interval loses by it, a share of
        1 / sqrt(2 MOST) of its width, is less than what the number of resamples leaves open.
        """
        unit = np.unique(np.asarray(clusters), return_inverse=True)[1].astype(np.int64)
        units = int(unit.max()) + 1
        if units > MOST:
            unit = (np.random.default_rng(seed).permutation(units) % MOST)[unit]
            units = MOST
        return cls(unit, np.full(units, 1 / units), units, np.ones(units), resamples, seed)

    @classmethod
    def of(
        cls,
        clusters: Clusters,
        *samples: Sample,
        tasks: Sequence[Any] | None = None,
        resamples: int = 2000,
        seed: int = 0,
    ) -> Resampler:
        """Resample clusters where some hold several rows, else rows, which is the same and takes a million of them.

        samples: everything that will be measured with it, up to changes of confidence that depend on nothing else but
        the rows' tasks.
        """
        if len(set(clusters)) < len(clusters):
            return cls.clustered(clusters, resamples, seed)
        return cls.independent(*samples, tasks=tasks, resamples=resamples, seed=seed)

    @classmethod
    def independent(
        cls, *samples: Sample, tasks: Sequence[Any] | None = None, resamples: int = 2000, seed: int = 0
    ) -> Resampler:
        """Resample rows; rows of one task (where given) that are identical in all given samples are pooled first."""
        unit = np.zeros(len(samples[0]), np.int64)
        if tasks is not None:
            numbers = {task: number for number, task in enumerate(dict.fromkeys(tasks))}
            unit = np.fromiter((numbers[task] for task in tasks), np.int64, len(tasks))
        for sample in samples:
            for code in (sample.index[1] + 1, _codes(sample.correct), sample.readable.astype(np.int64)):
                unit = _relabelled(unit * (int(code.max()) + 1) + code)
        repeats = np.bincount(unit).astype(np.float64)
        if repeats.size > MOST:
            return cls.clustered(np.arange(unit.size), resamples, seed)
        return cls(unit, repeats / unit.size, unit.size, repeats, resamples, seed)

    def counts(self) -> Iterable[Array]:
        """Chunks (b, U) of how often each unit was drawn; kept when they fit, since every system is given the same."""
        return self._kept if self.resamples * self.chance.size <= 4 * _CHUNK else self._drawn()

    @cached_property
    def _kept(self) -> list[Array]:
        return list(self._drawn())

    def _drawn(self) -> Iterator[Array]:
        rng, step = np.random.default_rng(self.seed), max(1, _CHUNK // self.chance.size)
        for start in range(0, self.resamples, step):
            size = min(step, self.resamples - start)
            yield rng.multinomial(self.draws, self.chance, size=size).astype(np.float64)

    def tally(self, sample: Sample, values: Array | None = None) -> Tally:
        """Per-unit cells of a sample, on its own values or on a common grid that contains them."""
        own, position = sample.coarse.index
        grid = own if values is None else values
        stated = position >= 0
        column = np.searchsorted(grid, own)[position[stated]]
        rows, shape = self.unit[stated], (self.chance.size, grid.size)

        def matrix(data: Array) -> sparse.csr_matrix:
            summed = sparse.csr_matrix((data, (rows, column)), shape=shape)
            return sparse.diags(1 / self.repeats).dot(summed).tocsr()

        def total(data: Array) -> Array:
            return np.bincount(self.unit, data, minlength=self.chance.size) / self.repeats

        extra = np.stack([total(np.ones(len(sample))), total(sample.correct), total(sample.readable.astype(float))], 1)
        return Tally(grid, matrix(np.ones(rows.size)), matrix(sample.correct[stated]), extra)

    def replicates(self, sample: Sample, names: Iterable[str] = HEADLINE) -> dict[str, Array]:
        """name -> (resamples,) values of the metric on resampled data."""
        names, tally = list(names), self.tally(sample)
        chunks: dict[str, list[Array]] = {name: [] for name in names}
        for counts in self.counts():
            cells = tally.cells(counts)
            for name in names:
                chunks[name].append(MEASURES[name].core(cells))
        return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in chunks.items()}


def _codes(values: Array) -> Ints:
    """Whole numbers that are equal where the values are; correctness is mostly 0 or 1, which needs no sorting."""
    if np.isin(values, (0.0, 1.0)).all():
        return values.astype(np.int64)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _relabelled(codes: Ints) -> Ints:
    """The same partition with labels 0 .. U - 1, by counting where codes are few and by sorting where they are many."""
    if codes.max() > 8 * codes.size:
        return np.unique(codes, return_inverse=True)[1].astype(np.int64)
    used = np.bincount(codes) > 0
    return (np.cumsum(used) - 1)[codes].astype(np.int64)


@dataclass(frozen=True)
class Tally:
    """Per-unit cells: weight and right (U, K) sparse, extra (U, 3) attempts, credit and readable."""

    values: Array
    weight: sparse.csr_matrix
    right: sparse.csr_matrix
    extra: Array

    def cells(self, counts: Array) -> Cells:
        """Cells (b, K) of the resamples with these unit counts (b, U)."""
        extra = counts @ self.extra
        weight, right = (np.ascontiguousarray((m.T @ counts.T).T) for m in (self.weight, self.right))
        return Cells(self.values, weight, right, extra[:, 0], extra[:, 1], extra[:, 2])
