"""The arithmetic inside a Reward: graded replies in, one column of numbers per term out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import chain, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emocal_rl.rewards.distributions import DistributionRule
from emocal_rl.rewards.graders.core import Graded
from emocal_rl.rewards.rules.core import Array, Rule, extrapolated
from emocal_rl.rewards.terms import Term


def group_sums(correct: Sequence[float | None], groups: Sequence[Hashable]) -> list[tuple[float, int]]:
    """For each rollout, the sum of the other gradable outcomes of its group, and the group's gradable size.

    >>> group_sums([1.0, 0.0, None, 1.0], ["a", "a", "a", "b"])
    [(0.0, 2), (1.0, 2), (1.0, 2), (0.0, 1)]
    """
    sums: dict[Hashable, tuple[float, int]] = {}
    for value, group in zip(correct, groups, strict=True):
        total, size = sums.get(group, (0.0, 0))
        sums[group] = (total, size) if value is None else (total + value, size + 1)
    return [(sums[group][0] - (value or 0.0), sums[group][1]) for value, group in zip(correct, groups, strict=True)]


class _Stated(NamedTuple):
    """Every stated confidence of a batch: one a reply, or one a guess.

    confidence, correct: of shape (N,). owner: the reply that each belongs to, shape (N,); None when each has its own.
    """

    confidence: Array
    correct: Array
    owner: NDArray[np.intp] | None

    def sums(self, column: Array, replies: int) -> Array:
        """The sum over each reply of one value a confidence, shape (replies,)."""
        # adding 0 turns -0 into 0, as any other sum does
        return np.asarray(column + 0.0 if self.owner is None else np.bincount(self.owner, column, replies))

    def means(self, column: Array, replies: int) -> Array:
        """The mean over each reply, shape (replies,)."""
        sums = self.sums(column, replies)
        return sums if self.owner is None else np.asarray(sums / np.bincount(self.owner, minlength=replies))


def values(
    terms: Sequence[Term], grades: Sequence[Graded], others: Sequence[tuple[float, int]], lows: Mapping[str, float]
) -> list[Array]:
    """One column per term, one value per reply.

    A reply with several guesses is scored guess by guess: a confidence rule pays the mean over its guesses, correctness
    the sum, at most 1.
    """
    several = any(one.guesses for one in grades)
    stated = _of_guesses(grades) if several else _of_answers(grades)
    return [_column(term, grades, stated, others, lows[term.name]) for term in terms]


def _of_answers(grades: Sequence[Graded]) -> _Stated:
    confidence, correct = [one.confidence for one in grades], [one.correct for one in grades]
    return _Stated(np.array(confidence, dtype=float), np.array(correct, dtype=float), None)


def _of_guesses(grades: Sequence[Graded]) -> _Stated:
    each = [one.guesses or ((one.confidence, one.correct or 0.0),) for one in grades]
    confidence, correct = np.array(list(chain.from_iterable(each)), dtype=float).T
    return _Stated(confidence, correct, np.repeat(np.arange(len(each)), [len(guesses) for guesses in each]))


def _column(
    term: Term, grades: Sequence[Graded], stated: _Stated, others: Sequence[tuple[float, int]], low: float
) -> Array:
    if isinstance(term.rule, DistributionRule):
        return np.array([max(_against(term.rule, one), low) for one in grades], dtype=float)
    against = _targets(term, stated, others)
    if not term.rule.uses_confidence:
        hit = against if stated.owner is None else np.minimum(stated.sums(against, len(grades)), 1.0)
        return extrapolated(term.rule, np.full(len(grades), 0.5), hit)
    return stated.means(extrapolated(term.rule, stated.confidence, against, low), len(grades))


def _targets(term: Term, stated: _Stated, others: Sequence[tuple[float, int]]) -> Array:
    own = stated.correct
    if not term.target.needs_group:
        return own
    mates = others if stated.owner is None else [others[i] for i in stated.owner.tolist()]
    targets = [term.target.of(y, *mate) for y, mate in zip(own.tolist(), mates, strict=True)]
    bounded = all(0 <= total <= size for total, size in mates) and np.all((own >= 0) & (own <= 1))
    found = np.array(targets, dtype=float)
    return np.clip(found, 0.0, 1.0) if bounded else found  # sums of floats may leave [0, 1] by a rounding


def _against(rule: DistributionRule, one: Graded) -> float:
    truth, stated = one.truth or {}, dict(one.stated)
    return float(rule([stated.get(label, 0.0) for label in truth], list(truth.values())))


def lowest_terms(terms: Sequence[Term], reach: Array) -> tuple[dict[str, float], dict[str, float]]:
    """(each term's lowest finite value, the values of the terms where the weighted total is lowest).

    reach: the confidences a reply can state, shape (N,). Over all of them and over right, wrong, and the mixtures that
    group targets make of the two. Distribution rules are taken at the bound they declare, the upper
    one where the weight is negative.
    """
    scalar = [term for term in terms if isinstance(term.rule, Rule)]
    ends = {term.name: np.stack([term.rule(reach, 0.0), term.rule(reach, 1.0)]) for term in scalar}
    lows = {name: float(end[np.isfinite(end)].min()) for name, end in ends.items()}
    declared = {term.name: term for term in terms if isinstance(term.rule, DistributionRule)}
    fixed = {name: float(term.rule.low if term.weight >= 0 else term.rule.high) for name, term in declared.items()}
    corners = [
        {term.name: np.maximum(ends[term.name][(y, mean)[term.target.needs_group]], lows[term.name]) for term in scalar}
        for y, mean in product((0, 1), (0, 1))
    ]
    weights = {term.name: term.weight for term in terms}
    totals = np.array(
        [
            sum((weights[name] * value for name, value in corner.items() if weights[name]), np.zeros(len(reach)))
            for corner in corners
        ]
    )
    at = np.unravel_index(int(totals.argmin()), totals.shape)
    worst = {name: float(value[at[1]]) for name, value in corners[int(at[0])].items()}
    lows |= {name: float(term.rule.low) for name, term in declared.items()}
    return lows, {term.name: {**worst, **fixed}[term.name] for term in terms}
