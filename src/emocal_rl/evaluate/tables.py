"""The tables of a report in HTML, and the same numbers in ten lines of plain text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emocal_rl.evaluate.analysis import SplitResult
from emocal_rl.evaluate.findings import between, number, percent
from emocal_rl.evaluate.markup import text
from emocal_rl.evaluate.measure import Metric
from emocal_rl.evaluate.systems import System

COLUMNS = (
    ("accuracy", "accuracy", "↑"), ("brier", "Brier", "↓"), ("brier_skill", "Brier skill", "↑"), ("auroc", "AUROC", "↑"),
    ("ece_10", "ECE 10", "↓"), ("ece_15", "ECE 15", "↓"), ("smece", "smECE", "↓"), ("augrc", "AUGRC", "↓"), ("nll", "NLL", "↓"),
    ("mean_confidence", "mean conf.", ""), ("overconfidence", "conf. − acc.", ""), ("distinct", "distinct", ""),
    ("mode_mass", "mode", ""), ("parse_rate", "readable", "↑"),
)  # fmt: skip
WHOLE, SHARES = ("distinct",), ("accuracy", "parse_rate", "mode_mass")


def split_table(result: SplitResult) -> str:
    """All systems of a split as rows, all headline metrics as columns, intervals in small print."""
    head = "".join(f"<th>{text(label)} {arrow}</th>" for _, label, arrow in COLUMNS)
    rows = "".join(_row(system) for system in result.systems.values())
    return f'<div class="scroll"><table><thead><tr><th>system</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(system: System) -> str:
    cells = "".join(_cell(name, system.metrics) for name, _, _ in COLUMNS)
    return f'<tr class="{system.kind}"><td>{text(system.label)}</td>{cells}</tr>'


def _cell(name: str, metrics: Mapping[str, Metric]) -> str:
    found = metrics.get(name)
    if found is None or found.value != found.value:
        return "<td>–</td>"
    floor = metrics.get(f"{name}_floor")
    small = _small(name, found) + (f"<small>floor {number(floor.value)}</small>" if floor else "")
    return f"<td>{_shown(name, found.value)}{small}</td>"


def _shown(name: str, value: float) -> str:
    if name in WHOLE:
        return f"{value:.0f}"
    return percent(value) if name in SHARES else number(value)


def _small(name: str, found: Metric) -> str:
    if found.low is None or found.high is None:
        return ""
    scale, digits = (100, 1) if name in SHARES else (1, 3)
    return f"<small>{between(scale * found.low, scale * found.high, digits)}</small>"


def difference_table(result: SplitResult, after: str) -> str:
    """After minus before, metric by metric, with paired intervals and permutation p-values."""
    found = result.differences.get("before", {})
    rows = []
    for name, label, arrow in COLUMNS:
        d = found.get(name)
        if d is None or d.value != d.value:
            continue
        kind = {True: "better", False: "worse", None: ""}[d.better]
        verdict = {True: "better", False: "worse", None: "–" if not arrow else "not demonstrated"}[d.better]
        values = "".join(f"<td>{_shown(name, v)}</td>" for v in (d.first, d.second))
        p = "–" if d.p is None else ("< 0.001" if d.p < 0.001 else f"{d.p:.3f}")
        rows.append(
            f"<tr><td>{text(label)} {arrow}</td>{values}<td>{number(d.value)}</td>"
            f'<td>{between(d.low, d.high)}</td><td>{p}</td><td class="{kind}">{verdict}</td></tr>'
        )
    if not rows:
        return ""
    head = "".join(f"<th>{h}</th>" for h in ("metric", "before", "after", "difference", "95 % interval", "p", "verdict"))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def threshold_rows(tables: Mapping[str, Sequence[Mapping[str, float | None]]]) -> str:
    """"Answer when c >= t": coverage and error rate before and after, side by side."""
    stages = [k for k in ("before", "after") if tables.get(k)]
    if not stages:
        return ""
    head = "".join(f"<th>{s}: answered</th><th>{s}: wrong</th>" for s in stages)
    rows = ""
    for i, line in enumerate(tables[stages[0]]):
        cells = "".join(f"<td>{percent(tables[s][i]['coverage'])}</td><td>{percent(tables[s][i]['risk'])}</td>" for s in stages)
        rows += f"<tr><td>confidence ≥ {line['threshold']:g}</td>{cells}</tr>"
    return f'<div class="scroll"><table><thead><tr><th>answer when</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def definitions(result: SplitResult) -> str:
    """Name and definition of every column, so that no number stands without what it means."""
    system = next((s for k, s in result.systems.items() if k in ("after", "before")), None)
    if system is None:
        return ""
    shown = [m for m in system.metrics.values() if m.name not in ("crowd",)]
    items = "".join(f"<dt>{text(m.name)}</dt><dd>{text(m.definition)}</dd>" for m in shown)
    return f'<dl class="facts">{items}</dl>'


TERMINAL = (("accuracy", "accuracy"), ("brier", "Brier"), ("ece_10", "ECE"), ("auroc", "AUROC"), ("parse_rate", "readable"))


def summary_lines(metrics: Mapping[str, Any]) -> list[str]:
    """About ten lines for the terminal, from the dictionary ``write_report`` returns: the headline and the table.

    The first test split is shown with its bounds and baselines, the others with before and after.
    """
    splits = {k: v for k, v in metrics["splits"].items() if k != "validation"} or metrics["splits"]
    lines = [metrics["headline"], ""]
    wide = max(24, *(len(_terminal_name(k, r)) + len(r["label"]) + 2 for v in splits.values() for k, r in _chosen(v, True)))
    for i, split in enumerate(splits.values()):
        rows = _chosen(split, full=i == 0)
        lines.append(f"{split['label']:<{wide}}" + "".join(f"{h:>10}" for _, h in TERMINAL) if i == 0 else split["label"])
        lines += [f"  {_terminal_name(key, row):<{wide - 2}}" + _terminal_cells(row["metrics"]) for key, row in rows]
    return lines


def _terminal_name(key: str, row: Mapping[str, Any]) -> str:
    return "before + constant" if key == "before+constant" else str(row["label"])


def _chosen(split: Mapping[str, Any], full: bool) -> list[tuple[str, Mapping[str, Any]]]:
    systems = split["systems"]
    posthoc = [k for k in systems if k.startswith("before+") and k != "before+constant"]
    best = min(posthoc, key=lambda k: systems[k]["metrics"]["brier"]["value"] or 1.0, default=None)
    keys = ("bayes", "before+constant", best, "before", "after") if full else ("before", "after")
    return [(k, systems[k]) for k in keys if k in systems]


def _terminal_cells(metrics: Mapping[str, Any]) -> str:
    values = [(name, metrics.get(name, {}).get("value")) for name, _ in TERMINAL]
    return "".join(f"{percent(v) if n in SHARES else number(v):>10}" for n, v in values)
