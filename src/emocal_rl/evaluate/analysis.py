"""From the records of a run to every number of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emocal_rl.evaluate.run_files import RunFiles, dig, split_label
from emocal_rl.evaluate.splits import SplitResult, measure_split
from emocal_rl.evaluate.systems import AFTER_CALIBRATORS, BEFORE_CALIBRATORS, fitted

READABLE = 0.99
"""Below this share of readable replies the report warns that confidence metrics are over a selection."""


@dataclass(frozen=True)
class Analysis:
    """A whole run: before and after, per split, and what a reader must know (notes)."""

    run: RunFiles
    before: str | None
    after: str
    splits: Mapping[str, SplitResult]
    fit_split: str | None
    notes: tuple[str, ...]
    resamples: int
    seed: int

    @property
    def tests(self) -> list[SplitResult]:
        """The splits that nothing was fitted on, in order, or, when there is none, whatever split there is."""
        return [s for s in self.splits.values() if s.name != self.fit_split] or list(self.splits.values())


def analyse(run: RunFiles, resamples: int | None = None, seed: int | None = None) -> Analysis:
    """Measure every split of a run. Resamples and seed default to the run's recipe, else 2000 and 0."""
    resamples = _whole(dig(run.recipe, "evaluation", "bootstrap"), 2000) if resamples is None else resamples
    seed = _whole(dig(run.recipe, "seed"), 0) if seed is None else seed
    after = run.after
    assert after is not None  # read_run refuses a run without records
    fit_split = run.fit_split
    calibrators = {
        "before": fitted(run.get(run.before, fit_split), BEFORE_CALIBRATORS),
        "after": fitted(run.get(after, fit_split), AFTER_CALIBRATORS if run.before else BEFORE_CALIBRATORS),
    }
    splits, notes = {}, _notes(run, fit_split, calibrators)
    for split in run.splits:
        result = measure_split(run, split, calibrators if split != fit_split else {}, resamples, seed, notes)
        if result is not None:
            splits[split] = result
    notes += _unread(run, [s for s in splits.values() if s.name != fit_split])
    return Analysis(run, run.before, after, splits, fit_split, tuple(notes), resamples, seed)


def _whole(value: Any, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _unread(run: RunFiles, splits: Sequence[SplitResult]) -> list[str]:
    """Where so many replies could not be read that the confidence metrics speak of a selection."""
    found = []
    for split in splits:
        for role, stage in (("before", run.before), ("after", run.after)):
            share = split.value(role, "parse_rate")
            if share is not None and share < READABLE:
                what = f"only {100 * share:.1f}% of the replies of {stage} could be read"
                found.append(
                    f"{split_label(split.name)}: {what}; its confidence metrics are over those, accuracy over all"
                )
    return found


def _notes(run: RunFiles, fit_split: str | None, calibrators: Mapping[str, Mapping[str, Any]]) -> list[str]:
    notes = []
    if not run.facts.get("stages"):
        notes.append("run.json lists no stages; the order of the stages is the order of the record files' names")
    if run.before is None and run.trained:
        notes.append("no earlier stage states confidences, so there is no before to compare with")
    if not calibrators["before"] and run.before is not None:
        notes.append("no records of the stage before to fit on: post-hoc recalibration and the base rate are missing")
    if fit_split not in (None, "validation"):
        notes.append(f"recalibration was fitted on {split_label(str(fit_split))}, so that is no test split here")
    for stage in run.facts.get("stages", []):
        if isinstance(stage, dict) and stage.get("status") not in (None, "done"):
            notes.append(f"stage {stage.get('name')} is {stage.get('status')}: the numbers are incomplete")
    for role, stage in (("before", run.before), ("after", run.after)):
        notes += [f"{stage}: {c.note}" for c in calibrators[role].values() if c.note]
    for (stage, split), records in run.records.items():
        notes += [f"{stage} on {split_label(split)}: {count} {what}" for what, count in records.oddities.items()]
    return notes
