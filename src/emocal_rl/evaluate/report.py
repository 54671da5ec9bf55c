"""The report of one run: ``report.html`` that opens anywhere, ``metrics.json`` with every number, ``figures/``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emocal_rl.evaluate import curves, figures
from emocal_rl.evaluate.analysis import Analysis, SplitResult, analyse, split_label
from emocal_rl.evaluate.findings import headline, number, percent, sentences
from emocal_rl.evaluate.gallery import RULES, Card, Gallery, gallery, majority, words
from emocal_rl.evaluate.markup import document, figure, image, paragraphs, text
from emocal_rl.evaluate.records import RunFiles, read_run
from emocal_rl.evaluate.selective import threshold_table
from emocal_rl.evaluate.tables import definitions, difference_table, split_table, summary_lines, threshold_rows
from emocal_rl.evaluate.theme import write_atomically

__all__ = ["summary_lines", "write_report"]

Pictures = Callable[[str], bytes | None]
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
    data = json.dumps(metrics, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_atomically(run.path / "metrics.json", data.encode())
    write_atomically(run.path / "report.html", _page(analysis, metrics, drawn, shown, pictures).encode("utf-8", "replace"))
    return metrics


def _draw(analysis: Analysis, folder: Path) -> dict[str, bytes]:
    """File name -> PNG of every figure that has something to show."""
    found = {
        "before_after.png": figures.before_after(analysis, folder / "before_after.png"),
        "learning_curves.png": curves.learning_curves(
            analysis.run.log, analysis.run.stages, folder / "learning_curves.png"
        ),
        "risk_coverage.png": figures.risk(analysis, folder / "risk_coverage.png"),
    }
    for result in analysis.tests:
        for key in ("before", "after"):
            name = f"reliability_{key}_{_file_name(result.name)}.png"
            found[name] = figures.single(analysis, result, key, folder / name)
    return {name: data for name, data in found.items() if data is not None}


def _file_name(split: str) -> str:
    return "".join(c if c.isalnum() or c in "_-" else "_" for c in split)


def _metrics(analysis: Analysis, shown: Gallery, drawn: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "headline": headline(analysis),
        "findings": sentences(analysis),
        "notes": list(analysis.notes),
        "before": analysis.before,
        "after": analysis.after,
        "resamples": analysis.resamples,
        "seed": analysis.seed,
        "splits": {name: result.as_dict() for name, result in analysis.splits.items()},
        "gallery": [card.as_dict() for card in shown.cards],
        "figures": sorted(drawn),
        "run": analysis.run.facts,
        "recipe": analysis.run.recipe_text,
    }


def _page(
    analysis: Analysis, metrics: Mapping[str, Any], drawn: Mapping[str, bytes], shown: Gallery, pictures: Pictures
) -> str:
    """The report as a list of sections."""
    title = f"{analysis.run.path.name}: calibration report"
    sections = [
        _opening(analysis, metrics, drawn),
        _table_section(analysis),
        _curve_section(drawn),
        _selective_section(analysis, drawn),
        _gallery_section(shown, pictures),
        _reliability_section(analysis, drawn),
        _facts_section(analysis.run),
        _footer(analysis),
    ]
    return document(title, "\n".join(s for s in sections if s))


def _opening(analysis: Analysis, metrics: Mapping[str, Any], drawn: Mapping[str, bytes]) -> str:
    facts = analysis.run.facts
    kicker = " · ".join(str(x) for x in (analysis.run.path.name, facts.get("device"), facts.get("started")) if x)
    status = facts.get("status")
    warning = [f"This run is marked “{status}”: the numbers below may be incomplete."] if status not in (None, "done") else []
    findings = "".join(f"<li>{text(s)}</li>" for s in metrics["findings"])
    caption = (
        "Top: how often answers stated with a given confidence agree with people; on the diagonal the model means what it "
        "says. Marker area grows with the number of replies; bars are 95 % intervals; grey is where a calibrated model "
        "would fall. Middle: how often each confidence is stated, after (up) and before (down). Bottom: Brier score and "
        "ECE beside the rows they must beat: the model before with a constant base rate, and recalibrated post hoc on the "
        "validation split. The Bayes bound is an oracle that knows the votes."
    )
    return (
        f'<p class="kicker">{text(kicker)}</p><h1>{text(metrics["headline"])}</h1>'
        + paragraphs([*warning, *analysis.notes], "note")
        + figure(drawn.get("before_after.png"), caption)
        + (f'<h2>What it shows</h2><ul class="findings">{findings}</ul>' if findings else "")
    )


def _table_section(analysis: Analysis) -> str:
    lead = (
        "Rows are systems on the same pictures. Small print: 95 % intervals, clusters resampled "
        f"{analysis.resamples} times. Recalibrated rows keep the answers and change only the confidence; they were fitted "
        "on the validation split."
    )
    parts = [f'<h2>Metrics</h2><p class="lead">{text(lead)}</p>']
    for result in analysis.splits.values():
        parts.append(f"<h3>{text(_title(result))}</h3>{split_table(result)}")
        differences = difference_table(result, analysis.after)
        if differences and result.name != "validation":
            parts.append(f"<h3>{text(split_label(result.name).capitalize())}: after minus before, paired</h3>{differences}")
    return "".join(parts)


def _title(result: SplitResult) -> str:
    label = split_label(result.name).capitalize()
    return f"{label}: {len(result.ids)} rows in {len(set(result.clusters))} clusters"


def _curve_section(drawn: Mapping[str, bytes]) -> str:
    body = figure(drawn.get("learning_curves.png"), "Thin: as logged. Thick: exponential moving average.")
    return f"<h2>Learning curves</h2>{body}" if body else ""


def _selective_section(analysis: Analysis, drawn: Mapping[str, bytes]) -> str:
    caption = "Answer only the surest share of the rows: a useful confidence makes the error rate fall towards the left."
    body = figure(drawn.get("risk_coverage.png"), caption)
    result = analysis.tests[0]
    samples = {k: s.sample for k, s in result.systems.items() if k in ("before", "after") and s.sample is not None}
    rows = threshold_rows({k: threshold_table(s.confidence, s.correct) for k, s in samples.items()})
    return f"<h2>Answer only when sure</h2>{body}<h3>{text(_title(result))}</h3>{rows}" if body else ""


def _reliability_section(analysis: Analysis, drawn: Mapping[str, bytes]) -> str:
    parts = []
    for result in analysis.tests:
        for key in ("before", "after"):
            name = f"reliability_{key}_{_file_name(result.name)}.png"
            caption = f"{split_label(result.name).capitalize()}, {key}. The step line is the isotonic (CORP) estimate."
            parts.append(figure(drawn.get(name), caption, narrow=True))
    body = "".join(parts)
    return f"<h2>Reliability, one by one</h2>{body}" if body else ""


def _gallery_section(shown: Gallery, pictures: Pictures) -> str:
    if not shown.cards:
        return ""
    lead = f"From {shown.split}, chosen by fixed rules. The bar is how the annotators voted."
    parts = [f'<h2>Pictures, words, votes</h2><p class="lead">{text(lead)}</p>']
    titles = {"right": "Right", "wrong": "Wrong", "improved": "Most improved"}
    for group, rule in RULES.items():
        cards = "".join(_card(c, pictures) for c in shown.cards if c.group == group)
        if cards:
            parts.append(f'<h3>{titles[group]}</h3><p class="lead">{text(rule)}</p><div class="cards">{cards}</div>')
    return "".join(parts)


def _card(card: Card, pictures: Pictures) -> str:
    row = card.after
    picture = image(pictures(row.id), f"picture {row.id}") or '<div class="blank">no picture</div>'
    agrees = row.answer is not None and row.answer == majority(row)
    verdict = (
        f'<span class="verdict {"yes" if agrees else "no"}">'
        f"{'agrees with most people' if agrees else 'not what most people say'}</span>"
    )
    answer = text(row.answer) if row.answer is not None else f"unreadable ({text(row.fault)})"
    head = f'<div><div class="answer">{answer}</div><div class="says">{_says(card)}</div>{verdict}</div>'
    return f'<article class="card"><header>{picture}{head}</header>{_votes(card)}{_words(card)}</article>'


def _says(card: Card) -> str:
    now = "–" if card.after.confidence is None else percent(card.after.confidence, 0)
    if card.before is None or card.before.confidence is None:
        return f"sure: <b>{now}</b>"
    then = f"<i>{percent(card.before.confidence, 0)}</i>"
    changed = card.before.answer != card.after.answer
    said = f"{text(card.before.answer)}, {then}" if changed else then
    return f"sure: <b>{now}</b> (before: {said})"


def _votes(card: Card) -> str:
    row, total = card.after, sum(card.after.votes)
    if not total or len(row.votes) != len(row.candidates):
        return ""
    bar = "".join(f'<span class="v{i % 4}" style="flex:{v:g}"></span>' for i, v in enumerate(row.votes) if v)
    named = "".join(
        f'<i class="key v{i % 4}"></i><span>{text(c)} {v:g}</span>'
        for i, (c, v) in enumerate(zip(row.candidates, row.votes, strict=True))
    )
    return f'<div class="votes">{bar}</div><p class="legend">{named}</p>'


def _words(card: Card) -> str:
    def part(tag: str, content: str) -> str:
        return f"<dt>{text(tag)}</dt><dd>{text(content)}</dd>" if tag else f'<dd class="plain">{text(content)}</dd>'

    return f'<dl class="words">{"".join(part(*w) for w in words(card.after.text))}</dl>'


def _facts_section(run: RunFiles) -> str:
    facts = run.facts
    git = facts.get("git") or {}
    commit = str(git.get("commit") or "")[:12] + (" with uncommitted changes" if git.get("dirty") else "")
    versions = ", ".join(f"{k} {v}" for k, v in (facts.get("versions") or {}).items())
    rows = [("command", facts.get("command")), ("status", facts.get("status")), ("started", facts.get("started")),
            ("ended", facts.get("ended")), ("device", facts.get("device")), ("seed", facts.get("seed")),
            ("versions", versions), ("git", commit)]  # fmt: skip
    rows += [(f"stage {s.get('name')}", _stage(s)) for s in facts.get("stages", []) if isinstance(s, dict)]
    items = "".join(f"<dt>{text(k)}</dt><dd>{text(v)}</dd>" for k, v in rows if v not in (None, ""))
    recipe = f"<h3>Recipe</h3><pre>{text(run.recipe_text.rstrip())}</pre>" if run.recipe_text else ""
    return f'<h2>How it was made</h2><dl class="facts">{items}</dl>{recipe}'


def _stage(stage: Mapping[str, Any]) -> str:
    seconds = stage.get("seconds")
    time = f"{number(float(seconds), 0)} s" if isinstance(seconds, int | float) else None
    return ", ".join(str(x) for x in (stage.get("algorithm"), stage.get("status"), time) if x)


def _footer(analysis: Analysis) -> str:
    return (
        f"<h2>Definitions</h2>{definitions(analysis.tests[0])}"
        "<footer>Every number here can be rebuilt from <code>records/</code>; all of them are in <code>metrics.json</code>, "
        "those behind each figure in the JSON file beside it.</footer>"
    )
