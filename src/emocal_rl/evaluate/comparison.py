"""The report of several runs: seeds of one recipe pooled, recipe variants against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.errors import UserError
from emocal_rl.evaluate.comparison_figure import dumbbells
from emocal_rl.evaluate.findings import between, number, percent
from emocal_rl.evaluate.markup import document, figure, headline, paragraphs, text
from emocal_rl.evaluate.page import file_name
from emocal_rl.evaluate.seeds import RIVALS, Entry, entries, resamples_of, split_result
from emocal_rl.evaluate.side_by_side import side_by_side, side_by_side_lines
from emocal_rl.evaluate.tables import LABELS, SHARES, shown, spread, table

TABLE = ("brier", "ece_10", "auroc", "accuracy", "overconfidence", "parse_rate")


def compare_runs(
    run_dirs: Sequence[Path], output: Path, *, labels: Sequence[str] | None = None, resamples: int | None = None
) -> dict[str, Any]:
    """Compare runs and write ``comparison.html``, ``comparison.json`` and figures into ``output``; returns the numbers.

    Runs whose recipes differ only in their seed are pooled: the interval covers both which rows and which seeds were
    drawn. Recipes that differ otherwise are variants, named by what differs (or by `labels`, one a run) and contrasted
    with the first. Where one has no stage before to compare with (an evaluation), the final stages are compared instead
    (`side_by_side`); with `labels` they are pooled and contrasted all the same, and only what training changed is
    missing. Raises UserError for fewer than two runs, or when no split has records of the same rows in all of them,
    before and after where there is a before.
    """
    runs = entries(run_dirs, labels)
    count = resamples_of(runs) if resamples is None else resamples
    if labels is None and any(e.files.before is None for e in runs):
        return side_by_side(runs, output, count)
    splits = [s for s in runs[0].files.splits if all(s != e.files.fit_split for e in runs)]
    results = {s: r for s in splits if (r := split_result(runs, s, count)) is not None}
    if not results:
        stages = " with a stage before and after" if any(e.files.before for e in runs) else ""
        raise UserError(f"these runs share no evaluated rows{stages}; evaluate them on the same splits")
    numbers = _numbers(runs, {s: n for s, (_, n) in results.items()}, count)
    drawn = {s: dumbbells(m, n["label"], output / "figures" / f"comparison_{file_name(s)}.png")
             for s, (m, n) in results.items()}  # fmt: skip
    files.write_json(output / "comparison.json", numbers)
    files.write_text(output / "comparison.html", _page(numbers, drawn))
    return numbers


def _numbers(runs: Sequence[Entry], splits: Mapping[str, Any], resamples: int) -> dict[str, Any]:
    listed = [
        {"name": e.name, "variant": e.variant, "seed": e.seed, "before": e.files.before, "after": e.files.after,
         "path": str(e.files.path)}
        for e in runs
    ]  # fmt: skip
    told = {name: dict(split) | {"findings": _findings(split)} for name, split in splits.items()}
    first = next(iter(told.values()))
    return {"schema": 1, "headline": first["findings"][0], "resamples": resamples, "runs": listed, "splits": told}


def _moved(name: str, variant: Mapping[str, Any], where: str) -> str:
    runs, after = len(variant["runs"]), variant["after"]["brier"]
    start = f"{name}, {runs} {'run' if runs == 1 else 'runs'}: Brier "
    if "before" not in variant:
        return f"{start}{number(after['value'])} {between(after['low'], after['high'])}".strip() + f" on {where}."
    d = variant["after minus before"]["brier"]
    start += f"{number(variant['before']['brier']['value'])} → {number(after['value'])} on {where} "
    start += f"(pooled difference {_difference(d)}, "
    start += f"better in {d['better_runs']} of {runs})"
    closed = variant["bayes_gap_closed"]
    if closed["value"] is not None and d["better"]:
        limits = "" if closed["low"] is None else f" [{percent(closed['low'], 0)}, {percent(closed['high'], 0)}]"
        start += f"; {percent(closed['value'], 0)}{limits} of the gap to the Bayes bound closed"
    return f"{start}{'' if d['better'] is not None else '; no demonstrable change'}."


def _difference(d: Mapping[str, Any]) -> str:
    sign = "+" if d["value"] is not None and d["value"] > 0 else ""
    return f"{sign}{number(d['value'])} {between(d['low'], d['high'])}".strip()


def _findings(split: Mapping[str, Any]) -> list[str]:
    """Per split: what each variant changed, whether it beats the post-hoc rows, how the variants differ."""
    where, found = split["label"], []
    for name, variant in split["variants"].items():
        found.append(_moved(name, variant, where))
        found += [_rival(name, variant, rival, where) for rival in RIVALS if f"after minus {rival}" in variant]
    first = next(iter(split["variants"]))
    return found + [_contrast(first, name, c, where) for name, c in split["contrasts"].items()]


def _rival(name: str, variant: Mapping[str, Any], rival: str, where: str) -> str:
    d = variant[f"after minus {rival}"]
    said = [
        f"{label} {_difference(d[m])} ({_word(d[m]['better'])})"
        for m, label in (("brier", "Brier"), ("auroc", "AUROC"))
    ]
    return f"{name}, {where}: against “{RIVALS[rival]}”, {' and '.join(said)}."


def _word(better: bool | None) -> str:
    return {True: "better", False: "worse", None: "no clear difference"}[better]


def _contrast(first: str, second: str, c: Mapping[str, Any], where: str) -> str:
    gap, brier = c["overconfidence"], c["brier"]
    return (
        f"{where.capitalize()}, {second} instead of {first}: "
        f"Brier {_difference(brier)} ({_word(brier['better'])}{_p(brier)}), "
        f"mean confidence minus accuracy {_difference(gap)}."
    )


def _p(found: Mapping[str, Any]) -> str:
    p = found["p_holm"]
    return "" if p is None else f", Holm p {'< 0.001' if p < 0.001 else f'{p:.3f}'}"


def _page(numbers: Mapping[str, Any], drawn: Mapping[str, bytes]) -> str:
    names = ", ".join(run["name"] for run in numbers["runs"])
    body = f'<p class="kicker">{text(names)}</p><h1>{headline(numbers["headline"])}</h1>'
    body += "".join(_section(name, split, drawn[name]) for name, split in numbers["splits"].items())
    return document("comparison of runs", body + paragraphs([_method(numbers)], "lead"))


def _method(numbers: Mapping[str, Any]) -> str:
    return (
        f"Intervals: 95%, {numbers['resamples']} resamples. Of one run: clusters of rows are resampled, both stages on "
        "the same draw. Pooled: clusters and runs are resampled, crossed, the spread over runs widened by "
        "sqrt(S / (S - 1)). Between variants: runs of the same seed are paired; p-values are of this bootstrap, "
        "adjusted by Holm over the variants. Only rows that every run was evaluated on are used."
    )


def _section(name: str, split: Mapping[str, Any], picture: bytes) -> str:
    title = f"{split['label'].capitalize()}: {split['rows']} rows in {split['clusters']} clusters"
    findings = "".join(f"<li>{headline(s)}</li>" for s in split["findings"])
    change = any("before" in variant for variant in split["variants"].values())
    caption = "One line per run: from before (square) to after (circle)." if change else "Circles: runs after training."
    caption += " Diamonds: mean over the runs of a variant."
    return (
        f'<h2>{text(title)}</h2>{figure(picture, caption)}<ul class="findings">{findings}</ul>'
        f"<h3>Pooled over runs</h3>{_pooled_table(split)}"
        f"<h3>Run by run</h3>{_run_table(split)}"
    )


def _pooled_table(split: Mapping[str, Any]) -> str:
    rows = []
    for name, variant in split["variants"].items():
        closed = variant["bayes_gap_closed"]
        changes = variant.get("after minus before", {})
        cells = "".join(_change(m, variant["before"][m]["value"], variant["after"][m]["value"], changes[m])
                        if m in changes else _alone(m, variant["after"][m]) for m in TABLE)  # fmt: skip
        runs = f"<small>{len(variant['runs'])} runs</small>"
        rows.append(f"<tr><td><b>{_breakable(name)}</b>{runs}</td>{cells}{_closed(closed)}</tr>")
    return table(["variant", *(LABELS[m] for m in TABLE), "gap closed"], rows, "score")


def _breakable(name: str) -> str:
    """A dotted recipe key that may wrap where it reads well."""
    return text(name).replace(".", ".<wbr>").replace("=", "=<wbr>")


def _run_table(split: Mapping[str, Any]) -> str:
    rows = []
    for name, run in split["runs"].items():
        found = run["differences"]
        cells = "".join(_change(m, found[m]["first"], found[m]["second"], found[m])
                        if m in found else _alone(m, {"value": run["after"][m]}) for m in TABLE)  # fmt: skip
        rows.append(f"<tr><td>{text(name)}</td>{cells}{_closed(run['bayes_gap_closed'])}</tr>")
    return table(["run", *(LABELS[m] for m in TABLE), "gap closed"], rows, "score")


def _closed(closed: Mapping[str, Any]) -> str:
    limits = "" if closed["low"] is None else f"[{percent(closed['low'], 0)}, {percent(closed['high'], 0)}]"
    return f'<td>{percent(closed["value"], 0)}<span class="d">{limits}</span></td>'


def _change(metric: str, first: float | None, second: float | None, d: Mapping[str, Any]) -> str:
    kind = {True: "better", False: "worse", None: "same"}[d["better"]]
    runs = f", {d['better_runs']} of {d['runs']}" if "better_runs" in d and kind != "same" else ""
    word = "" if metric == "overconfidence" else f'<span class="d {kind}">{_word(d["better"])}{runs}</span>'
    scale = 100 if metric in SHARES else 1
    change = number(None if d["value"] is None else scale * d["value"], 1 if scale == 100 else 3)
    line = "".join(f'<span class="d {kind}">{x}</span>' for x in (change, spread(metric, d["low"], d["high"])))
    return f"<td>{shown(metric, first)} → <b>{shown(metric, second)}</b>{line}{word}</td>"


def _alone(metric: str, found: Mapping[str, Any]) -> str:
    """After training, where there is no before."""
    limits = spread(metric, found.get("low"), found.get("high"))
    return f'<td><b>{shown(metric, found["value"])}</b><span class="d">{limits}</span></td>'


def comparison_lines(numbers: Mapping[str, Any]) -> list[str]:
    """The comparison for the terminal: the headline, then per split and variant the pooled change of each metric."""
    if numbers.get("kind") == "evaluations":
        return side_by_side_lines(numbers)
    rows = [
        (f"{split['label']}: {name}", v)
        for split in numbers["splits"].values()
        for name, v in split["variants"].items()
    ]
    wide = max(len(label) for label, _ in rows) + 2
    lines = [numbers["headline"], " " * wide + "".join(f"{LABELS[n].rstrip(' ↑↓').strip():>18}" for n in TABLE)]
    for label, v in rows:
        cells = (" → ".join(shown(n, v[s][n]["value"]) for s in ("before", "after") if s in v) for n in TABLE)
        lines.append(f"{label:<{wide}}" + "".join(f"{cell:>18}" for cell in cells))
    return lines
