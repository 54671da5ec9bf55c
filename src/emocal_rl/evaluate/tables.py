"""The tables of a report in HTML, and the same numbers in ten lines of plain text for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emocal_rl.evaluate.compare import Difference
from emocal_rl.evaluate.distributions import DEFINITIONS
from emocal_rl.evaluate.findings import between, number, percent
from emocal_rl.evaluate.markup import text
from emocal_rl.evaluate.measure import Metric
from emocal_rl.evaluate.run_files import split_label
from emocal_rl.evaluate.splits import SplitResult
from emocal_rl.evaluate.systems import System, calibrator_label

LABELS = {
    "accuracy": "accuracy ↑", "brier": "Brier ↓", "brier_skill": "Brier skill ↑", "auroc": "AUROC ↑",
    "ece_10": "ECE 10 ↓", "ece_15": "ECE 15 ↓", "smece": "smECE ↓", "augrc": "AUGRC ↓", "nll": "NLL ↓",
    "mean_confidence": "mean confidence", "overconfidence": "conf. − acc.", "distinct": "distinct values",
    "mode_mass": "mode mass", "mass_at_one": "mass at 1", "entropy": "entropy", "brier_ece": "|Brier − ECE|",
    "parse_rate": "readable ↑",
    "f1_macro": "macro F1 ↑", "f1_weighted": "weighted F1 ↑", "multiclass_brier": "multi-class Brier ↓",
    "multiclass_nll": "NLL ↓", "ranked_probability": "RPS ↓", "chebyshev": "Chebyshev ↓", "clark": "Clark ↓",
    "canberra": "Canberra ↓", "kl": "KL ↓", "cosine": "cosine ↑", "intersection": "intersection ↑",
}  # fmt: skip
"""Column heads; the arrow points to better."""
MAIN = ("accuracy", "brier", "auroc", "ece_10", "smece", "augrc", "nll", "overconfidence", "parse_rate")
MORE = ("f1_macro", "f1_weighted", "brier_skill", "ece_15", "mean_confidence", "distinct", "mode_mass", "mass_at_one",
        "entropy", "brier_ece")  # fmt: skip
SCORE = ("brier", "ece_10", "auroc", "accuracy", "parse_rate")
COVERAGES = ("coverage_at_risk_10", "coverage_at_risk_20")
DISTANCES = tuple(DEFINITIONS)
SHARES = ("accuracy", "parse_rate", "mode_mass", "mass_at_one")


def table(head: Sequence[str], rows: Sequence[str], kind: str = "") -> str:
    """An HTML table that scrolls on its own when the window is narrow; ``rows`` are finished markup."""
    heads = "".join(f"<th>{text(h)}</th>" for h in head)
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def shown(name: str, value: float | None) -> str:
    """A metric's value as a reader wants it: shares in percent, counts whole, the rest with three digits.

    >>> shown("accuracy", 0.705), shown("distinct", 12.0), shown("brier", 0.2)
    ('70.5%', '12', '0.200')
    """
    if name == "distinct" and value is not None and value == value:
        return f"{value:.0f}"
    return percent(value) if name in SHARES else number(value)


def spread(name: str, low: float | None, high: float | None) -> str:
    """The interval of a metric on the scale of ``shown``."""
    if low is None or high is None:
        return ""
    return between(100 * low, 100 * high, 1) if name in SHARES else between(low, high)


def score_table(results: Sequence[SplitResult]) -> str:
    """One row per test split: before -> after with the paired difference, and the share of the gap closed."""
    rows = [_score_row(r) for r in results if r.differences.get("before")]
    return table(["test split", *(LABELS[n] for n in SCORE), "gap to Bayes closed"], rows, "score") if rows else ""


def _score_row(result: SplitResult) -> str:
    found = result.differences["before"]
    cells = "".join(_score_cell(name, found.get(name)) for name in SCORE)
    closed = "<td>–</td>"
    if result.closed is not None and result.closed[0] == result.closed[0]:
        value, low, high = result.closed
        limits = "" if low is None or high is None else f"[{percent(low, 0)}, {percent(high, 0)}]"
        closed = f'<td><b>{percent(value, 0)}</b><span class="d">{limits}</span></td>'
    rows = f"<small>{len(result.ids)} rows, {len(set(result.clusters))} clusters</small>"
    return f"<tr><td><b>{text(split_label(result.name))}</b>{rows}</td>{cells}{closed}</tr>"


def _score_cell(name: str, d: Difference | None) -> str:
    if d is None or d.value != d.value:
        return "<td>–</td>"
    kind = {True: "better", False: "worse", None: "same"}[d.better]
    word = {True: "better", False: "worse", None: "no clear change"}[d.better]
    sign, interval = "+" if d.value > 0 else "", spread(name, d.low, d.high)
    points = f"{number(100 * d.value, 1)} pts" if name in SHARES else number(d.value)
    lines = "".join(f'<span class="d {kind}">{line}</span>' for line in (f"{sign}{points} {interval}", word))
    return f"<td>{shown(name, d.first)} → <b>{shown(name, d.second)}</b>{lines}</td>"


def split_table(result: SplitResult, columns: Sequence[str] = MAIN) -> str:
    """All systems of a split as rows, metrics as columns, intervals in small print."""
    return system_table(result.systems.values(), columns)


def task_table(result: SplitResult) -> str:
    """The model on every task of a split by itself; nothing where there are not several."""
    return system_table(result.tasks, head="task") if result.tasks else ""


def system_table(systems: Iterable[System], columns: Sequence[str] = MAIN, head: str = "system") -> str:
    """Systems as rows, metrics as columns, intervals in small print."""
    rows = [_row(system, columns) for system in systems]
    return table([head, *(LABELS[n] for n in columns)], rows)


def _row(system: System, columns: Sequence[str]) -> str:
    cells = "".join(_cell(name, system) for name in columns)
    _, plus, calibrator = system.key.partition("+")
    label = f"+ {calibrator_label(calibrator)}" if plus else system.label
    return f'<tr class="{system.kind}"><td>{text(label)}</td>{cells}</tr>'


def _cell(name: str, system: System) -> str:
    found: Metric | None = system.metrics.get(name)
    if found is None or found.value != found.value:
        return "<td>–</td>"
    floor = system.metrics.get(f"{name}_floor") if system.kind in ("before", "after", "stage") else None
    limits = spread(name, found.low, found.high)
    small = f"<small>{limits}</small>" if limits else ""
    small += f"<small>floor {number(floor.value)}</small>" if floor else ""
    return f"<td>{shown(name, found.value)}{small}</td>"


def difference_table(result: SplitResult) -> str:
    """After minus before, metric by metric, with paired intervals and permutation p-values, if there is a before."""
    return change_table(result.differences.get("before", {}), "before", "after")


def change_table(differences: Mapping[str, Difference], first: str, second: str) -> str:
    """``second`` minus ``first``, metric by metric, with paired intervals and p-values; nothing without any."""
    rows = [_difference_row(d) for d in differences.values() if d.value == d.value]
    head = ("metric", first, second, "difference", "95% interval", "p", "verdict")
    return table(head, rows) if rows else ""


def _difference_row(d: Difference) -> str:
    kind = {True: "better", False: "worse", None: ""}[d.better]
    verdict = kind or ("no clear change" if d.name != "overconfidence" else "–")
    p = "–" if d.p is None else ("< 0.001" if d.p < 0.001 else f"{d.p:.3f}")
    values = (shown(d.name, d.first), shown(d.name, d.second), number(d.value), between(d.low, d.high), p)
    cells = "".join(f"<td>{v}</td>" for v in values)
    return f'<tr><td>{text(LABELS[d.name])}</td>{cells}<td class="{kind}">{verdict}</td></tr>'


def distribution_table(result: SplitResult) -> str:
    """Stated distributions against the votes: before, after, their paired difference and the bound, if any."""
    names = {key: system.label for key, system in result.systems.items()}
    rows = []
    for key, metrics in result.distributions.items():
        cells = "".join(_number_cell(metrics.get(name)) for name in DISTANCES)
        rows.append(f"<tr><td>{text(names.get(key, key))}</td>{cells}</tr>")
    return table(["stated distribution", *(LABELS[n] for n in DISTANCES)], rows) if rows else ""


def _number_cell(metric: Metric | None) -> str:
    if metric is None:
        return "<td>–</td>"
    limits = spread(metric.name, metric.low, metric.high)
    return f"<td>{number(metric.value)}{f'<small>{limits}</small>' if limits else ''}</td>"


def coverage_rows(found: Mapping[str, Mapping[str, Metric]]) -> str:
    """The largest share that can be answered while at most this share of it is wrong; ``found``: stage -> metrics."""
    rows = [
        f"<tr><td>at most {name.rpartition('_')[2]}% wrong</td>"
        + "".join(f"<td>{percent(m[name].value)}<small>{_percents(m[name])}</small></td>" for m in found.values())
        + "</tr>"
        for name in COVERAGES
    ]
    return table(["coverage at risk", *(f"{who}answered" for who in _whose(found))], rows)


def _percents(metric: Metric) -> str:
    return "" if metric.low is None or metric.high is None else between(100 * metric.low, 100 * metric.high, 1)


def threshold_rows(tables: Mapping[str, Sequence[Mapping[str, float | None]]]) -> str:
    """What "answer when c >= t" gives: share answered and error rate, before and after side by side."""
    stages = [k for k in ("before", "after") if tables.get(k)]
    if not stages:
        return ""
    rows = []
    for i, line in enumerate(tables[stages[0]]):
        cells = "".join(f"<td>{percent(tables[s][i][c])}</td>" for s in stages for c in ("coverage", "risk"))
        rows.append(f"<tr><td>confidence ≥ {line['threshold']:g}</td>{cells}</tr>")
    return table(["answer when", *(f"{who}{c}" for who in _whose(stages) for c in ("answered", "wrong"))], rows)


def _whose(stages: Iterable[str]) -> list[str]:
    """What stands in front of a column's head: nothing where there is one model only.

    >>> _whose(["before", "after"]), _whose(["after"])
    (['before: ', 'after: '], [''])
    """
    names = list(stages)
    return [f"{name}: " for name in names] if len(names) > 1 else [""] * len(names)


def definitions(result: SplitResult) -> str:
    """Name and definition of every column, so that no number stands without what it means."""
    system = next((s for k, s in result.systems.items() if k in ("after", "before")), None)
    if system is None:
        return ""
    named = {**system.metrics, **next(iter(result.distributions.values()), {})}
    items = "".join(f"<dt>{text(m.name)}</dt><dd>{text(m.definition)}</dd>" for m in named.values())
    return f'<dl class="facts">{items}</dl>'


def summary_lines(metrics: Mapping[str, Any]) -> list[str]:
    """About ten lines for the terminal, from the dictionary ``write_report`` returns: the headline and the table.

    The first test split is shown with its bound and baselines, the others with before and after.
    """
    splits = {k: v for k, v in metrics["splits"].items() if k != metrics["fitted_on"]} or metrics["splits"]
    chosen = [(s["label"], _chosen(s, full=i == 0)) for i, s in enumerate(splits.values())]
    wide = max(len(f"{label}: {name}") for label, rows in chosen for name, _ in rows) + 2
    lines = [metrics["headline"], " " * wide + "".join(f"{LABELS[n][:-2]:>10}" for n in SCORE)]
    for label, rows in chosen:
        lines += [f"{label + ': ' + name:<{wide}}" + _terminal_cells(row["metrics"]) for name, row in rows]
    return lines


def _chosen(split: Mapping[str, Any], full: bool) -> list[tuple[str, Mapping[str, Any]]]:
    systems = split["systems"]
    posthoc = [k for k in systems if k.startswith("before+") and not k.startswith("before+constant")]
    scores = {k: systems[k]["metrics"]["brier"]["value"] for k in posthoc}
    best = min((k for k in posthoc if scores[k] is not None), key=lambda k: scores[k], default="")
    names = {"before": "before", "before+constant": "constant base rate",
             best: f"before, {calibrator_label(best.partition('+')[2])}",
             "after": "after" if "before" in systems else "as stated", "bayes": "Bayes bound"}  # fmt: skip
    keys = ("before", "before+constant", best, "after", "bayes") if full else ("before", "after")
    return [(names[k], systems[k]) for k in keys if k in systems]


def _terminal_cells(metrics: Mapping[str, Any]) -> str:
    return "".join(f"{shown(n, metrics.get(n, {}).get('value')):>10}" for n in SCORE)
