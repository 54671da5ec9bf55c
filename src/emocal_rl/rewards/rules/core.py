"""What a scoring rule is, how one is declared, and the registry of them all.

A rule is two functions of the stated confidence c: ``right(c)`` is paid when the answer is right, ``wrong(c)`` when it
is wrong. Its value for a correctness y in [0, 1] is ``y * right(c) + (1 - y) * wrong(c)``: linear in y, so a proper
rule stays proper when y is an annotator share or a judge's probability. Higher is always better.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean, locate

Array = NDArray[np.float64]
Curve = Callable[[Array], Any]
Bound = float | Callable[..., float]


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


R = TypeVar("R", bound=Declared)


class Declaration(Generic[R]):
    """A declared rule: call it with parameters to get the rule. Registered under the function's name."""

    def __init__(self, build: Callable[..., R], kind: type[R], meta: dict[str, Any]) -> None:
        functools.update_wrapper(self, build)
        self.build, self.kind, self.meta = build, kind, meta
        self.name = build.__name__
        self.address = f"{build.__module__}:{build.__qualname__}"
        code = build.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if bare := [name for name in names if name not in self.defaults]:
            raise UserError(f"rule {self.name!r}: give every parameter a default value: {', '.join(bare)}")

    @property
    def defaults(self) -> dict[str, Any]:
        """Parameter names and their default values."""
        code, values = self.build.__code__, self.build.__kwdefaults__ or {}
        defaults = self.build.__defaults__ or ()
        positional = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
        return {**dict(zip(positional, defaults, strict=True)), **values}

    def __call__(self, **params: Any) -> R:
        """The rule with these parameters; raises UserError for one it does not have."""
        known = self.defaults
        if unknown := [key for key in params if key not in known]:
            raise UserError(*[f"rule {self.name!r} has no parameter {key!r}{_hint(key, known)}" for key in unknown])
        bound = {**known, **params}
        try:
            return self._made(bound)
        except UserError:
            raise
        except Exception as error:
            # a mistake inside somebody's own declaration: its parameters, or low and high as functions of them
            raise UserError(f"rule {self.name!r} cannot be made: {type(error).__name__}: {error}") from error

    def _made(self, bound: dict[str, Any]) -> R:
        # build first: it refuses parameters that the range could not be computed for
        built = self.build(**bound)
        if not isinstance(built, self.kind):
            raise UserError(f"rule {self.name!r} returned {built!r}: it has to return {self.kind.written}")
        meta = {
            key: value(**bound) if key in ("low", "high", "strict") and callable(value) else value
            for key, value in self.meta.items()
        }
        if elicits := meta.get("elicits"):
            meta["elicits"] = functools.partial(elicits, **bound)
        made: Any = replace(built, name=self.name, address=self.address, params=bound, **meta)
        finished: R = made
        return finished

    def __repr__(self) -> str:
        return f"<rule {self.name}>"


def _hint(key: str, known: Mapping[str, Any]) -> str:
    return did_you_mean(key, known) if known else " (it takes none)"


RULES: dict[str, Declaration[Rule]] = {}


def enter(declaration: Declaration[R], registry: dict[str, Declaration[R]]) -> Declaration[R]:
    """Put a declaration into its registry; a name taken by another file's rule is an error."""
    other = registry.get(declaration.name)
    if other is not None and other.build.__code__.co_filename != declaration.build.__code__.co_filename:
        raise UserError(f"rule {declaration.name!r} is already declared at {other.address}: choose another name")
    registry[declaration.name] = declaration
    return declaration


def rule(
    *,
    low: Bound,
    high: Bound,
    proper: bool,
    strict: bool | Callable[..., bool] | None = None,
    elicits: Callable[..., Any] | None = None,
    uses_confidence: bool = True,
) -> Callable[[Callable[..., Rule]], Declaration[Rule]]:
    """Declare a rule: registration, test subject, documentation row and command-line listing in one.

    low, high: payoff range, numbers or functions of the rule's parameters. proper, strict: the claim, which the tests
    and `incentive` check (strict defaults to proper). elicits: what an improper rule elicits, a function of the belief
    and the parameters.
    """
    more = {"elicits": elicits, "uses_confidence": uses_confidence}
    return declaring(RULES, Rule, low=low, high=high, proper=proper, strict=strict, **more)


def declaring(
    registry: dict[str, Declaration[R]], kind: type[R], *, proper: bool, strict: Any, **meta: Any
) -> Callable[[Callable[..., R]], Declaration[R]]:
    """The decorator behind `rule` and `distribution_rule`: what follows it is entered into this registry."""
    claim = {"proper": proper, "strict": proper if strict is None else strict}
    return lambda build: enter(Declaration(build, kind, {**meta, **claim}), registry)


def find(use: str, *registries: Mapping[str, Declaration[Any]]) -> Declaration[Any]:
    """The declared rule of this name, or the one at ``module:name``.

    >>> find("brier", RULES)
    <rule brier>
    """
    known = {name: declared for registry in registries for name, declared in registry.items()}
    if use in known:
        return known[use]
    if ":" not in use:
        raise UserError(f"unknown rule {use!r}{did_you_mean(use, known)} Your own is written 'module:name'.")
    found = locate(use)
    if not isinstance(found, Declaration):
        raise UserError(f"{use} is not a rule: put @rule(...) above its definition")
    return found
