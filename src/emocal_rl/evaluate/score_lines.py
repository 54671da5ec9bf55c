"""What the terminal shows of scored completions."""

from __future__ import annotations

from collections.abc import Mapping

from emocal_rl.evaluate.findings import between, number
from emocal_rl.evaluate.measure import Metric
from emocal_rl.evaluate.score import Report

COLUMNS = ("accuracy", "brier", "auroc", "ece_10", "parse_rate")
"""Of every part; the whole has all metrics."""


def lines(report: Report) -> list[str]:
    """Every metric with its interval, rows and definition, then parts, faults, oddities."""
    found = _metric_lines(report.metrics)
    means = "  ".join(f"{name} {number(value)}" for name, value in report.means.items())
    found += [f"reward, mean over {len(report.scored)} rows: {means}"]
    if report.distributions:
        found += ["", "stated distributions:", *_metric_lines(report.distributions["stated"])]
        bound = "  ".join(f"{name} {number(m.value)}" for name, m in report.distributions["bound"].items())
        found += [f"the votes themselves, stated, would have {bound}"]
    if report.parts:
        found += ["", *_part_lines(report.parts)]
    found += [f"fault: {count} x {name}" for name, count in report.faults.items()]
    found += [f"odd: {count} {what}" for what, count in report.saved.oddities.items()]
    return found + [f"note: {note}" for note in report.notes]


def _metric_lines(metrics: Mapping[str, Metric]) -> list[str]:
    wide = max(len(name) for name in metrics) + 2
    return [
        f"{name:<{wide}}{number(m.value):>8}  {between(m.low, m.high):<18}  n={m.n:<7} {m.definition}"
        for name, m in metrics.items()
    ]


def _part_lines(parts: Mapping[str, Mapping[str, Metric]]) -> list[str]:
    wide = max(len(name) for name in parts) + 2
    head = " " * wide + f"{'rows':>8}" + "".join(f"{name:>12}" for name in COLUMNS)
    rows = [
        f"{part:<{wide}}{found['accuracy'].n:>8}" + "".join(f"{number(found[name].value):>12}" for name in COLUMNS)
        for part, found in parts.items()
    ]
    return [head, *rows]
