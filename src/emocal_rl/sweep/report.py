"""The report of a sweep: `report.html`, and its numbers as `report.json` and `points.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.evaluate.comparison import compare_runs
from emocal_rl.evaluate.comparison_figure import pareto
from emocal_rl.evaluate.contrasts import METRICS
from emocal_rl.evaluate.findings import between, number
from emocal_rl.evaluate.markup import document, figure, headline, paragraphs, text
from emocal_rl.evaluate.page import file_name
from emocal_rl.evaluate.tables import LABELS, shown, spread, table
from emocal_rl.sweep.advice import advice, flag_words, missing, p_value
from emocal_rl.sweep.evidence import flags, front, references, speed
from emocal_rl.sweep.spec import Plan, Point

COLUMNS = ("brier", "accuracy", "auroc", "ece_10", "overconfidence", "parse_rate")


def write_report(plan: Plan, done: Mapping[str, Path], out: Path, resamples: int | None = None) -> dict[str, Any]:
    """Compare the finished points and write everything into `out`; returns what report.json holds.

    done: name of a finished point -> its run directory. Points that are missing are named, and every comparison uses
    the seeds that both sides have. Raises `UserError` for fewer than two points, or when they share no evaluated rows.
    """
    order = sorted(plan.points, key=lambda point: point.variant != plan.baseline)
    points = [point for point in order if point.name in done]
    compared = compare_runs(
        [done[p.name] for p in points], out, labels=[p.variant for p in points], resamples=resamples
    )
    first = points[0].variant
    numbers = {
        "schema": 1,
        "sweep": plan.name,
        "baseline": first,
        "missing": [point.name for point in plan.points if point.name not in done],
        "points": len(plan.points),
        "resamples": compared["resamples"],
        "speed": speed(_runs(points, done), first),
        "splits": {name: _split(split, points, done, first) for name, split in compared["splits"].items()},
    }
    numbers["advice"] = next(iter(numbers["splits"].values()))["advice"]
    drawn = {
        name: pareto(compared["splits"][name], split["front"], out / "figures" / f"pareto_{file_name(name)}.png")
        for name, split in numbers["splits"].items()
    }
    files.write_json(out / "report.json", numbers)
    files.write_text(out / "points.csv", _csv(points, numbers, compared["splits"]))
    files.write_text(out / "report.html", _page(numbers, drawn))
    return numbers


def _runs(points: Sequence[Point], done: Mapping[str, Path]) -> dict[str, list[tuple[Path, Any]]]:
    found: dict[str, list[tuple[Path, Any]]] = {}
    for point in points:
        found.setdefault(point.variant, []).append((done[point.name], point.recipe))
    return found


def _split(split: Mapping[str, Any], points: Sequence[Point], done: Mapping[str, Path], first: str) -> dict[str, Any]:
    """One split: each variant's and each reference's scores and contrast with the baseline; flags, front, advice."""
    paths = {name: [path for path, _ in runs] for name, runs in _runs(points, done).items()}
    raised = {name: flags(paths[name], split, name) for name in split["variants"]}
    scores = {name: {m: v["after"][m] for m in METRICS} for name, v in split["variants"].items()}
    places = {name: (v["accuracy"]["value"], v["brier"]["value"]) for name, v in scores.items()}
    rows = {
        name: {"runs": v["runs"], "after": scores[name], "contrast": split["contrasts"].get(name),
               "flags": raised[name], "bayes_gap_closed": v["bayes_gap_closed"]}
        for name, v in split["variants"].items()
    }  # fmt: skip
    bound = next(iter(split["variants"].values())).get("bayes")
    return {
        "label": split["label"],
        "rows": split["rows"],
        "clusters": split["clusters"],
        "bayes": None if bound is None else {m: bound[m]["value"] for m in ("brier", "accuracy", "auroc")},
        "variants": rows,
        "references": references(split["variants"][first]),
        "front": front(places),
        "advice": advice(split, first, raised),
    }


def _csv(points: Sequence[Point], numbers: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    """One line for each point and split: scores before (empty without one) and after, rollouts to the threshold."""
    needed = {name: iter(found["rollouts"]) for name, found in numbers["speed"]["variants"].items()}
    text_ = io.StringIO()
    writer = csv.writer(text_, lineterminator="\n")
    scores = [f"{metric}_{when}" for metric in METRICS for when in ("before", "after")]
    writer.writerow(["variant", "seed", "split", *scores, "bayes_gap_closed", "rollouts_to_threshold"])
    for point in points:
        took = next(needed[point.variant])
        for name, split in compared.items():
            run = split["runs"][point.name]
            pairs = ((run["differences"].get(m, {}).get("first"), run["after"][m]) for m in METRICS)
            values = [value for pair in pairs for value in pair]
            writer.writerow([point.variant, point.seed, name, *values, run["bayes_gap_closed"]["value"], took])
    return text_.getvalue()


def report_lines(numbers: Mapping[str, Any]) -> list[str]:
    """The report for the terminal: the advice, then a line for each variant and reference on the first split."""
    split = next(iter(numbers["splits"].values()))
    rows = {**split["variants"], **split["references"]}
    wide = max(map(len, rows)) + 2
    lines = [*numbers["advice"], *filter(None, [missing(numbers["missing"], numbers["points"])]), ""]
    lines.append(f"{split['label']:{wide}}" + "".join(f"{LABELS[m].rstrip(' ↑↓').strip():>16}" for m in COLUMNS))
    for name, row in rows.items():
        cells = "".join(f"{shown(m, row['after'][m]['value']):>16}" for m in COLUMNS)
        lines.append(f"{name:{wide}}{cells}  {flag_words(row['flags'])}".rstrip())
    return lines


def _page(numbers: Mapping[str, Any], drawn: Mapping[str, bytes]) -> str:
    first, *more = numbers["advice"]
    body = f'<p class="kicker">sweep {text(numbers["sweep"])}</p><h1>{headline(first)}</h1>'
    body += f'<ul class="findings">{"".join(f"<li>{headline(line)}</li>" for line in more)}</ul>'
    body += paragraphs(filter(None, [missing(numbers["missing"], numbers["points"])]), "note")
    for name, split in numbers["splits"].items():
        body += _section(split, numbers["baseline"], drawn[name])
    body += f"<h2>Learning speed</h2>{_speed(numbers['speed'])}"
    body += '<p>Run by run: <a href="comparison.html">comparison.html</a>; the numbers: report.json, '
    body += f"points.csv.</p>{paragraphs([_method(numbers)], 'lead')}"
    return document(f"sweep {numbers['sweep']}", body)


def _section(split: Mapping[str, Any], baseline: str, picture: bytes) -> str:
    title = f"{split['label'].capitalize()}: {split['rows']} rows in {split['clusters']} clusters"
    caption = "Diamonds: means of variants; dots: runs; blue: no other variant is better in both. Dashed: Bayes bound."
    rows = [_row(name, row) for name, row in (split["variants"] | split["references"]).items()]
    head = ["after training", *(LABELS[m] for m in COLUMNS), f"Brier − {baseline}'s", "Holm p", "flags"]
    return f"<h2>{text(title)}</h2>{figure(picture, caption)}{table(head, rows, 'score')}"


def _row(name: str, row: Mapping[str, Any]) -> str:
    cells = "".join(
        f'<td>{shown(m, f["value"])}<span class="d">{spread(m, f["low"], f["high"])}</span></td>'
        for m, f in ((m, row["after"][m]) for m in COLUMNS)
    )
    found = (row["contrast"] or {}).get("brier")
    versus = "<td>baseline</td><td>–</td>"
    if found:
        kind = {True: "better", False: "worse", None: "same"}[found["better"]]
        versus = f'<td class="{kind}">{number(found["value"])}<span class="d {kind}">'
        versus += f"{between(found['low'], found['high'])}</span></td><td>{p_value(found['p_holm'])}</td>"
    runs = f"<small>{len(row['runs'])} runs</small>"
    words = f'<td class="arrow">{text(flag_words(row["flags"]))}</td>'
    return f"<tr><td><b>{text(name)}</b>{runs}</td>{cells}{versus}{words}</tr>"


def _speed(found: Mapping[str, Any]) -> str:
    if found["threshold"] is None:
        return "<p>The baseline's rollouts have not improved in Brier score, so there is no threshold to reach.</p>"
    rows = [
        f"<tr><td>{text(name)}</td><td>{'–' if v['median'] is None else round(v['median'])}</td>"
        f"<td>{v['reached']} of {len(v['rollouts'])}</td></tr>"
        for name, v in found["variants"].items()
    ]
    title = f"Replies sampled until the rollouts' Brier score is {number(found['threshold'])} or less: "
    title += f"{found['share']:.0%} of the baseline's improvement."
    return f"<p>{text(title)}</p>{table(['variant', 'median rollouts', 'runs that got there'], rows)}"


def _method(numbers: Mapping[str, Any]) -> str:
    rivals = any(split["references"] for split in numbers["splits"].values())
    last = (
        "The last rows train nothing: the baseline's runs before this stage, and their confidences recalibrated on the "
        "validation split."
        if rivals
        else "These runs have no stage before the trained one that states confidences, so what training changed is not "
        "shown; a recipe with warm_start or model.checkpoint has one."
    )
    return (
        f"Intervals: 95%, {numbers['resamples']} resamples of clusters of rows crossed with runs. Against the "
        "baseline, rows and runs of the same seed are paired. Holm p: two-sided, of the same bootstrap, adjusted over "
        f"the variants of this table; the recommendation needs it below 0.05. {last}"
    )
