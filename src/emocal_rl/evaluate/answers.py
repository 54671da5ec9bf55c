"""F1 of the answers over fixed labels, with intervals from the same bootstrap as every other number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emocal_rl.evaluate.cells import Array, Clusters, Ints
from emocal_rl.evaluate.intervals import interval
from emocal_rl.evaluate.labels import f1
from emocal_rl.evaluate.measure import Metric
from emocal_rl.evaluate.resample import Resampler

DEFINITIONS = {
    "f1_macro": "macro f1/mean over all labels, unreadable = a miss of its label",
    "f1_weighted": "weighted f1/labels weighted by their rows, unreadable = a miss of its label",
}


def f1_metrics(
    answers: Sequence[str | None],
    truths: Sequence[str | None],
    label_sets: Sequence[Sequence[str]],
    clusters: Clusters,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Metric]:
    """``f1_macro`` and ``f1_weighted`` with intervals; empty unless all rows share one label set, truths included.

    answers: None where a reply could not be read. truths: the row's label, or the majority of its votes.

    >>> found = f1_metrics(["a", "b", None], ["a", "a", "b"], [["a", "b"]] * 3, ["1", "2", "3"], resamples=0)
    >>> round(found["f1_macro"].value, 3), found["f1_macro"].n
    (0.333, 3)
    """
    labels = label_sets[0] if len({tuple(labels) for labels in label_sets}) == 1 else ()
    if not labels or not set(truths) <= set(labels):
        return {}
    known = [str(truth) for truth in truths]
    values = f1(answers, known, labels)
    drawn = _replicates(_coded(answers, labels), _coded(known, labels), len(labels), clusters, resamples, seed)
    return {
        key: Metric(key, value, DEFINITIONS[key], len(known), *interval(value, drawn[key], "percentile"), "higher")
        for key, value in (("f1_macro", values["macro"]), ("f1_weighted", values["weighted"]))
    }


def _coded(answers: Sequence[str | None], labels: Sequence[str]) -> Ints:
    """Position of each answer among the labels; one past the last for an answer that is none of them."""
    place = {name: i for i, name in enumerate(labels)}
    return np.array([place.get(answer or "", len(labels)) for answer in answers], np.int64)


def _replicates(said: Ints, true: Ints, size: int, clusters: Clusters, resamples: int, seed: int) -> dict[str, Array]:
    resampler = _resampler(said * size + true, clusters, resamples, seed)
    counts = np.zeros((resampler.chance.size, 3, size + 1))
    for column, codes in enumerate((said, true)):
        np.add.at(counts[:, column], (resampler.unit, codes), 1.0)
    hit = said == true
    np.add.at(counts[:, 2], (resampler.unit[hit], said[hit]), 1.0)
    flat = (counts[..., :size] / resampler.repeats[:, None, None]).reshape(-1, 3 * size)
    parts = [(drawn @ flat).reshape(-1, 3, size) for drawn in resampler.counts()] if resamples else []
    answered, support, both = np.moveaxis(np.concatenate(parts or [np.zeros((0, 3, size))]), 1, 0)
    scores = 2 * both / np.maximum(answered + support, 1e-9)
    weighted = (scores * support).sum(axis=-1) / np.maximum(support.sum(axis=-1), 1e-9)
    return {"f1_macro": scores.mean(axis=-1), "f1_weighted": weighted}


def _resampler(cells: Ints, clusters: Clusters, resamples: int, seed: int) -> Resampler:
    """Whole clusters; where every row is its own, rows with the same answer and truth are pooled, which is the same."""
    if len(set(clusters)) < len(clusters):
        return Resampler.clustered(clusters, resamples, seed)
    unit = np.unique(cells, return_inverse=True)[1].astype(np.int64)
    repeats = np.bincount(unit).astype(np.float64)
    return Resampler(unit, repeats / unit.size, unit.size, repeats, resamples, seed)
