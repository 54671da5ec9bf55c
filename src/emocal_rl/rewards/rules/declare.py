"""How a rule is declared, with `@rule`, and the registry of them all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean, locate
from emocal_rl.rewards.rules.core import Declared, Rule

Bound = float | Callable[..., float]
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
