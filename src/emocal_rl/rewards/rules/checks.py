"""Checks of rule parameters, each raising UserError with one line per parameter out of range."""

from __future__ import annotations

from emocal_rl.errors import UserError


def positive(**values: float) -> None:
    """Every value is a positive number.

    >>> positive(k=1.0)
    """
    _refuse([f"{name} must be positive, got {value}" for name, value in values.items() if not value > 0])


def above_one(**values: float) -> None:
    """Every value is above 1."""
    _refuse([f"{name} must be above 1, got {value}" for name, value in values.items() if not value > 1])


def inside(**values: float) -> None:
    """Every value lies strictly between 0 and 1."""
    bad = [
        f"{name} must lie strictly between 0 and 1, got {value}" for name, value in values.items() if not 0 < value < 1
    ]
    _refuse(bad)


def clip(eps: float, zero: bool = False) -> None:
    """A clip: in (0, 0.5), or 0 for none where the rule allows it."""
    if not (0 < eps < 0.5 or (zero and eps == 0)):
        raise UserError(f"eps must lie in {'[0' if zero else '(0'}, 0.5), got {eps}")


def _refuse(problems: list[str]) -> None:
    if problems:
        raise UserError(*problems)
