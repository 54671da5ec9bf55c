"""Score saved completions: the same Reward call as in training, then every headline metric. No torch, no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl import files
from emocal_rl.evaluate.answers import f1_metrics
from emocal_rl.evaluate.cells import Ints, Sample, grouped, numbered
from emocal_rl.evaluate.distributions import bounds_of, distances, metrics_of
from emocal_rl.evaluate.intervals import headline, share
from emocal_rl.evaluate.measure import Metric
from emocal_rl.evaluate.saved import Saved, SavedRow
from emocal_rl.evaluate.systems import diagnostics
from emocal_rl.rewards import FORMATS, Reward, Scored
from emocal_rl.rewards.formats import find_format
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.graders.core import Grader, grade
from emocal_rl.rewards.graders.labels import label
from emocal_rl.rewards.targets import aliases_of, candidates_of, shares_of

DEFAULT_TERMS: Mapping[str, Any] = {"correct": 1.0, "brier": 1.0}
MOSTLY_UNREADABLE = 0.5
REPAIR = "repair rate/readable replies with the confidence in braces, over attempts"
TRIED = 200  # rows with which other formats are tried when hardly any reply can be read


@dataclass(frozen=True)
class Report:
    """Scored rows and their numbers: over all rows, and per split and task where there are several.

    parts: "test", "test: a task" or, in a file without splits, "a task" -> its numbers.
    distributions: "stated", and the "bound" of one that states the votes; empty where no reply states a distribution.
    """

    saved: Saved
    reward: Reward
    scored: tuple[Scored, ...]
    metrics: Mapping[str, Metric]
    parts: Mapping[str, Mapping[str, Metric]]
    distributions: Mapping[str, Mapping[str, Metric]]
    notes: tuple[str, ...]

    @property
    def faults(self) -> dict[str, int]:
        """How often each fault occurred, commonest first."""
        return dict(Counter(s.reply.fault for s in self.scored if s.reply.fault).most_common())

    @property
    def means(self) -> dict[str, float]:
        """Mean of the reward's total and of each term, over all rows."""
        totals = {"total": float(np.mean([s.total for s in self.scored if s.total is not None]))}
        names = [term.name for term in self.reward.terms]
        return totals | {
            name: float(np.mean([s.terms[name] for s in self.scored if name in s.terms])) for name in names
        }

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, every number."""
        sample = sample_of(self.scored)
        return {
            "file": self.saved.path.name,
            "rows": len(self.scored),
            "format": self.reward.format.name,
            "reward": {"weights": self.reward.weights, "floor": self.reward.floor, "means": self.means},
            "metrics": {name: metric.as_dict() for name, metric in self.metrics.items()},
            "parts": _plain(self.parts),
            "distributions": _plain(self.distributions),
            "diagnostics": diagnostics(sample),
            "faults": self.faults,
            "oddities": dict(self.saved.oddities),
            "notes": list(self.notes),
        }


def _plain(found: Mapping[str, Mapping[str, Metric]]) -> dict[str, dict[str, Any]]:
    return {key: {name: metric.as_dict() for name, metric in each.items()} for key, each in found.items()}


def score(
    saved: Saved,
    terms: Mapping[str, Any] = DEFAULT_TERMS,
    form: str = "emocaliber",
    grader: str | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Report:
    """Read, grade and score every row, then measure.

    grader: by default "votes" where every row has votes, else "label". Intervals resample clusters (images) where rows
    share one. Raises UserError for an unknown term, format or grader, and for targets the grader cannot use.
    """
    reward = Reward(terms, form, grader or default_grader(saved.rows))
    scored = tuple(score_rows(saved.rows, reward))
    metrics = measure_rows(saved.rows, scored, resamples, seed)
    parts = by_part(saved.rows, scored, resamples, seed)
    stated = stated_distributions(saved.rows, scored)
    return Report(saved, reward, scored, metrics, parts, stated, tuple(hints(saved.rows, scored, reward)))


def default_grader(rows: Sequence[SavedRow]) -> str:
    """The grader that every row has a target for; votes say more than a label."""
    return "votes" if all("votes" in row.target for row in rows) else "label"


def score_rows(rows: Sequence[SavedRow], reward: Reward) -> list[Scored]:
    """One Scored a row: the completion read with the reward's format, or the reply that came with the file."""
    targets = [_with_label(row.target) for row in rows]
    replies = [row.reply or reward.read(row.text, target) for row, target in zip(rows, targets, strict=True)]
    states = reward.format.states
    graders = (_grader(reward, target) for target in targets)
    grades = [grade(*each, states) for each in zip(graders, replies, targets, strict=True)]
    groups = [(row.split, row.task, row.id) for row in rows]
    return reward.score(replies, grades, groups if reward.needs_groups else None)


def _grader(reward: Reward, target: Mapping[str, Any]) -> Grader:
    """The reward's; but a label that is none of the candidates, which it refuses, was counted and named in the file."""
    names, wanted = candidates_of(target), target.get("label")
    stranger = names and wanted is not None and match(str(wanted), names, aliases_of(target)) is None
    return _wrong if stranger and reward.grader is label else reward.grader


def _wrong(reply: Reply, target: Mapping[str, Any]) -> float:
    """What every answer is where the label is none of the candidates."""
    return 0.0


