"""Completions that somebody saved, ours or another tool's: column names are guessed, oddities counted, nothing dropped.

A row is a completion (`text`, `completion`, `response`, ...) or, failing that, an `answer` with a `confidence` that
were read elsewhere, and what the right answer is (`votes`, `label`, `ground_truth`, ...).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.targets import aliases_of, shares_of

TEXTS = ("text", "completion", "response", "generations", "generation", "output", "model_output", "raw_response")
LABELS = ("label", "ground_truth", "solution", "gold", "target")
CANDIDATES = ("candidates", "choices", "labels", "options")
IDS = ("id", "index", "question_id", "doc_id")
CLUSTERS = ("cluster", "image_id", "image", "image_path")

NOT_JSON = "lines that are not JSON objects, left out"
SHOWN = 3  # of those lines are named
FAILED = "failed generations (an error instead of a completion; left out, run the generation again)"
NO_TEXT = "rows without a completion (counted as unreadable)"
EMPTY = "empty completions (counted as unreadable)"
REPEATED = "repeated ids (the last line counts)"
UNGRADED = "rows without votes or label (cannot be graded; left out)"
BAD_VOTES = "rows whose votes are no counts parallel to the candidates (cannot be graded; left out)"
STRANGER = "labels that are none of their row's candidates (every answer there is wrong)"
BAD_ALIASES = "rows whose aliases are no mapping of spellings to labels (left out)"
MIXED = "different sets of candidates within one task (their numbers are pooled)"


@dataclass(frozen=True, slots=True)
class SavedRow:
    """One saved completion. ``reply`` is set where the file holds an answer that was read elsewhere, and no text."""

    id: str
    cluster: str
    task: str | None
    text: str | None
    target: Mapping[str, Any]
    reply: Reply | None = None
    split: str | None = None


@dataclass(frozen=True)
class Saved:
    """All rows of a file in order, and what was odd about them (sentence -> count)."""

    path: Path
    rows: tuple[SavedRow, ...]
    oddities: Mapping[str, int]


def read_saved(path: Path) -> Saved:
    """Read a file of saved completions. Raises UserError when there is no file, no row, or none that can be graded."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; give a .jsonl file with one completion a line")
    odd: Counter[str] = Counter()
    rows: dict[tuple[str | None, str | None, str, str], SavedRow] = {}  # ids may start again in a split or a task
    known: dict[Any, Any] = {}
    broken: list[str] = []
    for number, (_, line) in enumerate(files.scan_jsonl(path, broken.append), start=1):
        if line.get("status") == "error":
            odd[FAILED] += 1
            continue
        row = saved_row(line, number, odd, known)
        if row is not None:
            key = (row.split, row.task, row.id, str(line.get("repeat")))
            odd[REPEATED] += key in rows
            rows[key] = row
    odd += not_json(broken)
    if not rows:
        raise UserError(_nothing(path, odd, len(broken)))
    _mixed(rows.values(), odd)
    return Saved(path, tuple(rows.values()), {what: count for what, count in odd.items() if count})


def not_json(broken: Sequence[str]) -> Counter[str]:
    """Lines of which no row could be made, as an oddity that says where the first of them are.

    >>> not_json(["a.jsonl:7: not a line of JSON: Expecting value"])
    Counter({'lines that are not JSON objects, left out: a.jsonl:7: not a line of JSON: Expecting value': 1})
    """
    if not broken:
        return Counter()
    more = "; ..." if len(broken) > SHOWN else ""
    return Counter({f"{NOT_JSON}: {'; '.join(broken[:SHOWN])}{more}": len(broken)})


def saved_row(
    line: Mapping[str, Any], number: int, odd: Counter[str], known: dict[Any, Any] | None = None
) -> SavedRow | None:
    """One line as a row; None when nothing says what the right answer is. ``known`` keeps one object of what many rows
    of a file repeat.
    """
    target = target_of(line, odd)
    if target is None:
        return None
    if known is not None:
        target = _shared(target, known)
    text, reply = text_of(line), None
    if text is None:
        reply = stated_reply(line, target, odd)
        odd[NO_TEXT] += reply is None
    elif not text.strip():
        odd[EMPTY] += 1
    identity = str(_first(line, IDS, (str, int), f"line-{number}"))
    cluster = str(_first(line, CLUSTERS, (str, int), identity))
    task = line.get("task") or _inner(line).get("task")
    split = _first(line, ("split",), str)
    return SavedRow(identity, cluster, None if task is None else str(task), text, target, reply, split)


