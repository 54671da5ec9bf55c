"""What a grader is, and the registry of them all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

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
