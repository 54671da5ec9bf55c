"""Reading a records file: the scored replies of a stage on a split. Nothing is dropped without being counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl import files
from emocal_rl.evaluate.cells import Ints, Sample, numbered
from emocal_rl.rewards.formats.matching import match

Votes = list[tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Record:
    """One scored reply. ``confidence`` is None where none was stated, ``fault`` names why a reply could not be read.

    ``offset`` is where its line starts in the file: the text stays there (`Records.text`), as there may be a million.
    """

    id: str
    cluster: str
    candidates: tuple[str, ...]
    votes: tuple[float, ...]
    label: str | None
    answer: str | None
    confidence: float | None
    correct: float
    fault: str | None
    distribution: Mapping[str, float] | None = None
    task: str | None = None
    offset: int = 0

    @property
    def majority(self) -> str | None:
        """The label most annotators chose, else the row's label."""
        if self.votes and len(self.votes) == len(self.candidates):
            return self.candidates[max(range(len(self.votes)), key=self.votes.__getitem__)]
        return self.label

    @property
    def target(self) -> dict[str, Any]:
        """What a grader sees of this row."""
        counted = {"votes": list(self.votes)} if self.votes and len(self.votes) == len(self.candidates) else {}
        return {"candidates": list(self.candidates), "label": self.label, **counted}

    @property
    def share(self) -> float | None:
        """The share of the votes for the answer, in [0, 1]; None without votes, or for no answer of the candidates."""
        if not self.votes or len(self.votes) != len(self.candidates) or not sum(self.votes):
            return None
        name = match(self.answer or "", self.candidates)
        return None if name is None else self.votes[self.candidates.index(name)] / sum(self.votes)

    @property
    def brier(self) -> float | None:
        """Expected Brier score of this reply, in [0, 1]; lower is better."""
        if self.confidence is None:
            return None
        return self.correct * (1 - self.confidence) ** 2 + (1 - self.correct) * self.confidence**2


ROUNDING = 1e-6  # by which a correctness that was written down may miss its share of the votes
NOT_JSON = "lines that are not JSON objects"


@dataclass(frozen=True)
class Records:
    """The records of one stage on one split, in file order, and what was odd about them (sentence -> count)."""

    rows: tuple[Record, ...]
    oddities: Mapping[str, int]
    path: Path

    def text(self, record: Record) -> str:
        """The words of a reply, from the file."""
        return str(files.line_at(self.path, record.offset).get("text") or "")

    @cached_property
    def sample(self) -> Sample:
        """Confidence, correctness and readability of all rows."""
        confidence = [np.nan if r.confidence is None else r.confidence for r in self.rows]
        readable = np.array([r.fault is None for r in self.rows], bool)
        return Sample(np.array(confidence, np.float64), np.array([r.correct for r in self.rows]), readable)

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of all rows."""
        return frozenset(r.id for r in self.rows)

    @cached_property
    def clusters(self) -> Ints:
        """(n,) the number of each row's cluster."""
        return numbered([r.cluster for r in self.rows])

    @cached_property
    def tasks(self) -> list[str | None]:
        """The task of each row; None where the file names none."""
        return [r.task for r in self.rows]

    @cached_property
    def votes(self) -> Votes | None:
        """Votes of each row, or None unless every row has them."""
        rows = [r.votes for r in self.rows]
        return rows if rows and all(len(v) > 1 and sum(v) > 0 for v in rows) else None

    @cached_property
    def judged_by_votes(self) -> bool:
        """Is every readable answer as correct as the share of its votes? Not so where a label judged it, or a judge."""
        shares = ((row.correct, row.share) for row in self.rows if row.fault is None)
        return self.votes is not None and all(
            share is None or abs(correct - share) <= ROUNDING for correct, share in shares
        )

    @property
    def states_confidence(self) -> bool:
        """Did any reply state a confidence?"""
        return any(r.confidence is not None for r in self.rows)

    def taken(self, at: Sequence[int]) -> Records:
        """The records at these positions."""
        return Records(tuple(self.rows[i] for i in at), self.oddities, self.path)

    def aligned(self, ids: Sequence[str]) -> Records:
        """The records of these ids, in this order. Raises KeyError for an id that is not there."""
        if len(ids) == len(self.rows) and all(r.id == i for r, i in zip(self.rows, ids, strict=True)):
            return self
        by_id = {r.id: r for r in self.rows}
        return Records(tuple(by_id[i] for i in ids), self.oddities, self.path)


