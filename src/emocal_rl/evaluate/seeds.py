"""Several runs at once: the same recipe over seeds, and recipe variants against each other, on the rows they share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.evaluate.bounds import bayes_sample
from emocal_rl.evaluate.cells import Array, Sample
from emocal_rl.evaluate.compare import Difference, paired
from emocal_rl.evaluate.contrasts import METRICS, contrasts, pooled
from emocal_rl.evaluate.intervals import interval
from emocal_rl.evaluate.measure import MEASURES
from emocal_rl.evaluate.records import Records, judging_votes
from emocal_rl.evaluate.resample import Resampler
from emocal_rl.evaluate.run_files import RunFiles, dig, read_run, split_label
from emocal_rl.evaluate.systems import fitted, recalibrated

RIVALS = {"before+constant": "constant base rate", "before+isotonic": "before, isotonic"}


@dataclass(frozen=True)
class Entry:
    """One run of a comparison."""

    name: str
    variant: str
    seed: Any
    files: RunFiles


@dataclass(frozen=True)
class Measured:
    """One run on one split: values and replicates (system -> metric -> number, array) under shared draws of rows."""

    entry: Entry
    values: Mapping[str, Mapping[str, float]]
    replicates: Mapping[str, Mapping[str, Array]]
    differences: Mapping[str, Difference]

    def closed(self) -> tuple[float, Array]:
        """Share of the gap to the Bayes bound closed in Brier score, and its replicates; NaN without a gap."""
        systems = ("before", "after", "bayes")
        if not self.values.keys() >= set(systems):
            return float("nan"), np.full_like(next(iter(self.replicates["after"].values())), np.nan)
        x, y, z = (np.asarray(self.values[s]["brier"]) for s in systems)
        rx, ry, rz = (self.replicates[s]["brier"] for s in systems)
        return float(_share(x, y, z)), _share(rx, ry, rz)


def _share(before: Array, after: Array, bound: Array) -> Array:
    gap = np.asarray(before - bound, np.float64)
    return np.asarray(np.divide(before - after, gap, out=np.full(gap.shape, np.nan), where=np.abs(gap) > 1e-12))


def entries(run_dirs: Sequence[Path], labels: Sequence[str] | None = None) -> list[Entry]:
    """Read the runs and name their variants, by `labels` (one a run) or by what differs in their recipes.

    Raises UserError for fewer than two or a repeated directory.
    """
    paths = [Path(p) for p in run_dirs]
    if len(paths) < 2 or len({p.resolve() for p in paths}) < len(paths):
        raise UserError("a comparison needs at least two different run directories")
    runs = [read_run(p) for p in paths]
    labels = variants([run.recipe for run in runs]) if labels is None else labels
    names = _names(paths)
    return [
        Entry(name, label, run.facts.get("seed", run.recipe.get("seed")), run)
        for name, label, run in zip(names, labels, runs, strict=True)
    ]


def _names(paths: Sequence[Path]) -> list[str]:
    """As many last parts of the paths as tell them apart: RUN_DIR/eval is what several evaluations are called."""
    parts = [p.resolve().parts for p in paths]
    shorter = ([str(Path(*each[-count:])) for each in parts] for count in (1, 2, 3))
    return next((names for names in shorter if len(set(names)) == len(names)), [str(p) for p in paths])


def variants(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A label per recipe that names where it differs from the others, seed and name aside; equal recipes share it.

    >>> variants([{"seed": 0, "reward": {"brier": 1}}, {"seed": 1, "reward": {"log": 1}}])
    ['reward.brier=1', 'reward.log=1']
    >>> variants([{"name": "a", "seed": 0}, {"name": "a", "seed": 1}])
    ['a', 'a']
    """
    flat = [_flat(recipe) for recipe in recipes]
    keys = sorted({key for f in flat for key in f} - {"seed", "name"})
    differing = [k for k in keys if len({f.get(k, "") for f in flat}) > 1]
    if not differing:
        return [str(recipe.get("name", "one recipe")) for recipe in recipes]
    return [", ".join(f"{k}={f[k]}" for k in differing if k in f) or "default" for f in flat]


