"""The report of one run: ``report.html`` that opens anywhere, ``metrics.json`` with every number, ``figures/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.evaluate import curves, figures, risk_figure
from emocal_rl.evaluate.analysis import Analysis, analyse
from emocal_rl.evaluate.cards import Pictures
from emocal_rl.evaluate.comparison import compare_runs, comparison_lines
from emocal_rl.evaluate.findings import headline, sentences
from emocal_rl.evaluate.gallery import Gallery, gallery
from emocal_rl.evaluate.page import file_name, page
from emocal_rl.evaluate.run_files import read_run
from emocal_rl.evaluate.steps import step_seconds
from emocal_rl.evaluate.tables import summary_lines

__all__ = ["compare_runs", "comparison_lines", "summary_lines", "write_report"]

SCHEMA = 1


def write_report(run_dir: Path, pictures: Pictures, *, resamples: int | None = None) -> dict[str, Any]:
    """Write ``report.html``, ``metrics.json`` and ``figures/`` of a run directory; returns what ``metrics.json`` holds.

    ``pictures`` maps a row's id to the bytes of its picture (PNG, JPEG, GIF or WebP), or None. ``resamples`` defaults
    to the recipe's ``evaluation.bootstrap``. Raises UserError when the directory is no run or holds no records.
    """
    run = read_run(Path(run_dir))
    analysis = analyse(run, resamples)
    drawn = _draw(analysis, run.path / "figures")
    shown = gallery(analysis)
    metrics = _metrics(analysis, shown, drawn)
    files.write_json(run.path / "metrics.json", metrics)
    html = page(analysis, metrics, drawn, shown, pictures)
    files.write_text(run.path / "report.html", html.encode("utf-8", "replace").decode())  # lone surrogates become "?"
    return metrics


def _draw(analysis: Analysis, folder: Path) -> dict[str, bytes]:
    """File name -> PNG of every figure that has something to show."""
    found = {
        "before_after.png": figures.before_after(analysis, folder / "before_after.png"),
        "learning_curves.png": curves.learning_curves(
            analysis.run.log, analysis.run.stages, folder / "learning_curves.png"
        ),
        "risk_coverage.png": risk_figure.risk(analysis, folder / "risk_coverage.png"),
    }
    for result in analysis.tests:
        name = f"reliability_{file_name(result.name)}.png"
        found[name] = figures.one_by_one(result, folder / name)
    return {name: data for name, data in found.items() if data is not None}


def _metrics(analysis: Analysis, shown: Gallery, drawn: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "headline": headline(analysis),
        "findings": sentences(analysis),
        "notes": list(analysis.notes),
        "before": analysis.before,
        "after": analysis.after,
        "fitted_on": analysis.fit_split,
        "resamples": analysis.resamples,
        "seed": analysis.seed,
        "splits": {name: result.as_dict() for name, result in analysis.splits.items()},
        "gallery": [card.as_dict() for card in shown.cards],
        "figures": sorted(drawn),
        "step_seconds": {stage: step_seconds(analysis.run.log, stage) for stage in analysis.run.stages},
        "run": analysis.run.facts,
        "recipe": analysis.run.recipe_text,
    }
