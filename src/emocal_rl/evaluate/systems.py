"""The rows of a report's table on one split: bounds, baselines, the model before and after, and each recalibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from emocal_rl.evaluate.answers import f1_metrics
from emocal_rl.evaluate.bounds import annotator, bayes_sample, crowd_sample
from emocal_rl.evaluate.cells import Array, Ints, Sample, grouped
from emocal_rl.evaluate.intervals import floors, measured, rows_behind, smooth_floors
from emocal_rl.evaluate.measure import MEASURES, Metric
from emocal_rl.evaluate.metrics import HEADLINE, consistency
from emocal_rl.evaluate.recalibrate import ByTask, Recalibration, fit_by_task, fit_sample
from emocal_rl.evaluate.records import Records, judging_votes
from emocal_rl.evaluate.resample import Resampler

Kind = Literal["bound", "human", "baseline", "before", "posthoc", "after", "stage"]

BEFORE_CALIBRATORS = ("constant", "temperature", "platt", "beta", "histogram", "isotonic", "venn_abers")
AFTER_CALIBRATORS = ("constant", "temperature", "isotonic")
CALIBRATOR_LABELS = {
    "constant": "constant base rate",
    "temperature": "temperature",
    "platt": "Platt",
    "beta": "beta",
    "histogram": "histogram",
    "isotonic": "isotonic",
    "venn_abers": "Venn-Abers",
}
BY_TASK = "/task"
"""Ends the key of a calibrator that was fitted on every task by itself."""


def calibrator_label(name: str) -> str:
    """A calibrator in words.

    >>> calibrator_label("platt"), calibrator_label("platt/task")
    ('Platt', 'Platt, per task')
    """
    method = name.removesuffix(BY_TASK)
    return CALIBRATOR_LABELS.get(method, method) + (", per task" if name.endswith(BY_TASK) else "")


@dataclass(frozen=True)
class System:
    """One row of the table: a sample on the split's rows, its metrics, and the replicates that pair it with others.

    task: the one that the sample's rows are of, where they are not all of the split's.
    """

    key: str
    label: str
    kind: Kind
    metrics: Mapping[str, Metric]
    sample: Sample | None = None
    replicates: Mapping[str, Array] = field(default_factory=dict, repr=False)
    task: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "label": self.label,
            "kind": self.kind,
            "metrics": {name: metric.as_dict() for name, metric in self.metrics.items()},
        }


def evaluated(key: str, label: str, kind: Kind, sample: Sample, resampler: Resampler, clusters: Ints) -> System:
    """Measure one sample with intervals; with noise floors where anything stated a confidence."""
    replicates = resampler.replicates(sample, HEADLINE)
    found = measured(sample, resampler, HEADLINE, replicates)
    n = int(sample.cells().n)
    if n:
        test = consistency(sample, clusters, resamples=resampler.resamples, seed=resampler.seed)
        found |= floors(test, n) | smooth_floors(sample, clusters, found["smece"], resampler.resamples, resampler.seed)
    return System(key, label, kind, found, sample, replicates)


def bound_systems(sides: Sequence[Records], resampler: Resampler) -> list[System]:
    """Bayes bound, one annotator, and the other annotators; nothing where votes did not judge all sides.

    sides: records of the same rows in the same order.
    """
    votes, clusters = judging_votes(*sides), sides[0].clusters
    if votes is None:
        return []
    rows = [evaluated("bayes", "Bayes bound", "bound", bayes_sample(votes), resampler, clusters)]
    if all(sum(v) >= 2 for v in votes):  # shares, which sum to 1, say nothing about a single annotator
        rows += [_annotator(votes), _crowd(votes, clusters, resampler)]
    return rows


def _annotator(votes: Sequence[Sequence[float]]) -> System:
    how = "agreement of one annotator with another of the same row"
    metric = Metric("accuracy", annotator(votes), how, len(votes), direction="higher")
    return System("annotator", "one annotator", "human", {"accuracy": metric})


def _crowd(votes: Sequence[Sequence[float]], clusters: Ints, resampler: Resampler) -> System:
    sample, source = crowd_sample(votes)
    blocks = clusters[source]
    own = Resampler.clustered(blocks, resampler.resamples, resampler.seed)
    row = evaluated("crowd", "all other annotators", "human", sample, own, blocks)
    return System(row.key, row.label, row.kind, row.metrics)  # other rows than the model's: never paired with it


Fits = Mapping[str, Recalibration | ByTask]


def fitted(validation: Records | None, names: Sequence[str]) -> dict[str, Recalibration | ByTask]:
    """Calibrators fitted on a stage's validation records; none without a validation split that states confidences.

    "isotonic" is pooled over the rows; where they are of several tasks "isotonic/task" is fitted on each by itself.
    """
    if validation is None or not validation.states_confidence:
        return {}
    sample, tasks = validation.sample, validation.tasks
    found: dict[str, Recalibration | ByTask] = {name: fit_sample(name, sample) for name in names}
    if len({task for task in tasks if task is not None}) > 1:
        found |= {name + BY_TASK: fit_by_task(name, sample, tasks) for name in names}
    return found


def recalibrated(calibrate: Recalibration | ByTask, records: Records) -> Sample:
    """The same answers with the confidences that a fit gives them."""
    sample = records.sample
    if isinstance(calibrate, ByTask):
        return sample.with_confidence(calibrate(sample.confidence, records.tasks))
    return sample.with_confidence(calibrate(sample.confidence))


def model_systems(
    role: Literal["before", "after"],
    label: str,
    records: Records,
    calibrators: Fits,
    resampler: Resampler,
) -> list[System]:
    """The model as it is, then with every fitted calibrator applied to the same answers."""
    sample, clusters = records.sample, records.clusters
    rows = [evaluated(role, label, role, sample, resampler, clusters)]
    rows[0] = replace(rows[0], metrics={**rows[0].metrics, **_f1(records, resampler)})
    if not records.states_confidence:
        return rows
    for name, calibrate in calibrators.items():
        if isinstance(calibrate, ByTask) and not calibrate.tasks.keys() & set(records.tasks):
            continue  # every row would get the pooled fit, which is there already
        kind: Kind = "baseline" if name.startswith("constant") else "posthoc"
        changed, text = recalibrated(calibrate, records), f"{label} + {calibrator_label(name)}"
        rows.append(evaluated(f"{role}+{name}", text, kind, changed, resampler, clusters))
    return rows


def task_systems(sides: Mapping[Literal["before", "after"], Records], resamples: int, seed: int) -> list[System]:
    """The model on every task by itself, before and after for each, with intervals over the task's own rows.

    sides: records of the same rows in the same order. Empty where they are of fewer than two tasks.
    """
    tasks = next(iter(sides.values())).tasks
    members = grouped(range(len(tasks)), tasks)
    found = []
    for task, at in members.items() if len(members) > 1 else ():
        parts = {role: records.taken(at) for role, records in sides.items()}
        samples = [part.sample for part in parts.values()]
        clusters = next(iter(parts.values())).clusters
        resampler = Resampler.of(clusters, *samples, resamples=resamples, seed=seed)
        label = f"{task or 'no task'}, {len(at)} rows"
        for role, part in parts.items():
            [system] = model_systems(role, f"{label}: {role}" if len(parts) > 1 else label, part, {}, resampler)
            found.append(replace(system, sample=None, replicates={}, task=task or "no task"))
    return found


def _f1(records: Records, resampler: Resampler) -> dict[str, Metric]:
    answers = [None if r.fault else r.answer for r in records.rows]
    truths, sets = [r.majority for r in records.rows], [r.candidates for r in records.rows]
    return f1_metrics(answers, truths, sets, records.clusters, resampler.resamples, resampler.seed)


def diagnostics(sample: Sample) -> dict[str, dict[str, Any]]:
    """Every registered metric without interval, for the appendix and for metrics.json."""
    cells = sample.cells()
    if not cells.values.size:
        return {}
    values = {
        k: Metric(k, float(m.core(cells)), m.definition, rows_behind(k, cells), direction=m.direction)
        for k, m in MEASURES.items()
    }
    return {k: v.as_dict() for k, v in values.items()}


def stated_values(sample: Sample) -> dict[str, list[float]]:
    """Distinct stated values, how many rows state each, and how often they were right."""
    cells = sample.coarse.cells()
    share = np.divide(cells.right, cells.weight) if cells.values.size else cells.right
    return {"value": cells.values.tolist(), "rows": cells.weight.tolist(), "correct": np.round(share, 6).tolist()}
