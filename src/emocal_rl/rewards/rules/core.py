"""What a scoring rule is. How one is declared: `declare`.

A rule is two functions of the stated confidence c: ``right(c)`` is paid when the answer is right, ``wrong(c)`` when it
is wrong. Its value for a correctness y in [0, 1] is ``y * right(c) + (1 - y) * wrong(c)``: linear in y, so a proper
rule stays proper when y is an annotator share or a judge's probability. Higher is always better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import locate

Array = NDArray[np.float64]
Curve = Callable[[Array], Any]


def hundredths() -> Array:
    """0, 0.01, ..., 1: the confidences that rules are checked at."""
    return np.arange(101) / 100


@dataclass(frozen=True, eq=False, kw_only=True)
class Declared:
    """What comes from a declaration, for every kind of rule.

    low, high: the smallest and largest payoff (-inf when unbounded). proper: stating the belief is optimal, whatever it
    is; strict: and nothing else is. uses_confidence: whether what is stated matters at all.
    """

    name: str = ""
    address: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    low: float = -np.inf
    high: float = np.inf
    proper: bool = False
    strict: bool = False
    uses_confidence: bool = True
    written: ClassVar[str] = ""
    """How its own kind is written, for error texts."""

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (self.address, dict(self.params))


@dataclass(frozen=True, eq=False)
class Rule(Declared):
    """One scoring rule with its parameters bound. Declare one with `@rule`; see `brier` for the pattern.

    right, wrong: arrays of confidences in [0, 1] to payoffs, elementwise. elicits: for an improper rule, what it
    elicits, as a function of the belief p. The rest as in `Declared`, the range being that over c in [0, 1] and both
    outcomes.
    """

    written: ClassVar[str] = "Rule(right=..., wrong=...)"

    right: Curve
    wrong: Curve
    elicits: Curve | None = None

    def __call__(self, confidence: ArrayLike, correct: ArrayLike) -> Any:
        """Payoff, elementwise over two broadcastable arrays; higher is better.

        confidence: stated confidence in [0, 1]; correct: correctness in [0, 1], soft values mixed linearly.
        Raises UserError for values outside [0, 1]. Never NaN.
        """
        c, y = _unit(self.name, "confidence", confidence), _unit(self.name, "correct", correct)
        with np.errstate(divide="ignore", invalid="ignore"):
            # an arm of weight 0 is left out, not multiplied: 0 * -inf would be NaN
            right = np.where(y > 0, y * self.right(c), 0.0)
            wrong = np.where(y < 1, (1 - y) * self.wrong(c), 0.0)
        return (right + wrong)[()]

    def arms(self, confidence: Array) -> tuple[Array, Array]:
        """right(c) and wrong(c) with c = confidence; UserError where one fails, is misshapen or is not a number."""
        sides = {"right(c)": self.right, "wrong(c)": self.wrong}
        right, wrong = (computed(self.name, side, "confidences", curve, confidence) for side, curve in sides.items())
        return right, wrong


def computed(name: str, side: str, of: str, curve: Curve, stated: Array) -> Array:
    """One half of a rule on everything that can be stated, same shape; UserError with what keeps it from that.

    name, side, of: the rule, what is computed, such as "right(c)", and what it is computed from, such as "confidences".
    """
    letter = side[-2]
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(curve(stated), dtype=float)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise UserError(f"{name}: {side} fails on an array of {of}: {what.rstrip('.')}") from error
    if values.shape != stated.shape:
        raise UserError(
            f"{name}: {side} has shape {values.shape} for {of} of shape {stated.shape}: it has to work "
            f"elementwise on arrays (np.zeros_like({letter}) for a constant)"
        )
    if np.isnan(values).any():
        at = shown(stated[np.argwhere(np.isnan(values))[0][0]])
        raise UserError(f"{name}: {side} is not a number at {letter}={at}: clip {letter} first")
    return values


def shown(stated: Any) -> str:
    """A confidence, or a distribution, as a sentence names it.

    >>> shown(0.5), shown(np.array([0.25, 0.75]))
    ('0.5', '(0.25, 0.75)')
    """
    numbers = [f"{value:g}" for value in np.atleast_1d(stated)]
    return f"({', '.join(numbers)})" if len(numbers) > 1 else numbers[0]


def extrapolated(rule: Rule, confidence: Array, correct: Array, low: float = -np.inf) -> Array:
    """The rule's payoff, at least `low`; beyond [0, 1] of `correct` (see `Estimate`), the line through right and wrong.

    A line, so that an unbiased estimate of the correctness is paid an unbiased estimate of the payoff.

    >>> from emocal_rl.rewards.rules import brier
    >>> extrapolated(brier(), np.array([0.5, 0.9]), np.array([1.0, 1.5])).round(3)  # -.81 + 1.5 * (.81 - .01)
    array([-0.25,  0.39])
    """
    inside = np.clip(correct, 0.0, 1.0)
    within = np.maximum(rule(confidence, inside), low)
    if (inside == correct).all():
        return np.asarray(within)
    wrong, right = (np.maximum(rule(confidence, np.full(len(confidence), y)), low) for y in (0.0, 1.0))
    return np.asarray(np.where(inside == correct, within, wrong + correct * (right - wrong)))


def _unit(name: str, what: str, values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.size and not (array.min() >= 0 and array.max() <= 1):  # a NaN fails this as well
        raise UserError(f"{name}: {what} must lie in [0, 1], got values from {array.min()} to {array.max()}")
    return array


def rebuild(address: str, params: dict[str, Any]) -> Any:
    """The rule declared at this address, with these parameters: how rules are unpickled."""
    return locate(address)(**params)