def judging_votes(*sides: Records) -> Votes | None:
    """The votes of the rows, where they judged the replies of all sides (the same rows in the same order); else None.

    The bound of the votes, the gap to it and people's disagreement mean something only there: another grader can score
    an answer higher than any share of the votes.
    """
    return sides[0].votes if all(side.judged_by_votes for side in sides) else None


def read_records(path: Path) -> Records:
    """Read one records file. Repeated ids keep the last line; odd values are counted and named, never hidden."""
    odd: Counter[str] = Counter()
    by_id: dict[str, Record] = {}
    known: dict[Any, Any] = {}
    for number, (offset, line) in enumerate(files.scan_jsonl(path, lambda _: odd.update([NOT_JSON]))):
        record = _record(line, number, offset, odd, known)
        if record.id in by_id:
            odd["repeated ids (the last line counts)"] += 1
        by_id[record.id] = record
    return Records(tuple(by_id.values()), dict(odd), path)


def _record(line: Mapping[str, Any], number: int, offset: int, odd: Counter[str], known: dict[Any, Any]) -> Record:
    """One line. ``known`` keeps one object of every value that many rows repeat, which is all but their ids."""
    identity = f"line-{number + 1}" if line.get("id") is None else str(line["id"])
    confidence, fault = _confidence(line.get("confidence"), line.get("fault"), odd)
    named = {name: None if line.get(name) is None else str(line[name]) for name in ("label", "answer", "task")}
    votes = _votes(line.get("votes"))
    repeated = {
        **named,
        "candidates": tuple(str(c) for c in line.get("candidates") or ()),
        "votes": tuple(known.setdefault(count, count) for count in votes),
        "confidence": None if fault else confidence,
        "correct": 0.0 if fault else _correct(line.get("correct"), odd),
        "fault": fault,
    }
    shared: dict[str, Any] = {name: known.setdefault(value, value) for name, value in repeated.items()}
    cluster = identity if line.get("cluster") in (None, "") else str(line["cluster"])
    return Record(
        id=identity,
        cluster=identity if cluster == identity else known.setdefault(cluster, cluster),
        distribution=None if fault else _distribution(line.get("distribution"), odd),
        offset=offset,
        **shared,
    )


def _distribution(value: Any, odd: Counter[str]) -> dict[str, float] | None:
    if value is None:
        return None
    numbers = {str(k): _number(v) for k, v in value.items()} if isinstance(value, Mapping) else {}
    found = {name: number for name, number in numbers.items() if number is not None and number >= 0}
    if not found or len(found) < len(numbers):
        odd["distributions that are no mapping of labels to probabilities (not measured)"] += 1
        return None
    return found


def _number(value: Any) -> float | None:
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and math.isfinite(value) else None


def _confidence(value: Any, fault: Any, odd: Counter[str]) -> tuple[float | None, str | None]:
    named = None if fault is None else str(fault)
    if value is None:
        return None, named
    number = _number(value)
    if number is None or not 0 <= number <= 1:
        odd["confidences that are no number in [0, 1] (counted as unreadable)"] += 1
        return None, named or "confidence out of range"
    return number, named


def _correct(value: Any, odd: Counter[str]) -> float:
    number = _number(float(value) if isinstance(value, bool) else value)
    if number is None or not 0 <= number <= 1:
        odd["rows without a grade in [0, 1] (counted as wrong)"] += 1
        return 0.0
    return number


def _votes(value: Any) -> tuple[float, ...]:
    counts = tuple(_number(v) for v in value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return tuple(c for c in counts if c is not None and c >= 0) if None not in counts else ()
