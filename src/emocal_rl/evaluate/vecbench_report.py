"""VECBench side by side: EmoCaliber's evaluator and ours, and which rows make the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.evaluate.findings import between, number
from emocal_rl.evaluate.markup import document, paragraphs, text
from emocal_rl.evaluate.tables import table
from emocal_rl.evaluate.vecbench import GROUP_OF, ROWS, Item
from emocal_rl.evaluate.vecbench_differences import Difference, differences
from emocal_rl.evaluate.vecbench_legacy import LegacyTable, legacy_table
from emocal_rl.evaluate.vecbench_scores import Row, Scores, scores

SHOWN = ("accuracy", "f1", "ece", "brier", "auroc")
OURS = {"accuracy": "accuracy", "ece": "ece_10", "brier": "brier", "auroc": "auroc"}
HEADS = {"accuracy": "Acc", "f1": "F1", "ece": "ECE", "brier": "Brier", "auroc": "AUROC"}


@dataclass(frozen=True)
class VecBench:
    """Both evaluators on the same items, why they differ, and what was odd about the file."""

    ours: Scores
    legacy: LegacyTable
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, every number; shares in [0, 1]."""
        legacy = asdict(self.legacy) | {"dropped": [item.id for item in self.legacy.dropped]}
        rows = {"tasks": self.ours.tasks, "groups": self.ours.groups}
        ours = {kind: {name: _row_dict(row) for name, row in found.items()} for kind, found in rows.items()}
        return {
            "ours": ours | {"overall": _row_dict(self.ours.overall)},
            "legacy": legacy,
            "differences": [asdict(d) for d in self.differences],
            "notes": list(self.notes),
        }


def _row_dict(row: Row) -> dict[str, Any]:
    plain = {name: metric.as_dict() for name, metric in row.metrics.items()}
    extra = {"weighted_f1": row.weighted_f1, "macro_f1": row.macro_f1, "subtask_mean_accuracy": row.subtask_mean}
    return {"rows": row.n, "metrics": plain, **extra}


def vecbench(
    items: Sequence[Item],
    oddities: Mapping[str, int] | None = None,
    *,
    form: str | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> VecBench:
    """Score items with both evaluators. ``form``: read strictly with this format instead of the first closed tags."""
    ours = scores(items, form, resamples=resamples, seed=seed)
    legacy = legacy_table(items)
    notes = [f"{count} {what}" for what, count in (oddities or {}).items()] + _incomplete(ours)
    return VecBench(ours, legacy, tuple(differences(items, ours.replies, ours.correct)), tuple(notes))


def _incomplete(ours: Scores) -> list[str]:
    found = {task: ours.tasks[task].n if task in ours.tasks else 0 for task in ROWS}
    return [f"{task}: {n} of {ROWS[task]} rows" for task, n in found.items() if n != ROWS[task]]


def _percent(value: float | None) -> str:
    return "N/A" if value is None else number(100 * value, 2)


def _pair(row: Row, key: str) -> tuple[float | None, str]:
    """Our value of a column and its interval."""
    if key == "f1":
        return row.weighted_f1, ""
    found = row.metrics[OURS[key]]
    limits = "" if found.low is None or found.high is None else between(100 * found.low, 100 * found.high, 2)
    return None if found.value != found.value else found.value, limits


def layout(result: VecBench) -> tuple[list[list[str]], list[list[str]]]:
    """Their two tables, x 100, ours beside theirs: (task rows, group rows), the first row of each its head."""
    tasks = [["task", "group", "n", "Acc", "theirs", "F1", "theirs", "n, theirs"]]
    for name, row in result.ours.tasks.items():
        old = result.legacy.tasks.get(name)
        pairs = [(_pair(row, key)[0], getattr(old, key, None)) for key in ("accuracy", "f1")]
        cells = [_percent(value) for pair in pairs for value in pair]
        tasks.append([name, GROUP_OF[name], str(row.n), *cells, str(old.n if old else 0)])
    heads = [x for key in SHOWN for x in (HEADS[key], "theirs")]
    groups = [["group", "n", "sub-task mean", *heads]]
    for name, row in result.ours.groups.items():
        before = result.legacy.groups.get(name)
        cells = [_percent(x) for key in SHOWN for x in (_pair(row, key)[0], getattr(before, key, None))]
        groups.append([name, str(row.n), _percent(row.subtask_mean), *cells])
    everything = result.ours.overall
    cells = [_percent(_pair(everything, key)[0]) for key in SHOWN]
    legacy = [_percent(result.legacy.overall), *["–"] * (len(SHOWN) - 1)]
    both = [x for pair in zip(cells, legacy, strict=True) for x in pair]
    return tasks, [*groups, ["Overall", str(everything.n), _percent(everything.subtask_mean), *both]]


def lines(result: VecBench) -> list[str]:
    """Both tables for the terminal, then what differs and why."""
    tasks, groups = layout(result)
    found = [*_columns(tasks), "", *_columns(groups), ""]
    found += [f"differs: {d.count} {d.what} (first: {d.example})" for d in result.differences]
    return found + [f"note: {note}" for note in result.notes]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  ".join(f"{x:<{w}}" if k == 0 else f"{x:>{w}}" for k, (x, w) in enumerate(zip(r, wide, strict=True)))
            for r in rows]  # fmt: skip


def write(result: VecBench, folder: Path) -> None:
    """``vecbench.html`` and ``vecbench.json``."""
    files.write_json(folder / "vecbench.json", result.as_dict())
    files.write_text(folder / "vecbench.html", page(result).encode("utf-8", "replace").decode())


def page(result: VecBench) -> str:
    """The same as a page, with intervals and definitions."""
    tasks, groups = layout(result)
    lead = (
        "Shares times 100. Left of each pair: every row counts, answers match whole labels, bins are right-closed and "
        "hold 1.0. Right: EmoCaliber's evaluator on the same file. The papers print the sub-task mean as a group's "
        "accuracy, the repository the pooled one."
    )
    reasons = "".join(
        f"<li>{d.count} {text(d.what)} <small>(first: {text(d.example)})</small></li>" for d in result.differences
    )
    listed = f'<h2>What differs</h2><ul class="findings">{reasons}</ul>' if reasons else ""
    body = (
        f'<h1>VECBench</h1><p class="lead">{text(lead)}</p>{paragraphs(result.notes, "note")}'
        f"<h2>Groups</h2>{_html(groups)}<h2>Tasks</h2>{_html(tasks)}{listed}<h2>Intervals</h2>{_intervals(result)}"
    )
    return document("VECBench", body)


def _html(rows: Sequence[Sequence[str]]) -> str:
    return table(rows[0], [f"<tr>{''.join(f'<td>{text(x)}</td>' for x in row)}</tr>" for row in rows[1:]])


def _intervals(result: VecBench) -> str:
    named = {**result.ours.groups, **result.ours.tasks, "Overall": result.ours.overall}
    rows = [["row", *(HEADS[key] for key in OURS)]]
    for name, row in named.items():
        pairs = (_pair(row, key) for key in OURS)
        rows.append([name, *(f"{_percent(value)} {limits}".strip() for value, limits in pairs)])
    items = "".join(
        f"<dt>{text(m.name)}</dt><dd>{text(m.definition)}</dd>" for m in result.ours.overall.metrics.values()
    )
    return f'{_html(rows)}<dl class="facts">{items}</dl>'
