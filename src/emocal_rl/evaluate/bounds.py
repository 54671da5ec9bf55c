"""What can be reached at all, from the annotators' votes: Bayes bound, one annotator, a crowd without the judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.evaluate.cells import Array, Ints, Sample, ratio
from emocal_rl.evaluate.scores import accuracy, brier, nll

Votes = Sequence[Sequence[float]]


def tables(votes: Votes) -> list[tuple[Ints, Array]]:
    """(rows (n,), their counts (n, k)) for every number k of candidates. Raises UserError for what are no counts.

    >>> [(rows.tolist(), counts.tolist()) for rows, counts in tables([[3, 1], [1, 1, 0]])]
    [([0], [[3.0, 1.0]]), ([1], [[1.0, 1.0, 0.0]])]
    """
    if not len(votes):
        raise UserError("votes: no rows; a bound needs at least one")
    sizes = np.array([len(row) for row in votes])
    found = []
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        counts = np.array([votes[i] for i in rows.tolist()], np.float64).reshape(rows.size, size)
        good = np.isfinite(counts).all(1) & (counts >= 0).all(1) & (counts.sum(1) > 0) & (size > 1)
        if not good.all():
            bad = int(np.argmin(good))
            wanted = "give the counts of at least two candidates, not all zero"
            raise UserError(f"votes: row {rows[bad]} is {counts[bad].tolist()}; {wanted}")
        found.append((rows, counts))
    return found


def bayes_sample(votes: Votes) -> Sample:
    """The oracle as a sample: it answers the most-voted label and states its share, so confidence = correctness."""
    share = np.empty(len(votes))
    for rows, counts in tables(votes):
        share[rows] = counts.max(1) / counts.sum(1)
    return Sample(share, share, np.ones(share.size, bool))


def bayes(votes: Votes) -> dict[str, float]:
    """Expected scores, against one random annotator, of the oracle that answers the most-voted label with its share.

    No model can do better on these labels. ``votes``: per row the counts per candidate. Returns ``accuracy`` (higher is
    better), ``brier`` (lower is better) and ``log``, the mean negative natural log of the probability stated for what
    happened (in nats, lower is better, clip 0.001 as in the NLL).

    >>> {k: round(v, 4) for k, v in bayes([[3, 1], [0, 2]]).items()}
    {'accuracy': 0.875, 'brier': 0.0938, 'log': 0.2817}
    """
    sample = bayes_sample(votes)
    c, y = sample.confidence, sample.correct
    return {"accuracy": accuracy(c, y), "brier": brier(c, y), "log": nll(c, y)}


def agreement(votes: Votes) -> Array:
    """(n,) how often one annotator of a row agrees with another of it, in [0, 1].

    NaN where there is no other, and where votes are shares, which say nothing about two people.

    >>> agreement([[3, 1], [1, 0]]).tolist()
    [0.5, nan]
    """
    found = np.empty(len(votes))
    for rows, counts in tables(votes):
        total = counts.sum(1)
        found[rows] = ratio((counts * (counts - 1)).sum(1), np.where(total >= 2, total * (total - 1), 0.0))
    return found


def annotator(votes: Votes) -> float:
    """How often one annotator agrees with another of the same row, in [0, 1]: the accuracy of a human answer.

    Rows with a single vote have no other annotator and are left out. Raises UserError when no row is left.

    >>> annotator([[3, 1], [2, 0]])
    0.75
    """
    agreed = agreement(votes)
    if np.isnan(agreed).all():
        raise UserError("votes: every row has a single vote, so there is no second annotator to agree with")
    return float(np.nanmean(agreed))


def crowd_sample(votes: Votes) -> tuple[Sample, Ints]:
    """Leave one annotator out: the others' most-voted label and its share, judged by the one left out.

    One row per annotator, in the order of the input; also the input row (n,) that each came from (its cluster).
    """
    parts = [_left_out(rows, counts) for rows, counts in tables(votes)]
    source, confidence, correct = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not source.size:
        raise UserError("votes: every row has a single vote, so leaving one out leaves nothing")
    order = np.argsort(source, kind="stable")
    sample = Sample(confidence[order], correct[order], np.ones(order.size, bool))
    return sample, source[order]


def _left_out(rows: Ints, counts: Array) -> tuple[Ints, Array, Array]:
    """Row, confidence and correctness of every annotator of rows with equally many candidates."""
    share, hit, times = (np.zeros(counts.shape) for _ in range(3))
    for label in range(counts.shape[1]):
        rest = counts.copy()
        rest[:, label] -= 1
        most, total = rest.max(1), rest.sum(1)
        best = rest == most[:, None]
        share[:, label] = np.divide(most, total, out=np.zeros(rows.size), where=total != 0)
        hit[:, label] = best[:, label] / best.sum(1)  # a tie among the others is broken by a coin
        times[:, label] = np.where(total != 0, np.floor(counts[:, label]), 0)
    again = times.astype(np.int64).ravel()
    return np.repeat(np.repeat(rows, counts.shape[1]), again), np.repeat(share, again), np.repeat(hit, again)