def _shared(target: dict[str, Any], known: dict[Any, Any]) -> dict[str, Any]:
    """An equal target that holds the same objects as other rows' do: a million rows have a handful of label sets."""
    names = target.get("candidates", [])
    names = known.setdefault(tuple(names), names)
    if not target.keys() <= {"candidates", "label"}:
        return {**target, "candidates": names} if names else target
    whole = {key: names if key == "candidates" else value for key, value in target.items()}
    return known.setdefault((tuple(names), target.get("label")), whole)  # type: ignore[no-any-return]


def _first(line: Mapping[str, Any], names: Sequence[str], kinds: type | tuple[type, ...], otherwise: Any = None) -> Any:
    """The first of these columns that holds something of this kind; 0 is something."""
    found = (line[name] for name in names if isinstance(line.get(name), kinds) and line[name] not in ("", []))
    return next(found, otherwise)


def _inner(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """The columns that VECBench's files keep one level down."""
    inner = line.get("other_info")
    return inner if isinstance(inner, Mapping) else {}


def text_of(line: Mapping[str, Any]) -> str | None:
    """The completion of a line: a text, chat messages, or the first of a list of texts."""
    value = next((line[name] for name in TEXTS if line.get(name) is not None), None)
    if isinstance(value, list) and value:
        last = value[-1]
        value = last.get("content") if isinstance(last, Mapping) else value[0]
    return value if isinstance(value, str) else None


def target_of(line: Mapping[str, Any], odd: Counter[str]) -> dict[str, Any] | None:
    """What a grader needs: candidates, votes, label, aliases, as far as the line has them."""
    line = {**_inner(line), **line}
    target: dict[str, Any] = {}
    candidates = _first(line, CANDIDATES, list)
    if candidates is not None:
        target["candidates"] = [str(name) for name in candidates]
    try:
        aliases = aliases_of(line)
    except UserError:
        aliases, odd[BAD_ALIASES] = None, odd[BAD_ALIASES] + 1
    target |= {} if aliases is None else {"aliases": aliases}
    label = _first(line, LABELS, str)
    if label is not None:
        target["label"] = label
        odd[STRANGER] += candidates is not None and match(label, target["candidates"], target.get("aliases")) is None
    votes = usable_votes(line, target, odd)
    target |= {} if votes is None else {"votes": votes}
    if "label" not in target and votes is None:
        odd[UNGRADED] += line.get("votes") is None
        return None
    return target


def usable_votes(line: Mapping[str, Any], target: Mapping[str, Any], odd: Counter[str]) -> Any:
    """The votes of a line when a grader can use them, else None."""
    votes = line.get("votes")
    if votes is None:
        return None
    try:
        good = shares_of({**target, "votes": votes}) is not None
    except (UserError, TypeError, ValueError):
        good = False
    odd[BAD_VOTES] += not good
    return votes if good else None


def stated_reply(line: Mapping[str, Any], target: Mapping[str, Any], odd: Counter[str]) -> Reply | None:
    """A reply from columns `answer` and `confidence` that another reader filled; None when there is no answer column.

    A confidence that is no number in [0, 1] is a fault, as it is in a completion: "85%" and 1.2 are not guessed at.
    """
    if "answer" not in line:
        return None
    said = str(line["answer"] or "").strip()
    answer = match(said, target.get("candidates"), target.get("aliases")) if said else None
    if not answer:
        return Reply(said, fault="answer_not_a_candidate" if said else "no_answer")
    value = line.get("confidence")
    if value is None:
        return Reply(said, answer=answer, fault="no_confidence")
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return Reply(said, answer=answer, fault="confidence_not_a_number")
    if not 0 <= value <= 1:
        return Reply(said, answer=answer, fault="confidence_out_of_range")
    return Reply(said, answer=answer, confidence=float(value))


def _mixed(rows: Iterable[SavedRow], odd: Counter[str]) -> None:
    sets = {(row.task, tuple(sorted(row.target.get("candidates") or ()))) for row in rows}
    tasks = Counter(task for task, _ in sets)
    odd[MIXED] += sum(count for count in tasks.values() if count > 1)


def _nothing(path: Path, odd: Counter[str], broken: int) -> str:
    lines = [line for _, line in islice(files.scan_jsonl(path, lambda _: None), 20)]
    if not lines:
        return f"{path}: no line is a JSON object ({broken} broken lines); give one completion a line"
    why = "; ".join(f"{count} {what}" for what, count in odd.items() if count)
    columns = ", ".join(sorted({str(name) for line in lines for name in line})[:12])
    wanted = f"a completion ({', '.join(TEXTS[:3])}, ...) and votes or a label ({', '.join(LABELS[:2])}, ...)"
    return f"{path}: no row can be scored: {why}. Its columns are {columns}; each row needs {wanted}"
