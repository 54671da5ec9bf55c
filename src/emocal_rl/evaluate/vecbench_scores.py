"""VECBench scored as everything else here is: exact answers, nothing dropped, intervals, pooled and sub-task means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emocal_rl.evaluate.cells import Sample
from emocal_rl.evaluate.intervals import headline
from emocal_rl.evaluate.labels import f1
from emocal_rl.evaluate.measure import Metric
from emocal_rl.evaluate.vecbench import GROUPS, ROWS, Item
from emocal_rl.rewards.formats import find_format
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.numbers import decimal
from emocal_rl.rewards.formats.reply import Reply


def read_reply(item: Item, form: str | None = None) -> Reply:
    """The answer and confidence of an item: strictly with a format, else from the first closed tags.

    The answer must be a candidate, whole, up to case and punctuation; the confidence a plain number in [0, 1].
    """
    if item.response is None:
        return Reply("", fault="not_text")
    if form is not None:
        return find_format(form).read(item.response, list(item.candidates), item.aliases)
    said, stated = inside(item.response, "answer"), inside(item.response, "confidence")
    answer = match(said, list(item.candidates), item.aliases) if said else None
    number = None if stated is None else decimal(stated)
    good = number is not None and 0 <= number <= 1
    faults = (
        (not said, "no_answer"),
        (answer is None, "answer_not_a_candidate"),
        (not stated, "no_confidence"),
        (number is None, "confidence_not_a_number"),
        (not good, "confidence_out_of_range"),
    )
    fault = next((name for happened, name in faults if happened), None)
    return Reply(item.response, answer=answer, confidence=number if good else None, fault=fault)


def inside(text: str, tag: str) -> str | None:
    """What stands in the first closed tag, stripped; None without one.

    >>> inside("<answer> joy </answer>", "answer"), inside("joy", "answer")
    ('joy', None)
    """
    start = text.find(f"<{tag}>")
    end = text.find(f"</{tag}>", start)
    return text[start + len(tag) + 2 : end].strip() if start >= 0 and end >= 0 else None


@dataclass(frozen=True)
class Row:
    """A task, a group or everything: headline metrics, weighted F1, and for several tasks their unweighted mean."""

    metrics: dict[str, Metric]
    weighted_f1: float
    macro_f1: float | None
    subtask_mean: float | None = None

    @property
    def n(self) -> int:
        """Rows, all of them."""
        return self.metrics["accuracy"].n


@dataclass(frozen=True)
class Scores:
    """All rows of the table, and every item's reply and correctness in the order of the items."""

    tasks: dict[str, Row]
    groups: dict[str, Row]
    overall: Row
    replies: tuple[Reply, ...]
    correct: tuple[float, ...]


def scores(items: Sequence[Item], form: str | None = None, *, resamples: int = 2000, seed: int = 0) -> Scores:
    """Score items. An answer that can be read counts although its confidence cannot; an unreadable answer is wrong."""
    replies = [read_reply(item, form) for item in items]
    correct = [float(is_right(item, reply)) for item, reply in zip(items, replies, strict=True)]

    def row(tasks: Sequence[str]) -> Row | None:
        at = [i for i, item in enumerate(items) if item.task in tasks]
        return _row([items[i] for i in at], [replies[i] for i in at], [correct[i] for i in at], resamples, seed)

    by_task = {task: found for task in ROWS if (found := row([task]))}
    groups = {name: found for name, tasks in GROUPS.items() if (found := row(tasks))}
    overall = row(list(ROWS))
    assert overall is not None  # read_items refuses a file without items
    return Scores(by_task, groups, overall, tuple(replies), tuple(correct))


def is_right(item: Item, reply: Reply) -> bool:
    """Is the answer the truth, spelled any way the label may be?"""
    return reply.answer is not None and match(item.truth, [reply.answer], item.aliases) is not None


def _row(
    items: Sequence[Item], replies: Sequence[Reply], correct: Sequence[float], resamples: int, seed: int
) -> Row | None:
    if not items:
        return None
    sample = Sample.of([r.confidence for r in replies], correct, [r.fault is None for r in replies])
    found = headline(sample.confidence, sample.correct, readable=sample.readable, resamples=resamples, seed=seed)
    answers = [None if r.answer is None else r.answer.lower() for r in replies]
    truths = [item.truth.lower() for item in items]
    own = {name.lower() for item in items for name in item.candidates} | set(truths)
    both = f1(answers, truths, sorted(own))
    tasks = dict.fromkeys(item.task for item in items)
    means = [np.mean([y for y, item in zip(correct, items, strict=True) if item.task == task]) for task in tasks]
    several = len(tasks) > 1
    return Row(found, both["weighted"], None if several else both["macro"], float(np.mean(means)) if several else None)
