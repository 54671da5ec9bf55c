"""A checker for a rule of your own, for a confidence or for a distribution: what will go wrong, in words."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.distributions import DistributionRule
from emocal_rl.rewards.incentive.check_scores import AnyRule, range_claims, scores_claims, scores_problems
from emocal_rl.rewards.incentive.honesty import best, expected, finite
from emocal_rl.rewards.rules.core import Array, Rule, hundredths
from emocal_rl.rewards.rules.declare import Declaration


def check_rule(rule: AnyRule | Declaration[Rule] | Declaration[DistributionRule]) -> list[str]:
    """Everything that is wrong with a rule, one sentence each; an empty list when nothing is.

    rule: a declared rule, or one with its parameters bound.

    >>> from emocal_rl.rewards.rules import brier, stake
    >>> check_rule(brier), check_rule(stake)
    ([], [])
    >>> from emocal_rl.rewards import Rule
    >>> upside_down = Rule(right=lambda c: (1 - c) ** 2, wrong=lambda c: c**2, name="mine", low=0, high=1, proper=True)
    >>> print(check_rule(upside_down)[0])
    mine: right(c) falls from 1 at c=0 to 0 at c=1: a right answer must pay more the surer it was. A loss has to be \
negated.
    """
    bound = rule() if isinstance(rule, Declaration) else rule
    try:
        found = scores_problems(bound) if isinstance(bound, DistributionRule) else _arms_problems(bound)
    except UserError as error:
        return list(error.lines)
    ours = [f"{bound.name}: {text}" for text in found]
    return [*ours, *claims(bound).values(), *(f"{bound.name}: {text}" for text in _travels(bound))]


def claims(rule: AnyRule) -> dict[str, str]:
    """Each declaration of a rule that is computed to be false, with a sentence that says what was found, and where.

    The keys are those of `rule`: low, high, proper, strict, uses_confidence.

    >>> from emocal_rl.rewards import Rule
    >>> stake = Rule(right=lambda c: c, wrong=lambda c: -c, name="mine", low=-1, high=0.5, proper=True)
    >>> for sentence in claims(stake).values():
    ...     print(sentence)
    mine: declares high=0.5 and pays 1 for a right answer at c=1: correct high.
    mine: is declared proper and is not: a model that is 49% sure is paid most for saying 0%. Proper means right'(c) = \
(1-c) m(c) and wrong'(c) = -c m(c) for one m(c) >= 0.
    """
    found = scores_claims(rule) if isinstance(rule, DistributionRule) else _arms_claims(rule)
    return {declared: f"{rule.name}: {sentence}" for declared, sentence in found.items()}


def is_own(rule: AnyRule) -> bool:
    """Whether a rule is somebody's own: the claims of those that are packaged are held by the tests."""
    return not rule.address.startswith("emocal_rl.")


def _arms_problems(rule: Rule) -> list[str]:
    right, wrong = rule.arms(hundredths())
    return [text for check in (_finite, _direction) for text in check(rule, right, wrong)]


def _arms_claims(rule: Rule) -> dict[str, str]:
    right, wrong = rule.arms(hundredths())
    ranges = range_claims(rule, np.concatenate([right, wrong]), _answer_at)
    return ranges | _unused(rule, right, wrong) | _honesty(rule, right, wrong)


def _finite(rule: Rule, right: Array, wrong: Array) -> list[str]:
    c = hundredths()
    endless = [(name, c[~np.isfinite(arm)]) for name, arm in (("right", right), ("wrong", wrong))]
    return [
        f"{name}(c) is infinite at c={at[0]:g}: one such reply would drown a whole batch. Clip c to [eps, 1-eps]."
        for name, at in endless
        if at.size and np.isfinite(rule.low)
    ]


def _direction(rule: Rule, right: Array, wrong: Array) -> list[str]:
    if not rule.uses_confidence:
        return []
    problems = []
    if right[-1] < right[0]:
        problems.append(
            f"right(c) falls from {right[0]:g} at c=0 to {right[-1]:g} at c=1: a right answer must pay "
            "more the surer it was. A loss has to be negated."
        )
    if wrong[-1] > wrong[0]:
        problems.append(
            f"wrong(c) rises from {wrong[0]:g} at c=0 to {wrong[-1]:g} at c=1: a wrong answer must pay "
            "less the surer it was."
        )
    return problems


def _answer_at(at: int) -> str:
    c = hundredths()
    return f"for a {'right' if at < len(c) else 'wrong'} answer at c={c[at % len(c)]:g}"


def _unused(rule: Rule, right: Array, wrong: Array) -> dict[str, str]:
    if rule.uses_confidence or max(np.ptp(right), np.ptp(wrong)) <= 1e-9:
        return {}
    name, arm = ("right", right) if np.ptp(right) > 1e-9 else ("wrong", wrong)
    low, high, c = int(arm.argmin()), int(arm.argmax()), hundredths()
    return {
        "uses_confidence": f"is declared with uses_confidence=False, and {name}(c) is {arm[low] + 0.0:.4g} at "
        f"c={c[low]:g} and {arm[high] + 0.0:.4g} at c={c[high]:g}: leave uses_confidence out."
    }


def _honesty(rule: Rule, right: Array, wrong: Array) -> dict[str, str]:
    right, wrong, c = finite(right, wrong, hundredths())
    if not rule.proper or not c.size:
        return {}
    honest, blur = best(expected(right, wrong, c), c, c)
    off = np.abs(honest - c)
    if off.max() > 0:
        i = int(off.argmax())
        return {
            "proper": f"is declared proper and is not: a model that is {c[i]:.0%} sure is paid most for saying "
            f"{honest[i]:.0%}. Proper means right'(c) = (1-c) m(c) and wrong'(c) = -c m(c) for one m(c) >= 0."
        }
    inner = (c > 0.05) & (c < 0.95)
    if rule.strict and blur[inner].max() > 0:
        i = int(np.where(inner, blur, 0).argmax())
        return {
            "strict": f"is declared strict and is not: at a belief of {c[i]:.0%} confidences {blur[i]:.2f} apart pay "
            "the same. Declare strict=False."
        }
    return {}


def _travels(rule: AnyRule) -> list[str]:
    """Trainers send rewards to other processes."""
    if not rule.address:
        return []
    try:
        copy: Any = pickle.loads(pickle.dumps(rule))
    except (UserError, pickle.PicklingError, AttributeError) as error:
        return [f"cannot be sent to another process: {error}"]
    return [] if copy.name == rule.name else [f"comes back from another process as {copy.name!r}"]
