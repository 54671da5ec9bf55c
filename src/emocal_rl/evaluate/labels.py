"""Metrics of answers and of stated distributions: F1 on fixed labels, multi-class scores, distribution distances.

Distributions are rows over the same candidates in the same order: ``stated`` (n, K) by the model, ``voted`` (n, K) by
people, each renormalised; votes may be counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from emocal_rl.errors import UserError
from emocal_rl.evaluate.cells import Array, ratio
from emocal_rl.evaluate.scores import CLIP

SMOOTHING = 1e-7
"""Added to the stated distribution before a logarithm, so that a forgotten label costs much and not infinitely much."""


def f1(answers: Sequence[str | None], truths: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
    """Macro and support-weighted F1 over exactly ``labels``, in [0, 1]; higher is better.

    An answer outside ``labels``, or None, is a miss of its true label and no class of its own. A label that neither
    occurs nor is answered scores 0 in the macro mean, as in scikit-learn with ``zero_division=0``. Raises UserError for
    unequal lengths and for a truth outside ``labels``.

    >>> f1(["joy", "fear", None], ["joy", "joy", "fear"], ["joy", "fear"])
    {'macro': 0.3333333333333333, 'weighted': 0.4444444444444444}
    """
    if len(answers) != len(truths) or not truths:
        raise UserError(
            f"f1: {len(answers)} answers for {len(truths)} truths; give one answer per row, at least one row"
        )
    unknown = sorted(set(truths) - set(labels))
    if unknown:
        raise UserError(f"f1: true label {unknown[0]!r} is not among the labels {', '.join(labels)}")
    scores, support = [], []
    for label in labels:
        said, true = (np.array([x == label for x in xs]) for xs in (answers, truths))
        scores.append(2 * int((said & true).sum()) / max(int(said.sum() + true.sum()), 1))
        support.append(int(true.sum()))
    return {"macro": float(np.mean(scores)), "weighted": float(np.average(scores, weights=support))}


def _checked(stated: ArrayLike, voted: ArrayLike) -> tuple[Array, Array]:
    p, q = np.atleast_2d(np.asarray(stated, np.float64)), np.atleast_2d(np.asarray(voted, np.float64))
    if p.shape != q.shape or p.shape[0] == 0 or p.shape[1] < 2:
        raise UserError(
            f"distributions: shapes {p.shape} and {q.shape}; give two of the same shape (n, K), K at least 2"
        )
    for name, x in (("stated", p), ("voted", q)):
        bad = ~np.isfinite(x).all(axis=1) | (x < 0).any(axis=1) | (x.sum(axis=1) <= 0)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise UserError(f"{name}: row {row} is {x[row].tolist()}; give non-negative numbers, not all zero")
    return p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)


def multiclass_brier(stated: ArrayLike, voted: ArrayLike) -> float:
    """Expected multi-class Brier score against a random annotator, summed over labels, in [0, 2]; lower is better.

    For two labels it is twice the binary score (Brier 1950).

    >>> round(multiclass_brier([[0.8, 0.2]], [[1, 0]]), 3), round(multiclass_brier([[0.5, 0.5]], [[3, 1]]), 3)
    (0.08, 0.5)
    """
    return float(_brier(*_checked(stated, voted)).mean())


def _brier(p: Array, q: Array) -> Array:
    return np.asarray((p**2).sum(axis=1) - 2 * (p * q).sum(axis=1) + 1)


def multiclass_nll(stated: ArrayLike, voted: ArrayLike, clip: float = CLIP) -> float:
    """Expected negative log-likelihood against a random annotator, in nats; probabilities at least ``clip``; lower.

    >>> round(multiclass_nll([[0.5, 0.5]], [[3, 1]]), 4)
    0.6931
    """
    return float(_nll(*_checked(stated, voted), clip).mean())


def _nll(p: Array, q: Array, clip: float = CLIP) -> Array:
    return np.asarray(-(q * np.log(np.maximum(p, clip))).sum(axis=1))


def ranked_probability(stated: ArrayLike, voted: ArrayLike) -> float:
    """Expected ranked probability score for ordered labels, in [0, K - 1]; lower is better (Epstein 1969).

    Sum over the K - 1 cuts of the Brier score of "at most here".

    >>> round(ranked_probability([[0.2, 0.3, 0.5]], [[0, 0, 1]]), 3)
    0.29
    """
    return float(_rps(*_checked(stated, voted)).mean())


def _rps(p: Array, q: Array) -> Array:
    below, voted = (x.cumsum(axis=1)[:, :-1] for x in (p, q))
    return np.asarray((voted * (1 - below) ** 2 + (1 - voted) * below**2).sum(axis=1))


def _kl(p: Array, q: Array) -> Array:
    smooth = (p + SMOOTHING) / (1 + p.shape[1] * SMOOTHING)
    return np.asarray(np.where(q > 0, q * np.log(np.where(q > 0, q, 1) / smooth), 0.0).sum(axis=1))


def _clark(p: Array, q: Array) -> Array:
    return np.asarray(np.sqrt((np.nan_to_num(ratio(p - q, p + q)) ** 2).sum(axis=1)))


def _canberra(p: Array, q: Array) -> Array:
    return np.asarray(np.nan_to_num(ratio(np.abs(p - q), p + q)).sum(axis=1))


def _cosine(p: Array, q: Array) -> Array:
    return np.asarray((p * q).sum(axis=1) / (np.linalg.norm(p, axis=1) * np.linalg.norm(q, axis=1)))


DISTANCES: dict[str, Callable[[Array, Array], Array]] = {
    "chebyshev": lambda p, q: np.abs(p - q).max(axis=1),
    "clark": _clark,
    "canberra": _canberra,
    "kl": _kl,
    "cosine": _cosine,
    "intersection": lambda p, q: np.minimum(p, q).sum(axis=1),
}
"""The six measures of label distribution learning. Higher is better for cosine and intersection, lower for the rest."""


def label_distribution(stated: ArrayLike, voted: ArrayLike) -> dict[str, float]:
    """The six measures of Geng (2016), averaged over rows, and the number of labels.

    Chebyshev, Clark, Canberra and KL(voted || stated): lower is better; cosine and intersection (1 minus the total
    variation): higher. Clark and Canberra are summed over labels and grow with their number, which is why ``labels``
    comes along. Raises UserError for unequal shapes and for rows that are no distribution.

    >>> found = label_distribution([[0.5, 0.5]], [[3, 1]])
    >>> [round(found[k], 3) for k in ("chebyshev", "clark", "canberra", "kl", "cosine", "intersection")]
    [0.25, 0.389, 0.533, 0.131, 0.894, 0.75]
    """
    p, q = _checked(stated, voted)
    return {name: float(distance(p, q).mean()) for name, distance in DISTANCES.items()} | {"labels": float(p.shape[1])}


def row_scores(stated: ArrayLike, voted: ArrayLike) -> dict[str, Array]:
    """name -> (n,) scores of each row: the three proper scores, then the six distances. Raises UserError as above.

    >>> row_scores([[0.8, 0.2], [0.5, 0.5]], [[1, 0], [3, 1]])["multiclass_brier"].round(3).tolist()
    [0.08, 0.5]
    """
    p, q = _checked(stated, voted)
    return {name: score(p, q) for name, score in (PROPER | DISTANCES).items()}


PROPER: dict[str, Callable[[Array, Array], Array]] = {
    "multiclass_brier": _brier, "multiclass_nll": _nll, "ranked_probability": _rps,
}  # fmt: skip
"""Scores that are best, in expectation, when the votes' own distribution is stated. Lower is better."""
