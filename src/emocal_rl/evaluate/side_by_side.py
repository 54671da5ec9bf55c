"""Several evaluations against each other: every one's final stage on the rows that all share, with paired tests.

For evaluations without a stage before to compare with; runs that have one are compared by what training changed
(`comparison`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from emocal_rl import files
from emocal_rl.errors import UserError
from emocal_rl.evaluate.bounds import bayes_sample
from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.compare import Difference, delong, mcnemar, paired
from emocal_rl.evaluate.comparison_figure import PANELS
from emocal_rl.evaluate.findings import between, number
from emocal_rl.evaluate.markup import document, figure, headline, paragraphs, text
from emocal_rl.evaluate.page import file_name
from emocal_rl.evaluate.records import Records, judging_votes
from emocal_rl.evaluate.resample import Resampler
from emocal_rl.evaluate.run_files import split_label
from emocal_rl.evaluate.seeds import Entry
from emocal_rl.evaluate.systems import System, evaluated
from emocal_rl.evaluate.tables import LABELS, MORE, SCORE, change_table, shown, system_table
from emocal_rl.evaluate.theme import AFTER, INK, grid, save, sheet, style

WORDS = {True: "better", False: "worse", None: "no clear difference"}


@dataclass(frozen=True)
class Contrast:
    """One evaluation against the first. p-values beside the paired ones are None where a test does not apply.

    mcnemar: of the accuracies; for hard answers of independent rows. delong: of the AUROCs; where the answers are the
    same as well.
    """

    differences: Mapping[str, Difference]
    mcnemar: float | None
    delong: float | None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        changed = {name: d.as_dict() for name, d in self.differences.items()}
        return {"differences": changed, "mcnemar_p": self.mcnemar, "delong_p": self.delong}


@dataclass(frozen=True)
class SideBySide:
    """One split: the systems in the order given, the bound last, and every further one against the first."""

    label: str
    rows: int
    clusters: int
    systems: Mapping[str, System]
    contrasts: Mapping[str, Contrast]

    @property
    def findings(self) -> list[str]:
        """A sentence per contrast."""
        first = next(iter(self.systems.values())).label
        return [_sentence(first, name, c, self.label) for name, c in self.contrasts.items()]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "label": self.label, "rows": self.rows, "clusters": self.clusters, "findings": self.findings,
            "systems": {name: system.as_dict() for name, system in self.systems.items()},
            "contrasts": {name: contrast.as_dict() for name, contrast in self.contrasts.items()},
        }  # fmt: skip


def side_by_side(runs: Sequence[Entry], output: Path, resamples: int = 2000) -> dict[str, Any]:
    """Write ``comparison.html``, ``comparison.json`` and figures into ``output``; returns the numbers.

    Raises UserError when there is no row that all were evaluated on.
    """
    splits = [s for s in runs[0].files.splits if all(s != e.files.fit_split for e in runs)]
    found = {s: r for s in splits if (r := _split(runs, s, resamples)) is not None}
    if not found:
        raise UserError("these evaluations share no rows; evaluate them on the same data and splits")
    told = {name: split.as_dict() for name, split in found.items()}
    listed = [{"name": e.name, "stage": e.files.after, "path": str(e.files.path)} for e in runs]
    first = next(iter(told.values()))
    numbers = {"schema": 1, "kind": "evaluations", "headline": first["findings"][0], "resamples": resamples,
               "runs": listed, "splits": told}  # fmt: skip
    drawn = {s: _figure(r, output / "figures" / f"comparison_{file_name(s)}.png") for s, r in found.items()}
    files.write_json(output / "comparison.json", numbers)
    files.write_text(output / "comparison.html", _page(numbers, found, drawn))
    return numbers


def _split(runs: Sequence[Entry], split: str, resamples: int) -> SideBySide | None:
    tables = [e.files.get(e.files.after, split) for e in runs]
    known = [t for t in tables if t is not None]
    ids = [row.id for row in known[0].rows if all(row.id in t.ids for t in known)] if len(known) == len(runs) else []
    if not ids:
        return None
    records = [t.aligned(ids) for t in known]
    return _measured(dict(zip((e.name for e in runs), records, strict=True)), split, resamples)


def _measured(records: Mapping[str, Records], split: str, resamples: int) -> SideBySide:
    lead = next(iter(records.values()))
    samples = {name: r.sample for name, r in records.items()}
    votes = judging_votes(*records.values())
    samples |= {} if votes is None else {"Bayes bound": bayes_sample(votes)}
    clusters = lead.clusters
    resampler = Resampler.of(clusters, *samples.values(), resamples=resamples)
    systems = {
        name: evaluated(f"run{i}", name, "stage" if name in records else "bound", sample, resampler, clusters)
        for i, (name, sample) in enumerate(samples.items())
    }
    first, *others = records
    alone = len(set(clusters)) == len(clusters)
    contrasts = {name: _contrast(samples[first], samples[name], resampler, alone) for name in others}
    return SideBySide(split_label(split), len(clusters), len(set(clusters)), systems, contrasts)


def _contrast(first: Sample, second: Sample, resampler: Resampler, independent: bool) -> Contrast:
    differences = paired(first, second, resampler)
    hard = independent and bool(np.isin(np.concatenate([first.correct, second.correct]), (0.0, 1.0)).all())
    same = hard and bool((first.correct == second.correct).all())
    stated = not np.isnan(first.confidence).any() and not np.isnan(second.confidence).any()
    p = delong(first.confidence, second.confidence, first.correct)[2] if same and stated else None
    return Contrast(differences, mcnemar(first.correct, second.correct) if hard else None, None if p != p else p)


def _sentence(first: str, name: str, contrast: Contrast, where: str) -> str:
    parts = []
    for metric, label in (("brier", "Brier"), ("accuracy", "accuracy")):
        d = contrast.differences[metric]
        p = "" if d.p is None else f", p {'< 0.001' if d.p < 0.001 else f'= {d.p:.3f}'}"
        moved = f"{label} {shown(metric, d.first)} → {shown(metric, d.second)}"
        parts.append(f"{moved} ({number(d.value)} {between(d.low, d.high)}{p}: {WORDS[d.better]})")
    return f"{where.capitalize()}, {name} instead of {first}: {'; '.join(parts)}."


def _page(numbers: Mapping[str, Any], found: Mapping[str, SideBySide], drawn: Mapping[str, bytes]) -> str:
    names = ", ".join(run["name"] for run in numbers["runs"])
    body = f'<p class="kicker">{text(names)}</p><h1>{headline(numbers["headline"])}</h1>'
    body += "".join(_section(split, drawn[name]) for name, split in found.items())
    method = (
        f"95% intervals, {numbers['resamples']} resamples of clusters of rows, the same draws for all. p: the two are "
        "exchanged within whole clusters. Only rows that all were evaluated on are used."
    )
    return document("comparison of evaluations", body + paragraphs([method], "lead"))


def _section(split: SideBySide, picture: bytes) -> str:
    title = f"{split.label.capitalize()}: {split.rows} rows in {split.clusters} clusters"
    findings = "".join(f"<li>{headline(s)}</li>" for s in split.findings)
    first = next(iter(split.systems.values())).label
    drawn = figure(picture, "Points with 95% intervals.")
    more = f"<details><summary>More metrics</summary>{system_table(split.systems.values(), MORE)}</details>"
    lists = f'<ul class="findings">{findings}</ul>{system_table(split.systems.values())}{more}'
    parts = [f"<h2>{text(title)}</h2>{drawn}{lists}"]
    for name, contrast in split.contrasts.items():
        parts.append(f"<h3>{text(name)} against {text(first)}</h3>{change_table(contrast.differences, first, name)}")
        parts.append(paragraphs(_further(contrast), "lead"))
    return "".join(parts)


def _further(contrast: Contrast) -> list[str]:
    named = {"McNemar, accuracy": contrast.mcnemar, "DeLong, AUROC": contrast.delong}
    return [f"{name}: p = {p:.4f}" for name, p in named.items() if p is not None]


def _figure(split: SideBySide, path: Path) -> bytes:
    with style():
        drawing = sheet(11.2, 1.3 + 0.38 * len(split.systems))
        axes = drawing.subplots(1, len(PANELS), sharey=True)
        numbers = {name: _panel(ax, split, name, title) for ax, (name, title) in zip(axes, PANELS, strict=True)}
        return save(drawing, path, numbers)


def _panel(ax: Axes, split: SideBySide, metric: str, title: str) -> dict[str, Any]:
    numbers = {}
    for y, (name, system) in enumerate(split.systems.items()):
        found = system.metrics[metric]
        colour = AFTER if system.kind == "stage" else INK
        if found.low is not None and found.high is not None:
            ax.plot([found.low, found.high], [-y, -y], color=colour, linewidth=1.6)
        ax.plot([found.value], [-y], marker="o", color=colour, markersize=6)
        numbers[name] = found.as_dict()
    if metric == "overconfidence":
        ax.axvline(0, color=INK, linewidth=0.9, dashes=(4, 3), zorder=1)
    ax.set_yticks([-y for y in range(len(split.systems))], list(split.systems))
    ax.set_ylim(0.6 - len(split.systems), 0.6)
    ax.set_title(title, fontsize=9.5, fontweight="normal")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    grid(ax, "x")
    return numbers


def side_by_side_lines(numbers: Mapping[str, Any]) -> list[str]:
    """For the terminal: a sentence per contrast, then every evaluation's headline metrics."""
    rows = [(f"{s['label']}: {name}", system["metrics"]) for s in numbers["splits"].values()
            for name, system in s["systems"].items()]  # fmt: skip
    wide = max(len(label) for label, _ in rows) + 2
    told = [sentence for split in numbers["splits"].values() for sentence in split["findings"]]
    head = " " * wide + "".join(f"{LABELS[n][:-2]:>12}" for n in SCORE)
    return [*told, head, *(f"{label:<{wide}}" + "".join(f"{shown(n, m[n]['value']):>12}" for n in SCORE)
                           for label, m in rows)]  # fmt: skip
