"""The terms of a reward: what a recipe writes under ``reward:``, turned into rules with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.distributions import DISTRIBUTION_RULES, DistributionRule, simplex
from emocal_rl.rewards.formats.core import Format
from emocal_rl.rewards.group_targets import GroupTarget, find_target
from emocal_rl.rewards.rules.checks import is_number
from emocal_rl.rewards.rules.core import Array, Rule, hundredths
from emocal_rl.rewards.rules.declare import RULES, find

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Term:
    """One weighted rule and what it is scored against. weight 0: measured, never paid."""

    name: str
    weight: float
    rule: Rule | DistributionRule
    target: GroupTarget


def parse_terms(spec: Spec, form: Format) -> tuple[Term, ...]:
    """``{name: weight}`` or ``{name: {use: rule, weight: w, target: t, parameter: value}}`` -> terms.

    Raises one UserError that lists every problem: unknown rules, targets and parameters, weights that are not finite
    numbers, rules that need more than the format states, rules that fail or are not a number at some confidence.
    """
    if not isinstance(spec, Mapping) or not spec:
        raise UserError("reward: give at least one term, such as {correct: 1.0, brier: 1.0}")
    terms, problems = [], []
    for name, value in spec.items():
        try:
            terms.append(_term(str(name), value, form))
        except UserError as error:
            problems += [f"reward.{name}: {line}" for line in error.lines]
    if problems:
        raise UserError(*problems)
    return tuple(terms)


def _term(name: str, value: Any, form: Format) -> Term:
    options = dict(value) if isinstance(value, Mapping) else {"weight": value}
    weight, target = options.pop("weight", 1.0), find_target(options.pop("target", "outcome"))
    if not is_number(weight):
        raise UserError(f"the weight must be a finite number, got {weight!r}")
    rule: Rule | DistributionRule = find(str(options.pop("use", name)), RULES, DISTRIBUTION_RULES)(**options)
    _check_fit(rule, target, form)
    if isinstance(rule, DistributionRule) and weight < 0 and not np.isfinite(rule.high):
        raise UserError(
            f"{rule.name}: declares high={rule.high}: give the highest score, which a negative weight needs"
        )
    return Term(name, float(weight), rule, target)


def _check_fit(rule: Rule | DistributionRule, target: GroupTarget, form: Format) -> None:
    if isinstance(rule, DistributionRule):
        if form.states != "distribution":
            raise UserError(f"rule {rule.name!r} needs a stated distribution, and format {form.name!r} states none")
        if target.needs_group:
            raise UserError(f"rule {rule.name!r} scores a distribution and takes no group target")
        for labels in (2, 3):
            rule.table(simplex(labels, 10), bounded=True)  # raises what keeps it from being computed
    elif rule.uses_confidence and not form.grid:
        raise UserError(f"rule {rule.name!r} needs a confidence, and format {form.name!r} states none")
    else:
        right, wrong = rule.arms(hundredths())  # raises what keeps it from being computed
        if not np.isfinite(right).any() or not np.isfinite(wrong).any():
            side = "wrong" if np.isfinite(right).any() else "right"
            raise UserError(f"{rule.name}: {side}(c) is infinite at every c: it has to pay a number somewhere")


@dataclass(frozen=True)
class Arms:
    """Total payoff at each confidence, linear in outcomes: wrong + own * (own outcome) + others * (the others' mean).

    Each of shape (N,). Without group targets `others` is 0 and ``wrong + own`` is what a right answer pays.
    """

    wrong: Array
    own: Array
    others: Array

    @property
    def right(self) -> Array:
        """What is paid when everything is right."""
        return np.asarray(self.wrong + self.own + self.others)

    def corners(self) -> Array:
        """All four extreme outcomes, shape (4, N); the range of the reward is the range of these."""
        return np.array([self.wrong, self.wrong + self.own, self.wrong + self.others, self.right])


def arms(terms: tuple[Term, ...], confidence: Array, size: int = 8) -> Arms:
    """The payoff of the scalar terms at each confidence, in groups of `size`."""
    total = Arms(*(np.zeros_like(confidence) for _ in range(3)))
    for term in terms:
        if term.weight and isinstance(term.rule, Rule):
            wrong, right = term.rule(confidence, 0.0), term.rule(confidence, 1.0)
            gap, share = term.weight * (right - wrong), term.target.own_share(size)
            total = Arms(total.wrong + term.weight * wrong, total.own + share * gap, total.others + (1 - share) * gap)
    return total
