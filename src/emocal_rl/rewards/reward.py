"""Reward: read once, grade once, score many. The one call that training, evaluation and every adapter make."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress, repeat
from typing import Any, NamedTuple

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.completions import text_of
from emocal_rl.rewards.formats.core import Format, find_format
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.graders.core import Estimate, Grade, Graded, Grader, accepts_of, find_grader, grade
from emocal_rl.rewards.rules.core import Array
from emocal_rl.rewards.scoring import group_sums, lowest_terms, values
from emocal_rl.rewards.targets import Target, aliases_of, candidates_of
from emocal_rl.rewards.terms import Spec, parse_terms


class Scored(NamedTuple):
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

        A faulty reply has no confidence there, so that no metric counts one by mistake. Replies of formats that state
        more than one probability add "distribution".
        """
        reply = self.reply
        stated = {} if reply.distribution is None else {"distribution": dict(reply.distribution)}
        return {
            "text": reply.text,
            "answer": reply.answer,
            "confidence": None if reply.fault else reply.confidence,
            "fault": reply.fault,
            "correct": self.correct,
            "terms": dict(self.terms),
            "total": self.total,
            **stated,
        }


_SCORED = partial(tuple.__new__, Scored)  # of a row of fields: half the time of a call with arguments


class Reward:
    """Weighted terms over one reader and one grader. Immutable, picklable, safe to call from several threads.

    terms: ``{name: weight}`` or ``{name: {use: rule, weight: w, target: t, parameter: value}}``; weight 0 is measured,
    never paid; target is one of `GROUP_TARGETS`, "outcome" by default.
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
        self._accepts = accepts_of(self.grader)
        self.__name__ = name or "+".join(term.name for term in self.terms)
        if floor is not None and not math.isfinite(floor):
            raise UserError(f"reward: floor must be a finite number, got {floor}")
        # term -> the lowest value it is paid: finite, also where its rule has no lower bound
        self.lows, worst_terms = lowest_terms(self.terms, self.reach)
        self.worst = self._total(worst_terms)
        unformed = {term.name: 0.0 for term in self.terms if term.rule.name == "well_formed"}
        self._faulty_terms = {**worst_terms, **unformed}
        # a negative weight on well_formed would lift a faulty reply above the worst readable one
        self.floor = min(self.worst, self._total(self._faulty_terms)) if floor is None else float(floor)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, self._spec

    def __repr__(self) -> str:
        weights = ", ".join(f"{term.name}={term.weight:g}" for term in self.terms)
        return f"<reward {weights}; format {self.format.name}>"

    @property
    def weights(self) -> dict[str, float]:
        """Term name -> weight."""
        return {term.name: term.weight for term in self.terms}

    @property
    def needs_groups(self) -> bool:
        """Whether a term has a group target, so that a call needs `groups`."""
        return any(term.target.needs_group for term in self.terms)

    @property
    def stated(self) -> Array:
        """Every confidence to judge this reward on: the format's grid; one dummy value where it states none."""
        return np.array(self.format.grid or (0.5,))

    @property
    def reach(self) -> Array:
        """The grid and the ends of what the reader lets through: a faulty reply must not beat any of them."""
        return np.union1d(self.stated, self.format.bounds)

    def __call__(
        self, completions: Sequence[Any], targets: Sequence[Target], groups: Sequence[Hashable] | None = None
    ) -> list[Scored]:
        """Score completions (text or chat messages) against their rows' targets, one Scored each, in order.

        groups: the prompt each completion answers (any hashable), for terms with a group target.
        Never raises on any completion, never gives NaN or infinity. Raises UserError for targets that are not mappings,
        do not hold what the grader needs, or differ in number from the completions.
        """
        _check_batch(completions, targets, groups)
        replies = list(map(self.read, completions, targets))
        grades = list(map(grade, repeat(self.grader), replies, targets, repeat(self.format.states)))
        return self.score(replies, grades, groups)

    def read(self, completion: Any, target: Target) -> Reply:
        """Read one completion with the format, checking the answer against the target's candidates.

        A grader may accept more than these: see `accepting`.
        """
        text = completion if type(completion) is str else text_of(completion)
        if text is None:
            return Reply("", fault="not_text")
        candidates, aliases = candidates_of(target), aliases_of(target)
        if self._accepts is None or not candidates:
            return self.format.read(text, candidates, aliases)
        more = {said: name for said, name in self._accepts(target).items() if match(said, candidates, aliases) is None}
        # a stated distribution is one over the candidates alone
        own = [] if self.format.states == "distribution" else [name for name in more.values() if name not in candidates]
        return self.format.read(text, list(dict.fromkeys([*candidates, *own])), {**more, **(aliases or {})})

    def score(
        self, replies: Sequence[Reply], grades: Sequence[Graded], groups: Sequence[Hashable] | None = None
    ) -> list[Scored]:
        """Score replies that are read and graded already; see `grade`."""
        if self.needs_groups and groups is None:
            raise UserError("reward: a term has a group target: pass groups, the prompt each completion answers")
        others = group_sums([one.correct for one in grades], groups) if groups is not None and self.needs_groups else []
        open_truth = self.format.states != "distribution"
        good = [
            not reply.fault and one.correct is not None and (open_truth or one.truth is not None)
            for reply, one in zip(replies, grades, strict=True)
        ]
        graded = list(compress(grades, good))
        columns = values(self.terms, graded, list(compress(others, good)), self.lows)
        paid = self._paid(compress(replies, good), [one.correct for one in graded], columns)
        return [next(paid) if pays else self._unpaid(reply) for reply, pays in zip(replies, good, strict=True)]

    def _paid(self, replies: Iterable[Reply], correct: list[Grade], columns: Sequence[Array]) -> Iterator[Scored]:
        """Readable, graded replies, with the value of each term."""
        weighed = (term.weight * column for term, column in zip(self.terms, columns, strict=True) if term.weight)
        totals = sum(weighed, np.zeros(len(correct)))
        if not any(issubclass(kind, Estimate) for kind in set(map(type, correct))):
            totals = np.maximum(totals, self.worst)
        return map(_SCORED, zip(replies, correct, self._named(columns, len(correct)), totals.tolist(), strict=True))

    def _named(self, columns: Sequence[Array], count: int) -> list[dict[str, float]]:
        """One mapping a reply; filled column by column, which takes half the time of row by row."""
        rows = [self._faulty_terms.copy() for _ in range(count)]
        for term, column in zip(self.terms, columns, strict=True):
            name = term.name
            for row, value in zip(rows, column.tolist(), strict=True):
                row[name] = value
        return rows

    def _unpaid(self, reply: Reply) -> Scored:
        """A faulty reply, or one that cannot be graded."""
        return (
            Scored(reply, 0.0, dict(self._faulty_terms), self.floor) if reply.fault else Scored(reply, None, {}, None)
        )

    def _total(self, terms: Mapping[str, float]) -> float:
        return sum((term.weight * terms[term.name] for term in self.terms if term.weight), 0.0)


def _rebuild(terms: Spec, form: str | Format, grader: Any, floor: float | None, name: str | None) -> Reward:
    return Reward(terms, form, grader, floor=floor, name=name)


def _check_batch(completions: Sequence[Any], targets: Sequence[Target], groups: Sequence[Hashable] | None) -> None:
    if isinstance(completions, str):
        raise UserError("reward: completions must be a list, got a single text: wrap it in [ ]")
    for name, given in (("targets", targets), ("groups", groups)):
        if given is not None and len(completions) != len(given):
            raise UserError(f"reward: {len(completions)} completions but {len(given)} {name}")
    rows: Sequence[Any] = targets
    for i, target in enumerate(rows):
        if not isinstance(target, Mapping):
            kind = type(target).__name__
            raise UserError(f"reward: target {i} must be a mapping such as {{'label': 'positive'}}, got {kind}")