def _with_label(target: Mapping[str, Any]) -> Mapping[str, Any]:
    """Rows that have votes and no label, in a file where others have only a label: the majority's."""
    shares = shares_of(target) if "votes" in target and "label" not in target else None
    return {**target, "label": max(shares, key=lambda name: shares[name])} if shares else target


def sample_of(scored: Sequence[Scored]) -> Sample:
    """Confidence, correctness and readability of scored rows; a faulty reply states nothing and is wrong."""
    confidence = [None if s.reply.fault else s.reply.confidence for s in scored]
    return Sample.of(confidence, [s.correct or 0.0 for s in scored], [s.reply.fault is None for s in scored])


def measure_rows(rows: Sequence[SavedRow], scored: Sequence[Scored], resamples: int, seed: int) -> dict[str, Metric]:
    """The headline metrics; clusters are resampled only where some cluster has several rows (else it is the same)."""
    sample, clusters = sample_of(scored), numbered([row.cluster for row in rows])
    blocks = clusters if clusters.max() + 1 < clusters.size else None
    found = headline(
        sample.confidence, sample.correct, clusters=blocks, readable=sample.readable, resamples=resamples, seed=seed
    )
    repaired = share("repair_rate", REPAIR, [is_repaired(s) for s in scored], clusters, resamples, seed)
    return found | {"repair_rate": repaired} | f1_of(rows, scored, clusters, resamples, seed)


def is_repaired(scored: Scored) -> bool:
    """Was something mended in a readable reply? Readers mend only the braces around a confidence."""
    span = scored.reply.confidence_span
    return scored.reply.fault is None and span is not None and scored.reply.text[slice(*span)].strip().startswith("{")


def by_part(
    rows: Sequence[SavedRow], scored: Sequence[Scored], resamples: int, seed: int
) -> dict[str, dict[str, Metric]]:
    """The same for every split, and for every task of each, where the file names more than one."""
    return {
        name: measure_rows([rows[i] for i in at], [scored[i] for i in at], resamples, seed)
        for name, at in parts_of(rows).items()
    }


def parts_of(rows: Sequence[SavedRow]) -> dict[str, list[int]]:
    """Name -> positions of the rows of every split and of every task in it, as far as there are several.

    A task is never pooled over splits: one of them may be what something else was fitted on.
    """
    splits = grouped(range(len(rows)), [row.split or "(no split)" for row in rows])
    found: dict[str, list[int]] = {}
    for split, members in splits.items():
        tasks = grouped(members, [rows[i].task or "(no task)" for i in members])
        found |= {split: members} if len(splits) > 1 else {}
        above = f"{split}: " if len(splits) > 1 else ""
        found |= {above + task: at for task, at in tasks.items()} if len(tasks) > 1 else {}
    return found


def stated_distributions(rows: Sequence[SavedRow], scored: Sequence[Scored]) -> dict[str, dict[str, Metric]]:
    """ "stated" and "bound" -> metrics of the stated distributions against votes or labels; empty without any."""
    said = [None if s.reply.fault else s.reply.distribution for s in scored]
    found, clusters = distances(said, [row.target for row in rows]), [row.cluster for row in rows]
    return {} if found is None else {"stated": metrics_of(found, clusters), "bound": bounds_of(found, clusters)}


def f1_of(
    rows: Sequence[SavedRow], scored: Sequence[Scored], clusters: Ints, resamples: int, seed: int
) -> dict[str, Metric]:
    """Macro and weighted F1 against the labels, where all rows share one label set that holds every label."""
    answers = [None if s.reply.fault else s.reply.answer for s in scored]
    truths = [_with_label(row.target).get("label") for row in rows]
    sets = [candidates_of(row.target) or () for row in rows]
    return f1_metrics(answers, truths, sets, clusters, resamples, seed)


def hints(rows: Sequence[SavedRow], scored: Sequence[Scored], reward: Reward) -> list[str]:
    """What to do when hardly any reply could be read: the format that reads most of them."""
    readable = sum(s.reply.fault is None for s in scored)
    if readable >= MOSTLY_UNREADABLE * len(scored):
        return []
    tried = [row for row in rows[:TRIED] if row.text is not None]
    read = {name: sum(_reads(name, row) for row in tried) for name in FORMATS}
    best = max(read, key=lambda name: read[name])
    only = f"only {readable} of {len(scored)} replies can be read with the format {reward.format.name}"
    better = best != reward.format.name and read[best] > read.get(reward.format.name, 0)
    return [f"{only}; {best} reads {read[best]} of the first {len(tried)}: try --format {best}" if better else only]


def _reads(form: str, row: SavedRow) -> bool:
    target = row.target
    found = find_format(form).read(row.text or "", target.get("candidates"), aliases_of(target))
    return found.fault is None


def write(report: Report, folder: Path) -> None:
    """``records.jsonl``, one Scored row a line with its id and target, and ``metrics.json``."""
    rows = zip(report.saved.rows, report.scored, strict=True)
    files.write_jsonl(folder / "records.jsonl", (record_of(row, scored) for row, scored in rows))
    files.write_json(folder / "metrics.json", report.as_dict())


def record_of(row: SavedRow, scored: Scored) -> dict[str, Any]:
    """A scored row with its id and target, as record files hold it."""
    named = {"task": row.task} if row.task else {}
    return {"id": row.id, "cluster": row.cluster, **named, **row.target, **scored.record()}
