"""What a grader is, and the registry of them all."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean, locate
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.targets import Target

Grade = float | None
Grader = Callable[[Reply, Target], Grade]

GRADERS: dict[str, Callable[..., Grade]] = {}


def grader(function: Callable[..., Grade]) -> Callable[..., Grade]:
    """Register a grader under its function's name.

    A grader takes a readable Reply and the row's target and returns the correctness in [0, 1], or None when this row
    cannot be graded. Options are keyword-only parameters with defaults.
    """
    name = function.__name__
    if name in GRADERS and GRADERS[name].__module__ != function.__module__:
        raise UserError(f"grader {name!r} is already declared in {GRADERS[name].__module__}: choose another name")
    GRADERS[name] = function
    return function


Accepts = Callable[[Target], Mapping[str, str]]


def accepting(more: Callable[..., Mapping[str, str]]) -> Callable[[Callable[..., Grade]], Callable[..., Grade]]:
    """Let a grader say what else counts as an answer where there are candidates; without it that is unreadable.

    more: (target, the grader's options) -> how an answer may be written -> the candidate meant, or an answer that is
    none of the candidates and that the grader knows how to grade. It is kept as the grader's attribute `accepts`.
    """

    def keep(function: Callable[..., Grade]) -> Callable[..., Grade]:
        function.accepts = more  # type: ignore[attr-defined]
        return function

    return keep


def accepts_of(grader: Grader) -> Accepts | None:
    """What a grader accepts besides the candidates, by target; None where it has nothing to add."""
    function, options = (grader.func, grader.keywords) if isinstance(grader, functools.partial) else (grader, {})
    more = getattr(function, "accepts", None)
    return None if more is None else functools.partial(more, **options)


def find_grader(spec: str | Mapping[str, Any] | Grader) -> Grader:
    """A grader from its name, from ``module:function``, from ``{use: name, option: value}``, or the function itself."""
    if callable(spec):
        return spec
    if isinstance(spec, str):
        return _named(spec)
    options = dict(spec)
    function = _named(str(options.pop("use", "")))
    known = getattr(function, "__kwdefaults__", None) or {}
    if unknown := [key for key in options if key not in known]:
        raise UserError(*[f"grader {spec['use']!r} has no option {key!r}{did_you_mean(key, known)}" for key in unknown])
    return functools.partial(function, **options)


def _named(use: str) -> Grader:
    if use in GRADERS:
        return GRADERS[use]
    if ":" not in use:
        raise UserError(f"unknown grader {use!r}{did_you_mean(use, GRADERS)} Your own is written 'module:function'.")
    function = locate(use)
    if not callable(function):
        raise UserError(f"{use} is not a function")
    return function  # type: ignore[no-any-return]


class Estimate(float):
    """A correctness that is right on average and may lie outside [0, 1], as a noisy judge's corrected grade does.

    Every term is linear in the correctness, so what is paid is right on average as well.
    """


_NOTHING: Mapping[str, float] = MappingProxyType({})


class Graded(NamedTuple):
    """What is known about a reply once it is graded.

    correct: of the answer, in [0, 1]; 0 for a faulty reply, None when the row cannot be graded. confidence: of the
    answer, in [0, 1]; 0.5 where none is stated. guesses: (confidence, correctness) of every guess, for formats that
    state several. stated, truth: the stated and the true distribution by label, for formats that state one.
    """

    correct: Grade
    confidence: float = 0.5
    guesses: tuple[tuple[float, float], ...] = ()
    stated: Mapping[str, float] = _NOTHING
    truth: Mapping[str, float] | None = None


def grade(grader: Grader, reply: Reply, target: Target, states: str = "confidence") -> Graded:
    """Grade one reply: its answer, and every other label it states a probability for. states: as in `Format`."""
    if reply.fault:
        return Graded(0.0)
    correct = _one(grader, reply, target)
    if correct is None:
        return Graded(None)
    confidence = 0.5 if reply.confidence is None else reply.confidence
    if reply.distribution is None:
        return tuple.__new__(Graded, (correct, confidence, (), _NOTHING, None))  # as Graded(...), in half the time
    labels = {name: _one(grader, reply._replace(answer=name), target) or 0.0 for name in reply.distribution}
    if states == "guesses":
        guesses = tuple((stated, labels[name]) for name, stated in reply.distribution.items())
        return Graded(correct, confidence, guesses)
    return Graded(correct, confidence, (), reply.distribution, _normalised(labels))


def _normalised(labels: Mapping[str, float]) -> Mapping[str, float] | None:
    """The truth that the grader implies: the shares of the labels. None when no label is right at all."""
    total = sum(labels.values())
    return {name: value / total for name, value in labels.items()} if total else None


def _one(grader: Grader, reply: Reply, target: Target) -> Grade:
    value = grader(reply, target)
    if value is None or (type(value) is float and 0.0 <= value <= 1.0):
        return value
    if 0.0 <= value <= 1.0 or isinstance(value, Estimate):
        return value if isinstance(value, Estimate) else float(value)
    if math.isnan(value):
        return None
    raise UserError(f"grader: correctness must lie in [0, 1], got {value} for answer {reply.answer!r}")