def _flat(tree: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(tree, Mapping) and (tree or not prefix):
        return {k: v for key, value in tree.items() for k, v in _flat(value, f"{prefix}.{key}".lstrip(".")).items()}
    if isinstance(tree, list) and any(isinstance(x, Mapping) for x in tree):
        return {k: v for i, value in enumerate(tree) for k, v in _flat(value, f"{prefix}.{i}").items()}
    return {prefix: tree if isinstance(tree, str) else json.dumps(tree, default=str)}


def shared_rows(runs: Sequence[Entry], split: str) -> list[str]:
    """Ids that after and, where there is one, before of every run have records for, in the first run's order; empty
    when a run has none.
    """
    tables = [e.files.get(stage, split) for e in runs for stage in (e.files.before, e.files.after) if stage]
    known = [t for t in tables if t is not None]
    if len(known) < len(tables) or not known:
        return []
    return [row.id for row in known[0].rows if all(row.id in t.ids for t in known)]


def measured(entry: Entry, split: str, ids: Sequence[str], resampler: Resampler) -> Measured:
    """Measure before, after, the post-hoc rivals and the bound of one run on the shared rows, as far as it has them."""
    before, after = (entry.files.get(stage, split) for stage in (entry.files.before, entry.files.after))
    assert after is not None  # shared_rows returned ids of it
    samples = _samples(entry, before and before.aligned(ids), after.aligned(ids))
    values = {k: {m: float(MEASURES[m].core(s.cells())) for m in METRICS} for k, s in samples.items()}
    drawn = {k: resampler.replicates(s, METRICS) for k, s in samples.items()}
    return Measured(entry, values, drawn, _change(samples, drawn, resampler))


def _change(
    samples: Mapping[str, Sample], drawn: Mapping[str, Mapping[str, Array]], resampler: Resampler
) -> dict[str, Difference]:
    """After minus before; empty without a before."""
    if "before" not in samples:
        return {}
    pair = (dict(drawn["before"]), dict(drawn["after"]))
    return paired(samples["before"], samples["after"], resampler, METRICS, replicates=pair, permutations=0)


def _samples(entry: Entry, before: Records | None, after: Records) -> dict[str, Sample]:
    samples = {"after": after.sample}
    if before is not None:
        names = [rival.partition("+")[2] for rival in RIVALS]
        fits = fitted(entry.files.get(entry.files.before, entry.files.fit_split), names)
        samples |= {"before": before.sample}
        samples |= {f"before+{name}": recalibrated(fits[name], before) for name in names if name in fits}
    votes = judging_votes(after) if before is None else judging_votes(after, before)
    return samples if votes is None else samples | {"bayes": bayes_sample(votes)}


def variant_summary(runs: Sequence[Measured]) -> dict[str, Any]:
    """Pooled numbers of one variant on one split: before, after, their difference, and after against the rivals."""
    found: dict[str, Any] = {"runs": [m.entry.name for m in runs]}
    for system in ("before", "after", *RIVALS, "bayes"):
        if all(system in m.values for m in runs):
            found[system] = {k: _pooled_system(runs, system, k) for k in METRICS}
    for rival in ("before", *RIVALS):
        if rival in found:
            found[f"after minus {rival}"] = {k: _pooled_difference(runs, rival, k) for k in METRICS}
    shares = [m.closed() for m in runs]
    found["bayes_gap_closed"] = pooled([v for v, _ in shares], [r for _, r in shares])
    return found


def _pooled_system(runs: Sequence[Measured], system: str, metric: str) -> dict[str, Any]:
    return pooled([m.values[system][metric] for m in runs], [m.replicates[system][metric] for m in runs])


def _pooled_difference(runs: Sequence[Measured], rival: str, metric: str) -> dict[str, Any]:
    values = [m.values["after"][metric] - m.values[rival][metric] for m in runs]
    drawn = [m.replicates["after"][metric] - m.replicates[rival][metric] for m in runs]
    return pooled(values, drawn, metric)


def resamples_of(runs: Sequence[Entry]) -> int:
    """The recipes' number of bootstrap resamples (that of the first run), else 2000."""
    count = dig(runs[0].files.recipe, "evaluation", "bootstrap")
    return count if isinstance(count, int) else 2000


def group(runs: Sequence[Measured]) -> dict[str, list[Measured]]:
    """Runs by variant, variants in the order they first appear."""
    found: dict[str, list[Measured]] = {}
    for run in runs:
        found.setdefault(run.entry.variant, []).append(run)
    return found


def split_result(runs: Sequence[Entry], split: str, resamples: int) -> tuple[list[Measured], dict[str, Any]] | None:
    """Every run of a comparison on one split, and the JSON-ready numbers. None when they share no rows."""
    ids = shared_rows(runs, split)
    if not ids:
        return None
    lead = runs[0].files.get(runs[0].files.after, split)
    assert lead is not None
    clusters = lead.aligned(ids).clusters
    resampler = Resampler.clustered(clusters, resamples)
    found = [measured(entry, split, ids, resampler) for entry in runs]
    groups = group(found)
    return found, {
        "label": split_label(split),
        "rows": len(ids),
        "clusters": len(set(clusters)),
        "runs": {m.entry.name: _run_numbers(m) for m in found},
        "variants": {name: variant_summary(members) for name, members in groups.items()},
        "contrasts": contrasts(groups),
    }


def _run_numbers(run: Measured) -> dict[str, Any]:
    value, drawn = run.closed()
    low, high = interval(value, drawn, "percentile")
    return {
        "after": {name: v if np.isfinite(v) else None for name, v in run.values["after"].items()},
        "differences": {name: d.as_dict() for name, d in run.differences.items()},
        "bayes_gap_closed": {"value": value if np.isfinite(value) else None, "low": low, "high": high},
    }
