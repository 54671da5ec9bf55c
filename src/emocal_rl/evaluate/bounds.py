"""What can be reached at all, from the annotators' votes: Bayes bound, one annotator, a crowd without the judge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.evaluate.cells import Array, Sample
from emocal_rl.evaluate.scores import accuracy, brier, nll

Votes = Sequence[Sequence[float]]


def _checked(votes: Votes) -> list[Array]:
    rows = [np.asarray(v, np.float64) for v in votes]
    if not rows:
        raise UserError("votes: no rows; a bound needs at least one")
    for i, v in enumerate(rows):
        if v.ndim != 1 or v.size < 2 or (v < 0).any() or v.sum() <= 0 or not np.isfinite(v).all():
            raise UserError(f"votes: row {i} is {v.tolist()}; give the counts of at least two candidates, not all zero")
    return rows


def bayes_sample(votes: Votes) -> Sample:
    """The oracle as a sample: it answers the most-voted label and states its share, so confidence = correctness."""
    share = np.array([v.max() / v.sum() for v in _checked(votes)])
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


def annotator(votes: Votes) -> float:
    """How often one annotator agrees with another of the same row, in [0, 1]: the accuracy of a human answer.

    Rows with a single vote have no other annotator and are left out. Raises UserError when no row is left.

    >>> annotator([[3, 1], [2, 0]])
    0.75
    """
    rows = [v for v in _checked(votes) if v.sum() > 1]
    if not rows:
        raise UserError("votes: every row has a single vote, so there is no second annotator to agree with")
    return float(np.mean([(v * (v - 1)).sum() / (v.sum() * (v.sum() - 1)) for v in rows]))


def crowd_sample(votes: Votes) -> tuple[Sample, list[int]]:
    """Leave one annotator out: the others' most-voted label and its share, judged by the one left out.

    One row per input row and kind of left-out annotator would be many; the rows returned are weighted by repetition:
    one row per annotator. Also returns for each of them the input row it came from (its cluster).
    """
    confidence: list[float] = []
    correct: list[float] = []
    source: list[int] = []
    for i, row in enumerate(_checked(votes)):
        for label, count in enumerate(row.astype(np.int64)):
            rest = row.copy()
            rest[label] -= 1
            if count == 0 or rest.sum() == 0:
                continue
            best = rest == rest.max()
            confidence += [float(rest.max() / rest.sum())] * int(count)
            correct += [float(best[label] / best.sum())] * int(count)  # a tie among the others is broken by a coin
            source += [i] * int(count)
    if not confidence:
        raise UserError("votes: every row has a single vote, so leaving one out leaves nothing")
    return Sample(np.array(confidence), np.array(correct), np.ones(len(confidence), bool)), source
