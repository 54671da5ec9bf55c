"""One split of a run, measured: every system of its table, and the differences between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from emocal_rl.evaluate.bounds import bayes_sample
from emocal_rl.evaluate.cells import Ints, Sample
from emocal_rl.evaluate.compare import COMPARED, Difference, paired, share_closed
from emocal_rl.evaluate.disagreement import of_records
from emocal_rl.evaluate.distributions import split_distributions
from emocal_rl.evaluate.measure import Metric
from emocal_rl.evaluate.records import Records, judging_votes
from emocal_rl.evaluate.resample import Resampler
from emocal_rl.evaluate.run_files import RunFiles, split_label
from emocal_rl.evaluate.selective import threshold_table
from emocal_rl.evaluate.systems import (
    System,
    bound_systems,
    diagnostics,
    evaluated,
    model_systems,
    stated_values,
    task_systems,
)

RIVALS = ("brier", "ece_10", "auroc", "accuracy")
"""Metrics in which the trained model is compared with every post-hoc row."""


@dataclass(frozen=True)
class SplitResult:
    """Everything about one split: the table's systems in order, and the differences between them."""

    name: str
    ids: tuple[str, ...]
    clusters: Ints
    systems: Mapping[str, System]
    differences: Mapping[str, Mapping[str, Difference]]  # "before", "before+isotonic", ... or, without
    # a before, "after+isotonic", ... -> after minus that
    closed: tuple[float, float | None, float | None] | None
    resampler: Resampler
    distributions: Mapping[str, Mapping[str, Metric]]  # of stated distributions: "before", "after", "bayes", ...
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # "before", "after" -> `of_records`
    tasks: Sequence[System] = ()  # the model on every task, where the split has several

    def value(self, system: str, metric: str) -> float | None:
        """A number of the table, or None where it does not exist."""
        found = self.systems.get(system)
        number = found.metrics[metric].value if found and metric in found.metrics else None
        return None if number is None or number != number else number

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, every number of the split."""
        samples = {k: s.sample for k, s in self.systems.items() if s.sample is not None and k in ("before", "after")}
        return {
            "label": split_label(self.name),
            "rows": len(self.ids),
            "clusters": len(set(self.clusters)),
            "systems": {key: system.as_dict() for key, system in self.systems.items()},
            "differences": {k: {m: d.as_dict() for m, d in v.items()} for k, v in self.differences.items()},
            "distributions": {k: {n: m.as_dict() for n, m in v.items()} for k, v in self.distributions.items()},
            "bayes_gap_closed": _closed_dict(self.closed),
            "tasks": _by_task(self.tasks),
            "people": {k: dict(v) for k, v in self.people.items()},
            "diagnostics": {k: diagnostics(s) for k, s in samples.items()},
            "thresholds": {k: threshold_table(s.confidence, s.correct) for k, s in samples.items()},
            "stated_values": {k: stated_values(s) for k, s in samples.items()},
        }


def _by_task(systems: Sequence[System]) -> dict[str, dict[str, Any]]:
    """Task -> "before", "after" -> the model there."""
    found: dict[str, dict[str, Any]] = {}
    for system in systems:
        found.setdefault(str(system.task), {})[system.key] = system.as_dict()
    return found


def _closed_dict(closed: tuple[float, float | None, float | None] | None) -> dict[str, float | None] | None:
    if closed is None or closed[0] != closed[0]:
        return None
    return {"value": closed[0], "low": closed[1], "high": closed[2]}


def measure_split(
    run: RunFiles, split: str, calibrators: Mapping[str, Any], resamples: int, seed: int, notes: list[str]
) -> SplitResult | None:
    """Measure before and after on the rows of a split that both have; None where there are none.

    calibrators: "before", "after" -> name -> what was fitted. What a reader must know is added to `notes`.
    """
    after, before = run.get(run.after, split), run.get(run.before, split)
    lead = after or before
    if lead is None:
        return None
    ids = _common(after, before, split, notes)
    if not ids:
        return None
    after, before = (r.aligned(ids) if r else None for r in (after, before))
    lead = after or before
    assert lead is not None
    sides: dict[Literal["before", "after"], Records] = {"before": before} if before else {}
    sides |= {"after": after} if after else {}
    resampler = _resampler(run, split, ids, lead, resamples, seed)
    systems = bound_systems([*sides.values()], resampler)
    if lead.votes is not None and not systems:
        notes.append(
            f"{split_label(split)}: these answers were not judged by the votes, so there is no bound to compare with"
        )
    systems += _other_stages(run, split, ids, resampler)
    if before:
        systems += model_systems("before", f"{run.before} (before)", before, calibrators.get("before", {}), resampler)
    if after:
        label = f"{run.after} (after)" if run.before else str(run.after)
        systems += model_systems("after", label, after, calibrators.get("after", {}), resampler)
    table = {system.key: system for system in systems}
    differences, closed = _differences(table, resampler), _closed(table, resampler)
    stated = split_distributions(before, after)
    people: dict[str, dict[str, Any]] = {role: of_records(side) for role, side in sides.items()}
    tasks = task_systems(sides, resamples, seed)
    common = (split, tuple(ids), lead.clusters)
    return SplitResult(*common, table, differences, closed, resampler, stated, people, tasks)


def _resampler(run: RunFiles, split: str, ids: Sequence[str], lead: Records, resamples: int, seed: int) -> Resampler:
    """One for all systems of the split, which pairs them."""
    found = [r.aligned(ids).sample for s in run.stages if (r := run.get(s, split)) is not None and set(ids) <= r.ids]
    found += [bayes_sample(votes)] if (votes := judging_votes(lead)) is not None else []
    return Resampler.of(lead.clusters, *found, tasks=lead.tasks, resamples=resamples, seed=seed)


def _common(after: Records | None, before: Records | None, split: str, notes: list[str]) -> list[str]:
    """Ids both stages were evaluated on, in the order of the later one."""
    sides = [r for r in (after, before) if r is not None]
    ids = [row.id for row in sides[0].rows if all(row.id in s.ids for s in sides)]
    missing = sum(len(s.rows) for s in sides) - len(sides) * len(ids)
    if missing:
        notes.append(f"{split_label(split)}: {missing} records exist for only one of the two stages and are left out")
    return ids


def _other_stages(run: RunFiles, split: str, ids: Sequence[str], resampler: Resampler) -> list[System]:
    """Stages that are neither before nor after (stage one, for example), where they cover the same rows."""
    rows = []
    for stage in run.stages:
        records = run.get(stage, split)
        if stage in (run.before, run.after) or records is None or not set(ids) <= records.ids:
            continue
        same = records.aligned(ids)
        rows.append(evaluated(f"stage:{stage}", stage, "stage", same.sample, resampler, same.clusters))
    return rows


def _differences(table: Mapping[str, System], resampler: Resampler) -> dict[str, dict[str, Difference]]:
    after = table.get("after")
    if after is None or after.sample is None:
        return {}
    lead = "before" if "before" in table else "after"  # without a before the model must beat its own recalibration
    rivals = [s for k, s in table.items() if k == "before" or k.startswith(f"{lead}+")]
    return {s.key: _against(s.sample, s, after, resampler) for s in rivals if s.sample is not None}


def _against(sample: Sample, rival: System, after: System, resampler: Resampler) -> dict[str, Difference]:
    main = rival.key == "before"
    names = [n for n in (COMPARED if main else RIVALS) if n in rival.replicates]
    assert after.sample is not None
    drawn = (dict(rival.replicates), dict(after.replicates))
    permutations = resampler.resamples if main else 0
    return paired(sample, after.sample, resampler, names, replicates=drawn, permutations=permutations)


def _closed(table: Mapping[str, System], resampler: Resampler) -> tuple[float, float | None, float | None] | None:
    samples = [table[k].sample if k in table else None for k in ("before", "after", "bayes")]
    first, second, bound = samples
    if first is None or second is None or bound is None:
        return None
    return share_closed(first, second, bound, resampler)
