"""VECBench (Wu et al., arXiv 2512.15528, 2025): nine tasks in three groups, each number with its definition.

Read are their test file (`task`, `ground_truth`, `candidates`, no response), their merged outputs (+ `response`, and
`confidence` after extraction), their follow-up's `Std-VECBench.json`, and the completions that `emocal-rl eval` writes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.data.taxonomy import TAXONOMIES
from emocal_rl.data.vecbench import TASKS, task_name
from emocal_rl.errors import UserError
from emocal_rl.evaluate.saved import IDS, LABELS, MIXED, NOT_JSON, STRANGER, not_json, text_of
from emocal_rl.rewards.formats.matching import match

GROUPS: dict[str, tuple[str, ...]] = {
    "ID VER": ("EmoSet-8", "FI-8", "WebEmo-7", "WebEmo-25"),
    "ID VSA": ("FI-2", "WebEmo-2"),
    "OOD VER": ("UnbiasedEmo-6", "Abstract-8", "Artphoto-8"),
}
"""Group -> tasks. VER: emotion recognition, VSA: sentiment analysis; ID: seen in training, OOD: not."""

ROWS = {
    "EmoSet-8": 1000, "FI-8": 1000, "WebEmo-7": 1000, "WebEmo-25": 1000, "FI-2": 1000, "WebEmo-2": 1000,
    "UnbiasedEmo-6": 1000, "Abstract-8": 229, "Artphoto-8": 806,
}  # fmt: skip
"""Task -> test rows, as published."""

GROUP_OF = {task: group for group, tasks in GROUPS.items() for task in tasks}

OTHER_TASK = "rows of tasks that are not VECBench's (left out)"
REPEATED = "repeated ids within a task (every line counts, as it does in theirs)"
NO_TRUTH = "rows without ground_truth or candidates (left out)"
NO_RESPONSE = "rows without a response (wrong in our numbers, absent from theirs)"
UNASKED = "questions that no completion answers (wrong in our numbers, absent from theirs)"


@dataclass(frozen=True)
class Item:
    """One test row and what was said. ``extracted`` and ``has_extracted``: the confidence their extraction wrote."""

    id: str
    task: str
    truth: str
    candidates: tuple[str, ...]
    response: str | None
    extracted: float | None = None
    has_extracted: bool = False

    @property
    def aliases(self) -> dict[str, str]:
        """Other spellings of this row's labels."""
        spellings = TAXONOMIES[TASKS[self.task]].spellings
        return {said: label for said, label in spellings.items() if label in self.candidates}


def read_items(path: Path, questions: Path | None = None) -> tuple[list[Item], dict[str, int]]:
    """The items of a file, and what was odd about it (sentence -> count).

    questions: their test file, where the completions do not name their task: joined by id, else by position.
    Raises UserError when a file is missing, holds no item, or cannot be joined.
    """
    odd: Counter[str] = Counter()
    lines = read_lines(path, odd)
    if questions is not None:
        lines = joined(read_lines(questions, odd), lines, path, odd)
    items = [item for number, line in enumerate(lines, 1) if (item := item_of(line, number, odd)) is not None]
    if not items:
        why = "; ".join(f"{count} {what}" for what, count in odd.items() if count) or "the file is empty"
        raise UserError(f"{path}: no VECBench row in it: {why}; a row needs task, ground_truth, candidates, response")
    _strange(items, odd)
    return items, {what: count for what, count in odd.items() if count}


def _strange(items: Sequence[Item], odd: Counter[str]) -> None:
    """Count what is scored though it should not be there: repeated ids, foreign labels, mixed taxonomies."""
    odd[REPEATED] += len(items) - len({(item.task, item.id) for item in items})
    odd[STRANGER] += sum(match(item.truth, item.candidates, item.aliases) is None for item in items)
    sets = {(item.task, tuple(sorted(item.candidates))) for item in items}
    tasks = Counter(task for task, _ in sets)
    odd[MIXED] += sum(count for count in tasks.values() if count > 1)


def read_lines(path: Path, odd: Counter[str]) -> list[dict[str, Any]]:
    """The objects of a .jsonl file, or of a .json file that maps ids to objects."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".json":
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as problem:
            raise UserError(f"{path}: not valid JSON ({problem.msg}, line {problem.lineno})") from None
        except UnicodeDecodeError:
            raise UserError(f"{path}: not a text file (expected JSON in UTF-8)") from None
        if isinstance(found, dict):
            entries = [{"id": key, **row} if isinstance(row, dict) else row for key, row in found.items()]
        else:
            entries = found if isinstance(found, list) else [found]
        rows = [row for row in entries if isinstance(row, dict)]
        odd[NOT_JSON] += len(entries) - len(rows)
        return rows
    broken: list[str] = []
    lines = files.read_jsonl(path, broken.append)
    odd.update(not_json(broken))
    return [line["original_data"] if isinstance(line.get("original_data"), dict) else line for line in lines]


def joined(
    questions: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]], path: Path, odd: Counter[str]
) -> list[dict[str, Any]]:
    """Questions with what was said to them."""
    ids = [next((str(q[name]) for name in IDS if name in q), None) for q in questions]
    said = {str(line["id"]): line for line in lines if line.get("id") is not None and line.get("status") != "error"}
    if all(i is not None for i in ids) and said.keys() & set(ids):
        odd[UNASKED] += sum(i not in said for i in ids)
        return [{**said.get(str(i), {}), **q, "id": i} for i, q in zip(ids, questions, strict=True)]
    if len(questions) != len(lines):
        raise UserError(f"{path}: {len(lines)} completions for {len(questions)} questions, and no ids in common")
    return [{**line, **q} for line, q in zip(lines, questions, strict=True)]


def item_of(line: Mapping[str, Any], number: int, odd: Counter[str]) -> Item | None:
    """One line as an item; None, counted, for another benchmark's row or one that nothing can be held against."""
    inner = line.get("other_info")
    line = {**inner, **line} if isinstance(inner, Mapping) else line
    task = task_name(line.get("task") or line.get("data_source") or line.get("split"))  # our splits are named so
    truth = next((line[name] for name in LABELS if isinstance(line.get(name), str)), None)
    candidates = line.get("candidates")
    if task is None or truth is None or not isinstance(candidates, list) or not candidates:
        odd[OTHER_TASK if task is None else NO_TRUTH] += 1
        return None
    response = text_of(line)
    odd[NO_RESPONSE] += response is None
    value = line.get("confidence")
    number_stated = isinstance(value, int | float) and not isinstance(value, bool)
    identity = str(next((line[name] for name in IDS if name in line), f"row-{number}"))
    names = tuple(str(name) for name in candidates)
    stated = float(value) if isinstance(value, int | float) and number_stated else None
    return Item(
        identity, task, truth, names, response, stated, "confidence" in line and (number_stated or value is None)
    )
