"""Checks of rule parameters, each raising UserError with one line per parameter out of range."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from emocal_rl.errors import UserError


def is_number(value: Any) -> bool:
    """A finite number; not a truth value, nor text that looks like a number.

    >>> is_number(2), is_number("2"), is_number(True)
    (True, False, False)
    """
    return not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)


def positive(**values: float) -> None:
    """Every value is a positive number.

    >>> positive(k=1.0)
    """
    _refuse([f"{name} must be positive, got {_said(value)}" for name, value in values.items() if not _above(value, 0)])


def above_one(**values: float) -> None:
    """Every value is above 1."""
    _refuse([f"{name} must be above 1, got {_said(value)}" for name, value in values.items() if not _above(value, 1)])


def inside(**values: float) -> None:
    """Every value lies strictly between 0 and 1."""
    bad = [(name, value) for name, value in values.items() if not (_above(value, 0) and value < 1)]
    _refuse([f"{name} must lie strictly between 0 and 1, got {_said(value)}" for name, value in bad])


def clip(eps: float, zero: bool = False) -> None:
    """A clip: in (0, 0.5), or 0 for none where the rule allows it."""
    if not (is_number(eps) and (0 < eps < 0.5 or (zero and eps == 0))):
        raise UserError(f"eps must lie in {'[0' if zero else '(0'}, 0.5), got {_said(eps)}")


def _above(value: Any, least: float) -> bool:
    return is_number(value) and bool(value > least)


def _said(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _refuse(problems: list[str]) -> None:
    if problems:
        raise UserError(*problems)
