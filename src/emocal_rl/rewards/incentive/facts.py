"""Everything a verdict is based on, computed from a reward and a trainer's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emocal_rl.rewards.distributions import DistributionRule
from emocal_rl.rewards.incentive.advantage import Group, Payoff, advantages, highest
from emocal_rl.rewards.incentive.honesty import best, expected, safe_factor, thresholds, ties
from emocal_rl.rewards.incentive.simplex import binary_slice, simplex_error
from emocal_rl.rewards.reward import Reward
from emocal_rl.rewards.rules.core import Array, Rule
from emocal_rl.rewards.terms import Arms, Term, arms

BELIEFS = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass(frozen=True)
class Facts:
    """What was computed, on its way into sentences.

    c: the confidences judged on. arms: the whole payoff; answer: the part of it that the answer's tokens are credited
    with. honest, blur: the best-paid confidence at each belief of c, and how far an equally paid one lies from it.
    elicited: with the trainer's normalisation; tied: where several are paid as much, all of them, see `ties`. off: how
    far from honest a distribution rule ends up.
    """

    reward: Reward
    c: Array
    arms: Arms
    answer: Arms
    honest: Array
    blur: float
    proper: bool
    elicited: Mapping[float, float]
    tied: Mapping[float, tuple[float, float]]
    thresholds: tuple[float, float]
    factor: float
    off: float
    scale: str
    credit: str
    size: Group

    @property
    def distribution(self) -> bool:
        """Whether a stated distribution is scored: then the report is the answer, and no other answer can be worse."""
        return _distributional([term for term in self.reward.terms if term.weight])


def gather(reward: Reward, scale: str, size: Group, credit: str) -> Facts:
    """Compute the facts; milliseconds."""
    c = _finite(reward, reward.stated)
    scored = [term for term in reward.terms if term.weight]
    whole, speaks = payoff_arms(reward, c, size), bool(reward.format.grid)
    answer = credited(reward, c, size, credit)
    honest, blur = best(expected(whole.right, whole.wrong, c), c, c)
    off = simplex_error(scored) if _distributional(scored) else 0.0
    says, tied = _elicited(scored, c, scale, size, credit, BELIEFS) if speaks else ({}, {})
    return Facts(
        reward=reward, c=c, arms=whole, answer=answer, honest=honest, blur=float(blur.max()), off=off,
        proper=not speaks or (bool(np.all(honest == c)) and off == 0.0),
        elicited=says, tied=tied,
        thresholds=(0.0, 0.0) if _distributional(scored) else thresholds(answer),
        factor=_factor(reward, c, size), scale=scale, credit=credit, size=size,
    )  # fmt: skip


def payoff_arms(reward: Reward, c: Array, size: Group) -> Arms:
    """The whole payoff at each confidence; distribution rules are taken on two labels, as the first's probability."""
    total = arms(reward.terms, c, size.generations)
    for term in reward.terms:
        if term.weight and isinstance(term.rule, DistributionRule):
            wrong, right = binary_slice(term.rule, c)
            total = Arms(total.wrong + term.weight * wrong, total.own + term.weight * (right - wrong), total.others)
    return total


def credited(reward: Reward, c: Array, size: Group, credit: str) -> Arms:
    """The part of the payoff that the answer's tokens are credited with: all of it, unless credit is by segment."""
    silent = tuple(term for term in reward.terms if not term.rule.uses_confidence)
    return arms(silent, c, size.generations) if credit == "segment" else payoff_arms(reward, c, size)


def curves(reward: Reward, size: Group, credit: str = "sequence") -> tuple[Array, Arms]:
    """(every confidence that can be stated, what the answer is credited with at each)."""
    return reward.stated, credited(reward, reward.stated, size, credit)


def _distributional(terms: list[Term]) -> bool:
    return any(isinstance(term.rule, DistributionRule) for term in terms)


def _finite(reward: Reward, c: Array) -> Array:
    """Only confidences at which every payoff is finite: an unbounded rule has no value at its ends."""
    whole = payoff_arms(reward, c, Group())
    return np.asarray(c[np.isfinite(whole.wrong) & np.isfinite(whole.own)])


def normalised(
    reward: Reward, scale: str, size: Group, credit: str, beliefs: Sequence[float] = BELIEFS
) -> dict[float, float]:
    """Belief -> the confidence that pays most once advantages are normalised this way; empty when none is scored."""
    scored = [term for term in reward.terms if term.weight]
    return _elicited(scored, _finite(reward, reward.stated), scale, size, credit, beliefs)[0]


def _elicited(
    terms: list[Term], c: Array, scale: str, size: Group, credit: str, beliefs: Sequence[float]
) -> tuple[dict[float, float], dict[float, tuple[float, float]]]:
    judged = [term for term in terms if term.rule.uses_confidence] if credit == "segment" else terms
    functions: list[Payoff] = [partial(_payoff, term, size.generations) for term in judged]
    if not functions:
        return {}, {}
    shared = replace(size, shared=_distributional(terms))
    pay = advantages(functions, c, beliefs, scale, shared, [term.weight for term in judged])
    chosen = dict(zip(beliefs, highest(pay, c, beliefs, scale).tolist(), strict=True))
    # of what ranks tie, training goes to the end
    equal = {} if scale == "rank" else dict(zip(beliefs, ties(pay, c), strict=True))
    return chosen, {belief: one for belief, one in equal.items() if one}


def _payoff(term: Term, size: int, c: Any, y: Any, k: Any) -> Any:
    if isinstance(term.rule, Rule):
        return term.rule(c, np.clip(term.target.of(y, k, size), 0.0, 1.0))
    wrong, right = binary_slice(term.rule, np.asarray(c, dtype=float))
    return y * right + (1 - y) * wrong + 0.0 * np.asarray(k)


def _factor(reward: Reward, c: Array, size: Group) -> float:
    """Of the terms that use the confidence, beside those that do not."""
    if _distributional(list(reward.terms)):
        return float("inf")
    split = {uses: tuple(term for term in reward.terms if term.rule.uses_confidence is uses) for uses in (True, False)}
    fixed, calibration = arms(split[False], c, size.generations), arms(split[True], c, size.generations)
    return safe_factor(calibration.wrong, calibration.own, gain=float(fixed.own.min()))
