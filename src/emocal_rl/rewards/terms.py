"""The terms of a reward: what a recipe writes under ``reward:``, turned into rules with weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.core import Format
from emocal_rl.rewards.rules.core import Array, Rule, find_rule

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Term:
    """One weighted rule. weight 0: measured, never paid."""

    name: str
    weight: float
    rule: Rule


def parse_terms(spec: Spec, form: Format) -> tuple[Term, ...]:
    """``{name: weight}`` or ``{name: {use: rule, weight: w, parameter: value}}`` -> terms.

    Raises one UserError that lists every problem: unknown rules and parameters, weights that are not finite numbers,
    rules that need a confidence the format does not state.
    """
    if not isinstance(spec, Mapping) or not spec:
        raise UserError("reward: give at least one term, such as {correct: 1.0, brier: 1.0}")
    terms, problems = [], []
    for name, value in spec.items():
        try:
            terms.append(_term(str(name), value, form))
        except UserError as error:
            problems += error.lines
    if problems:
        raise UserError(*problems)
    return tuple(terms)


def _term(name: str, value: Any, form: Format) -> Term:
    options = dict(value) if isinstance(value, Mapping) else {"weight": value}
    weight = options.pop("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not math.isfinite(weight):
        raise UserError(f"reward.{name}: the weight must be a finite number, got {weight!r}")
    try:
        rule = find_rule(str(options.pop("use", name)))(**options)
    except UserError as error:
        raise UserError(f"reward.{name}: {error}") from None
    if rule.uses_confidence and not form.grid:
        raise UserError(f"reward.{name}: rule {rule.name!r} needs a confidence, and format {form.name!r} states none")
    return Term(name, float(weight), rule)


def payoffs(terms: tuple[Term, ...], confidence: Array) -> tuple[Array, Array]:
    """What a reply pays in total at each confidence, when right and when wrong: two arrays of shape (N,)."""
    right, wrong = np.zeros_like(confidence), np.zeros_like(confidence)
    for term in terms:
        if term.weight:
            right = right + term.weight * term.rule(confidence, 1.0)
            wrong = wrong + term.weight * term.rule(confidence, 0.0)
    return right, wrong
