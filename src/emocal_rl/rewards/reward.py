"""Reward: read once, grade once, score many. The one call that training, evaluation and every adapter make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.completions import text_of
from emocal_rl.rewards.formats.core import Format, find_format
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.graders.core import Grader, find_grader
from emocal_rl.rewards.rules.core import Array
from emocal_rl.rewards.targets import Target, aliases_of, candidates_of
from emocal_rl.rewards.terms import Spec, parse_terms


@dataclass(frozen=True)
class Scored:
    """One scored reply.

    correct: in [0, 1]; 0 for a faulty reply; None when the row cannot be graded. terms: the value of every term before
    weighting, higher is better; a faulty reply has the values of the worst readable one, and well_formed 0. total: the
    weighted sum, always finite; None when the row cannot be graded.
    """

    reply: Reply
    correct: float | None
    terms: Mapping[str, float]
    total: float | None

    def record(self) -> dict[str, Any]:
        """The row of a record file: text, answer, confidence, fault, correct, terms, total; plain JSON types.

        A faulty reply has no confidence there, so that no metric counts one by mistake.
        """
        reply = self.reply
        return {
            "text": reply.text,
            "answer": reply.answer,
            "confidence": None if reply.fault else reply.confidence,
            "fault": reply.fault,
            "correct": self.correct,
            "terms": dict(self.terms),
            "total": self.total,
        }


class Reward:
    """Weighted terms over one reader and one grader. Immutable, picklable, safe to call from several threads.

    terms: ``{name: weight}`` or ``{name: {use: rule, weight: w, parameter: value}}``; weight 0 is measured, never paid.
    format: a name in `FORMATS`, ``module:name``, or a `Format`. grader: a name in `GRADERS`, ``module:function``, a
    function ``(reply, target) -> correctness``, or ``{use: name, option: value}``.
    floor: what a faulty reply gets; by default the worst total that a readable one can get (minus the weight of
    `well_formed`), so that leaving the format never pays.

    >>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")
    >>> reward.floor
    -1.0
    """

    def __init__(
        self,
        terms: Spec,
        format: str | Format,
        grader: str | Mapping[str, Any] | Grader,
        *,
        floor: float | None = None,
        name: str | None = None,
    ) -> None:
        self._spec = (terms, format, grader, floor, name)
        self.format = find_format(format)
        self.terms = parse_terms(terms, self.format)
        self.grader = find_grader(grader)
        self.__name__ = name or "+".join(term.name for term in self.terms)
        if floor is not None and not math.isfinite(floor):
            raise UserError(f"reward: floor must be a finite number, got {floor}")
        self.worst, self._faulty_terms = self._worst()
        self.floor = self._default_floor if floor is None else float(floor)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, self._spec

    def __repr__(self) -> str:
        weights = ", ".join(f"{term.name}={term.weight:g}" for term in self.terms)
        return f"<reward {weights}; format {self.format.name}>"

    @property
    def weights(self) -> dict[str, float]:
        """Term name -> weight."""
        return {term.name: term.weight for term in self.terms}

    @cached_property
    def stated(self) -> Array:
        """Every confidence to judge this reward on: the format's grid; one dummy value where it states none."""
        return np.array(self.format.grid or (0.5,))

    def __call__(self, completions: Sequence[Any], targets: Sequence[Target]) -> list[Scored]:
        """Score completions (text or chat messages) against their rows' targets, one Scored each, in order.

        Never raises on any completion, never gives NaN or infinity. Raises UserError for targets that are not mappings,
        do not hold what the grader needs, or differ in number from the completions.
        """
        _check_batch(completions, targets)
        replies = [self.read(completion, target) for completion, target in zip(completions, targets, strict=True)]
        correct = [self.grade(reply, target) for reply, target in zip(replies, targets, strict=True)]
        return self.score(replies, correct)

    def read(self, completion: Any, target: Target) -> Reply:
        """Read one completion with the format, checking the answer against the target's candidates."""
        text = text_of(completion)
        if text is None:
            return Reply("", fault="not_text")
        return self.format.read(text, candidates_of(target), aliases_of(target))

    def grade(self, reply: Reply, target: Target) -> float | None:
        """Correctness in [0, 1]: 0 for a faulty reply, None when the row cannot be graded."""
        if reply.fault:
            return 0.0
        value = self.grader(reply, target)
        if value is None or math.isnan(value):
            return None
        if not 0 <= value <= 1:
            raise UserError(f"grader: correctness must lie in [0, 1], got {value} for answer {reply.answer!r}")
        return float(value)

    def score(self, replies: Sequence[Reply], correct: Sequence[float | None]) -> list[Scored]:
        """Score replies that are read and graded already."""
        good = [i for i, reply in enumerate(replies) if not reply.fault and correct[i] is not None]
        columns = self._columns([replies[i] for i in good], np.array([correct[i] for i in good], dtype=float))
        rows = dict(zip(good, zip(*columns.values(), strict=True), strict=True))
        return [self._scored(reply, correct[i], rows.get(i), columns.keys()) for i, reply in enumerate(replies)]

    def _columns(self, replies: Sequence[Reply], correct: Array) -> dict[str, list[float]]:
        confidence = np.array([0.5 if reply.confidence is None else reply.confidence for reply in replies])
        return {term.name: np.maximum(term.rule(confidence, correct), self._lows[term.name]).tolist()
                for term in self.terms}

    def _scored(self, reply: Reply, correct: float | None, row: tuple[float, ...] | None, names: Any) -> Scored:
        if reply.fault:
            return Scored(reply, 0.0, dict(self._faulty_terms), self.floor)
        if row is None:
            return Scored(reply, None, {}, None)
        terms = dict(zip(names, row, strict=True))
        return Scored(reply, correct, terms, max(self._total(terms), self.worst))

    def _total(self, terms: Mapping[str, float]) -> float:
        return sum((term.weight * terms[term.name] for term in self.terms if term.weight), 0.0)

    @cached_property
    def _lows(self) -> dict[str, float]:
        """The lowest finite value of each term, below which no reply is scored (only unbounded rules get there)."""
        reach = self._reach
        values = {term.name: np.stack([term.rule(reach, 0.0), term.rule(reach, 1.0)]) for term in self.terms}
        return {name: float(value[np.isfinite(value)].min()) for name, value in values.items()}

    @cached_property
    def _reach(self) -> Array:
        """The grid and the ends of what the reader lets through: a faulty reply must not beat any of them."""
        return np.union1d(self.stated, self.format.bounds)

    def _worst(self) -> tuple[float, dict[str, float]]:
        """The lowest total of a readable reply, and what a faulty one's terms are reported as."""
        candidates = [{term.name: float(max(term.rule(c, y), self._lows[term.name])) for term in self.terms}
                      for y in (0.0, 1.0) for c in self._reach]
        lowest = min(candidates, key=self._total)
        unformed = {term.name: 0.0 for term in self.terms if term.rule.name == "well_formed"}
        return self._total(lowest), {**lowest, **unformed}

    @property
    def _default_floor(self) -> float:
        # a negative weight on well_formed would lift a faulty reply above the worst readable one
        return min(self.worst, self._total(self._faulty_terms))


def _rebuild(terms: Spec, form: str | Format, grader: Any, floor: float | None, name: str | None) -> Reward:
    return Reward(terms, form, grader, floor=floor, name=name)


def _check_batch(completions: Sequence[Any], targets: Sequence[Target]) -> None:
    if isinstance(completions, str):
        raise UserError("reward: completions must be a list, got a single text: wrap it in [ ]")
    if len(completions) != len(targets):
        raise UserError(f"reward: {len(completions)} completions but {len(targets)} targets")
    rows: Sequence[Any] = targets
    for i, target in enumerate(rows):
        if not isinstance(target, Mapping):
            kind = type(target).__name__
            raise UserError(f"reward: target {i} must be a mapping such as {{'label': 'positive'}}, got {kind}")
