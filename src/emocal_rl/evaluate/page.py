"""The report page: a list of sections, each a function of the analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emocal_rl.evaluate.analysis import Analysis
from emocal_rl.evaluate.cards import Pictures, gallery_section
from emocal_rl.evaluate.findings import number
from emocal_rl.evaluate.gallery import Gallery
from emocal_rl.evaluate.intervals import measured
from emocal_rl.evaluate.markup import document, figure, headline, paragraphs, text
from emocal_rl.evaluate.run_files import RunFiles, split_label
from emocal_rl.evaluate.selective import threshold_table
from emocal_rl.evaluate.splits import SplitResult
from emocal_rl.evaluate.steps import in_words, step_seconds
from emocal_rl.evaluate.systems import BY_TASK
from emocal_rl.evaluate.tables import (
    COVERAGES,
    MORE,
    coverage_rows,
    definitions,
    difference_table,
    distribution_table,
    score_table,
    split_table,
    task_table,
    threshold_rows,
)


def page(
    analysis: Analysis, metrics: Mapping[str, Any], drawn: Mapping[str, bytes], shown: Gallery, pictures: Pictures
) -> str:
    """The report as a list of sections."""
    title = f"{_name(analysis.run)}: calibration report"
    sections = [
        _opening(analysis, metrics, drawn),
        _findings_section(analysis, metrics),
        _table_section(analysis),
        _curve_section(drawn),
        _selective_section(analysis, drawn),
        gallery_section(shown, pictures),
        _reliability_section(analysis, drawn),
        _facts_section(analysis.run),
        _footer(analysis),
    ]
    return document(title, "\n".join(s for s in sections if s))


def _name(run: RunFiles) -> str:
    scored = run.facts.get("scored")
    return run.path.name if scored is None else f"completions scored: {scored.get('file')}"


def _opening(analysis: Analysis, metrics: Mapping[str, Any], drawn: Mapping[str, bytes]) -> str:
    facts = analysis.run.facts
    kicker = " · ".join(str(x) for x in (_name(analysis.run), facts.get("device"), facts.get("started")) if x)
    return (
        f'<p class="kicker">{text(kicker)}</p><h1>{headline(metrics["headline"])}</h1>'
        + figure(drawn.get("before_after.png"), _caption(analysis))
        + paragraphs(analysis.notes, "note")
    )


def _caption(analysis: Analysis) -> str:
    alone = analysis.before is None
    middle = "with the mean" if alone else "after (up) and before (down)"
    rivals = "the same answers" if alone else "the model before"
    bound = any("bayes" in result.systems for result in analysis.tests)
    return (
        "Top: how often answers stated with a given confidence agree with people; on the diagonal the model means what "
        "it says. Marker area grows with the number of replies; bars are 95% intervals; grey is where a calibrated "
        f"model would fall. Middle: how often each confidence is stated, {middle}. Bottom: Brier score and ECE beside "
        f"the rows they must beat: {rivals} with a constant base rate, and recalibrated post hoc."
        + (" The Bayes bound is an oracle that knows the votes." if bound else "")
    )


def _findings_section(analysis: Analysis, metrics: Mapping[str, Any]) -> str:
    scores = score_table(analysis.tests)
    findings = "".join(f"<li>{headline(s)}</li>" for s in metrics["findings"])
    if not scores and not findings:
        return ""
    lead = f"{analysis.before} → {analysis.after}, paired on the same rows; 95% intervals." if scores else ""
    listed = f'<ul class="findings">{findings}</ul>' if findings else ""
    title = "What changed" if scores else "What it says"
    return f'<h2>{title}</h2><p class="lead">{text(lead)}</p>{scores}{listed}'


def _table_section(analysis: Analysis) -> str:
    lead = (
        f"Small print: 95% intervals, clusters resampled {analysis.resamples} times. Rows with a plus keep the answers "
        f"of the model above them and change only the confidence; {_fitted(analysis)}. An ECE below its floor cannot "
        "be told apart from a calibrated model's."
    )
    tested = {r.name for r in analysis.tests}
    ordered = [*analysis.tests, *(r for r in analysis.splits.values() if r.name not in tested)]
    return f'<h2>Metrics</h2><p class="lead">{text(lead)}</p>' + "".join(_split_tables(r) for r in ordered)


def _fitted(analysis: Analysis) -> str:
    split = analysis.fit_split
    if not split:
        return "there are none here, for want of a split to fit on"
    per_task = any(key.endswith(BY_TASK) for result in analysis.tests for key in result.systems)
    alone = ", those per task on the task's own rows, or on all where it has none there" if per_task else ""
    return f"they were fitted on {split_label(split)}{alone}"


def _split_tables(result: SplitResult) -> str:
    differences = difference_table(result)
    more = f"<details><summary>More metrics</summary>{split_table(result, MORE)}</details>"
    paired = f"<details><summary>After minus before, metric by metric</summary>{differences}</details>"
    tables = f"{split_table(result)}{task_table(result)}{distribution_table(result)}{paired if differences else ''}"
    return f"<h3>{text(_title(result))}</h3>{tables}{more}"


def _title(result: SplitResult) -> str:
    label = split_label(result.name).capitalize()
    return f"{label}: {len(result.ids)} rows in {len(set(result.clusters))} clusters"


def _curve_section(drawn: Mapping[str, bytes]) -> str:
    body = figure(drawn.get("learning_curves.png"), "Thin: as logged. Thick: exponential moving average.")
    return f"<h2>Learning curves</h2>{body}" if body else ""


def _selective_section(analysis: Analysis, drawn: Mapping[str, bytes]) -> str:
    caption = (
        "Answer only the surest share of the rows: a useful confidence makes the error rate fall towards the left."
    )
    body = figure(drawn.get("risk_coverage.png"), caption)
    result = analysis.tests[0]
    samples = {k: s.sample for k, s in result.systems.items() if k in ("before", "after") and s.sample is not None}
    rows = threshold_rows({k: threshold_table(s.confidence, s.correct) for k, s in samples.items()})
    kept = coverage_rows({k: measured(s, result.resampler, COVERAGES) for k, s in samples.items()})
    return f"<h2>Answer only when sure</h2>{body}<h3>{text(_title(result))}</h3>{rows}{kept}" if body else ""


def _reliability_section(analysis: Analysis, drawn: Mapping[str, bytes]) -> str:
    parts = []
    for result in analysis.tests:
        caption = f"{split_label(result.name).capitalize()}. The step line is the isotonic (CORP) estimate."
        parts.append(figure(drawn.get(f"reliability_{file_name(result.name)}.png"), caption))
    body = "".join(parts)
    return f"<h2>Reliability, one by one</h2>{body}" if body else ""


def _facts_section(run: RunFiles) -> str:
    facts = run.facts
    git = facts.get("git") or {}
    commit = str(git.get("commit") or "")[:12] + (" with uncommitted changes" if git.get("dirty") else "")
    versions = ", ".join(f"{k} {v}" for k, v in (facts.get("versions") or {}).items())
    command = facts.get("command")
    typed = " ".join(map(str, command)) if isinstance(command, list) else command
    rows = [("command", typed), ("started", facts.get("started")), ("ended", facts.get("ended")),
            ("device", facts.get("device")), ("seed", facts.get("seed")),
            ("versions", versions), ("git", commit)]  # fmt: skip
    if (scored := facts.get("scored")) is not None:  # saved completions: no stage, and the recipe is a mere form
        rows += list(scored.items())
    else:
        rows += [(f"stage {s.get('name')}", _stage(s, run)) for s in facts.get("stages", []) if isinstance(s, dict)]
    items = "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in rows if v not in (None, ""))
    shown = run.recipe_text.rstrip() if scored is None else ""
    recipe = f"<h3>Recipe</h3><pre>{text(shown)}</pre>" if shown else ""
    return f'<h2>How it was made</h2><dl class="facts">{items}</dl>{recipe}'


def _stage(stage: Mapping[str, Any], run: RunFiles) -> str:
    seconds = stage.get("seconds")
    time = f"{number(float(seconds), 0)} s" if isinstance(seconds, int | float) else None
    step = in_words(step_seconds(run.log, str(stage.get("name"))))
    return ", ".join(str(x) for x in (stage.get("algorithm"), stage.get("status"), time, step) if x)


def _footer(analysis: Analysis) -> str:
    return (
        f"<h2>Definitions</h2>{definitions(analysis.tests[0])}"
        "<footer>Every number here can be rebuilt from <code>records/</code>; all of them are in "
        "<code>metrics.json</code>, those behind each figure in the JSON file beside it.</footer>"
    )


def file_name(split: str) -> str:
    """A split's name as part of a file name.

    >>> file_name("a/b c")
    'a_b_c'
    """
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in split)
