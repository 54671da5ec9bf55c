"""Distributions that a model states over a closed label set, measured against the votes (or the label) of each row.

Every number is a mean over rows, so its interval is that of a mean whose rows depend on each other within clusters; it
needs no resampling and takes no longer for a million rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emocal_rl.evaluate.cells import Array, Clusters
from emocal_rl.evaluate.labels import PROPER, row_scores
from emocal_rl.evaluate.measure import Direction, Metric
from emocal_rl.evaluate.records import Records
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.targets import aliases_of, shares_of

DEFINITIONS: dict[str, tuple[str, Direction]] = {
    "multiclass_brier": ("multi-class brier/summed over labels, expected over annotators", "lower"),
    "multiclass_nll": ("multi-class nll/natural log, clip 0.001, expected over annotators", "lower"),
    "ranked_probability": ("ranked probability score/labels ordered as listed, summed over cuts", "lower"),
    "chebyshev": ("chebyshev distance to the votes", "lower"),
    "clark": ("clark distance to the votes/summed over labels", "lower"),
    "canberra": ("canberra distance to the votes/summed over labels", "lower"),
    "kl": ("kl(votes || stated)/natural log, stated + 1e-7", "lower"),
    "cosine": ("cosine similarity to the votes", "higher"),
    "intersection": ("intersection with the votes/1 minus the total variation", "higher"),
}
"""What each number is, in order: three proper scores, then the six measures of label distribution learning."""
TOLERANCE = 1e-6  # by which a stated distribution may miss 1
Pair = tuple[Array, Array]  # stated and true distribution of a row, in the order of its labels


@dataclass(frozen=True)
class Distances:
    """Scores (n,) of every row that states a distribution over its labels, by name; ``rows`` says which rows those are.

    bound: the proper scores of a model that states the votes themselves. labels: fewest and most labels of a row.
    """

    rows: Sequence[int]
    scores: Mapping[str, Array]
    bound: Mapping[str, Array]
    labels: tuple[int, int]


def truth_of(target: Mapping[str, Any]) -> dict[str, float] | None:
    """The distribution a row is measured against: the shares of its votes, else all on its label; None without either.

    >>> truth_of({"candidates": ["joy", "fear"], "votes": [3, 1]}), truth_of({"candidates": ["a", "b"], "label": "b"})
    ({'joy': 0.75, 'fear': 0.25}, {'a': 0.0, 'b': 1.0})
    """
    if target.get("votes"):
        return shares_of(target)
    names = [str(name) for name in target.get("candidates") or ()]
    label = match(str(target.get("label")), names, aliases_of(target)) if names else None
    return {name: float(name == label) for name in names} if label else None


def distances(stated: Sequence[Mapping[str, float] | None], targets: Sequence[Mapping[str, Any]]) -> Distances | None:
    """Score every row whose reply states a distribution over exactly its labels; None when no row does.

    Replies that state less (some guesses, for example) are left out: what they say of the other labels is unknown.
    """
    by_size: dict[int, dict[int, Pair]] = {}
    for index, (said, target) in enumerate(zip(stated, targets, strict=True)):
        if pair := _pair(said, target):
            by_size.setdefault(len(pair[0]), {})[index] = pair
    if not by_size:
        return None
    stacks = [[np.stack(side) for side in zip(*pairs.values(), strict=True)] for pairs in by_size.values()]
    scores, own = ([row_scores(p, q) for p, q in each] for each in (stacks, [[q, q] for _, q in stacks]))
    return Distances(
        tuple(index for pairs in by_size.values() for index in pairs),
        {name: np.concatenate([each[name] for each in scores]) for name in DEFINITIONS},
        {name: np.concatenate([each[name] for each in own]) for name in PROPER},
        (min(by_size), max(by_size)),
    )


def _pair(stated: Mapping[str, float] | None, target: Mapping[str, Any]) -> Pair | None:
    if not stated or abs(sum(stated.values()) - 1) > TOLERANCE:
        return None
    truth = truth_of(target)
    if truth is None or truth.keys() != stated.keys() or len(truth) < 2:
        return None
    return np.array([stated[name] for name in truth]), np.array(list(truth.values()))


def metrics_of(found: Distances, clusters: Clusters) -> dict[str, Metric]:
    """name -> Metric with its interval; ``clusters`` are those of all rows, also the ones that state nothing."""
    own = [clusters[i] for i in found.rows]
    return {name: _metric(name, found.scores[name], own, found.labels) for name in DEFINITIONS}


def differences_of(first: Distances, second: Distances, clusters: Clusters) -> dict[str, Metric]:
    """``second - first`` on the rows where both state a distribution, paired row by row; empty when there are none."""
    at = [{row: k for k, row in enumerate(side.rows)} for side in (first, second)]
    both = [row for row in first.rows if row in at[1]]
    if not both:
        return {}
    one, two = ([index[row] for row in both] for index in at)
    gaps = {name: second.scores[name][two] - first.scores[name][one] for name in DEFINITIONS}
    own = [clusters[row] for row in both]
    return {name: _metric(name, gap, own, first.labels) for name, gap in gaps.items()}


def bounds_of(found: Distances, clusters: Clusters) -> dict[str, Metric]:
    """The proper scores of a model that states the votes themselves: no model can do better."""
    own = [clusters[i] for i in found.rows]
    return {name: _metric(name, found.bound[name], own, found.labels) for name in PROPER}


def _metric(name: str, scores: Array, clusters: Clusters, labels: tuple[int, int]) -> Metric:
    definition, direction = DEFINITIONS[name]
    size = f"{labels[0]} labels" if labels[0] == labels[1] else f"{labels[0]} to {labels[1]} labels"
    low, high = mean_interval(scores, clusters)
    return Metric(name, float(scores.mean()), f"{definition}; {size}", scores.size, low, high, direction)


def mean_interval(scores: ArrayLike, clusters: Clusters) -> tuple[float | None, float | None]:
    """95 % interval of a mean over rows that depend on each other within clusters; None with a single cluster.

    The normal interval with the cluster-robust standard error: sums of residuals by cluster, times C / (C - 1).

    >>> mean_interval([1.0, 0.0], ["a", "a"]), [round(x or 0, 2) for x in mean_interval([1.0, 0.0] * 8, range(16))]
    ((None, None), [0.25, 0.75])
    """
    x = np.asarray(scores, np.float64)
    unit = np.unique(np.asarray(clusters), return_inverse=True)[1]
    units, mean = int(unit.max()) + 1, float(x.mean())
    if units < 2:
        return None, None
    sums = np.bincount(unit, x - mean, minlength=units)
    half = 1.959964 * float(np.sqrt((sums**2).sum() * units / (units - 1))) / x.size
    return mean - half, mean + half


def split_distributions(before: Records | None, after: Records | None) -> dict[str, dict[str, Metric]]:
    """The stated distributions of a split's rows, before and after in the same order: "before", "after",
    "after minus before" and the "bayes" bound, as far as there are any.
    """
    sides = {"before": before, "after": after}
    found = {key: d for key, r in sides.items() if r is not None and (d := _of_records(r)) is not None}
    clusters = next(r.clusters for r in sides.values() if r is not None)
    table = {key: metrics_of(one, clusters) for key, one in found.items()}
    if len(found) == 2:
        table["after minus before"] = differences_of(found["before"], found["after"], clusters)
    if found:
        table["bayes"] = bounds_of(found.get("after") or found["before"], clusters)
    return {key: metrics for key, metrics in table.items() if metrics}


def _of_records(records: Records) -> Distances | None:
    return distances([r.distribution for r in records.rows], [r.target for r in records.rows])
