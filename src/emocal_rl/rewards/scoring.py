"""The arithmetic inside a Reward: graded replies in, one column of numbers per term out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import chain, product

import numpy as np
from numpy.typing import NDArray

from emocal_rl.rewards.distributions import DistributionRule
from emocal_rl.rewards.graders.core import Graded
from emocal_rl.rewards.rules.core import Array, Rule
from emocal_rl.rewards.terms import Term


def group_sums(correct: Sequence[float | None], groups: Sequence[Hashable] | None) -> list[tuple[float, int]]:
    """For each rollout, the sum of the other gradable outcomes of its group, and the group's gradable size.

    >>> group_sums([1.0, 0.0, None, 1.0], ["a", "a", "a", "b"])
    [(0.0, 2), (1.0, 2), (1.0, 2), (0.0, 1)]
    """
    if groups is None:
        return [(0.0, 1)] * len(correct)
    sums: dict[Hashable, tuple[float, int]] = {}
    for value, group in zip(correct, groups, strict=True):
        total, size = sums.get(group, (0.0, 0))
        sums[group] = (total, size) if value is None else (total + value, size + 1)
    return [(sums[group][0] - (value or 0.0), sums[group][1]) for value, group in zip(correct, groups, strict=True)]


def values(
    terms: Sequence[Term], grades: Sequence[Graded], others: Sequence[tuple[float, int]], lows: Mapping[str, float]
) -> list[Array]:
    """One column per term, one value per reply.

    A reply with several guesses is scored guess by guess: a confidence rule pays the mean over its guesses, correctness
    the sum, at most 1.
    """
    each = [one.slots for one in grades]
    owner = np.repeat(np.arange(len(grades)), list(map(len, each)))
    slots = np.fromiter(chain.from_iterable(chain.from_iterable(each)), dtype=float).reshape(-1, 2)
    return [_column(term, grades, slots, owner, others, lows[term.name]) for term in terms]


def _column(
    term: Term,
    grades: Sequence[Graded],
    slots: Array,
    owner: NDArray[np.intp],
    others: Sequence[tuple[float, int]],
    low: float,
) -> Array:
    if isinstance(term.rule, DistributionRule):
        return np.array([max(_against(term.rule, one), low) for one in grades], dtype=float)
    against = _targets(term, slots[:, 1], owner, others)
    if not term.rule.uses_confidence:
        hit = np.minimum(np.bincount(owner, against, minlength=len(grades)), 1.0)
        return np.asarray(term.rule(np.full(len(grades), 0.5), hit))
    paid = np.maximum(term.rule(slots[:, 0], against), low)
    return np.asarray(np.bincount(owner, paid, len(grades)) / np.bincount(owner, minlength=len(grades)))


def _targets(term: Term, own: Array, owner: NDArray[np.intp], others: Sequence[tuple[float, int]]) -> Array:
    if not term.target.needs_group:
        return own
    targets = [term.target.of(y, *others[i]) for y, i in zip(own.tolist(), owner.tolist(), strict=True)]
    return np.asarray(np.clip(np.array(targets, dtype=float), 0.0, 1.0))


def _against(rule: DistributionRule, one: Graded) -> float:
    truth, stated = one.truth or {}, dict(one.stated)
    return float(rule([stated.get(label, 0.0) for label in truth], list(truth.values())))


def lowest_terms(terms: Sequence[Term], reach: Array) -> tuple[dict[str, float], dict[str, float]]:
    """(each term's lowest finite value, the values of the terms where the weighted total is lowest).

    reach: the confidences a reply can state, shape (N,). Over all of them and over right, wrong, and the mixtures that
    group targets make of the two. Distribution rules are taken at the bound they declare.
    """
    scalar = [term for term in terms if isinstance(term.rule, Rule)]
    ends = {term.name: np.stack([term.rule(reach, 0.0), term.rule(reach, 1.0)]) for term in scalar}
    lows = {name: float(end[np.isfinite(end)].min()) for name, end in ends.items()}
    fixed = {term.name: float(term.rule.low) for term in terms if isinstance(term.rule, DistributionRule)}
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
    return {**lows, **fixed}, {term.name: {**worst, **fixed}[term.name] for term in terms}
