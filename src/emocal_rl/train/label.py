"""A confidence to learn, and how one is made of counts: in (0, 1), with two decimals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.several import apportioned

LOWEST, HIGHEST = 0.01, 0.99
"""No label asks for certainty, and all can be printed with two decimals."""


@dataclass(frozen=True)
class Label:
    """The confidence for one row, in [0.01, 0.99], and what it was made of: plain JSON types.

    distribution: the probability of every candidate, for formats that state one; None from strategies without one.
    """

    confidence: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    distribution: Mapping[str, float] | None = None

    def stated(self, states: str) -> float | Mapping[str, float]:
        """What a format that states a "confidence" or a "distribution" writes.

        Raises:
            UserError: a distribution is wanted, and the strategy gives none.
        """
        if states != "distribution":
            return self.confidence
        if self.distribution is None:
            raise UserError(
                "labels.strategy: the format states a distribution, which hit_rate, votes and answer_probability give, "
                "and a file with a distribution in every line; choose one of these"
            )
        return self.distribution


def quantised(value: float) -> float:
    """Two decimals, at least 0.01 and at most 0.99.

    >>> quantised(0.876), quantised(1.0), quantised(0.0)
    (0.88, 0.99, 0.01)
    """
    return min(max(round(value, 2), LOWEST), HIGHEST)


def levelled(value: float, levels: int) -> float:
    """The middle of the one of `levels` equal steps of [0, 1] in which `value` lies, with two decimals.

    >>> [levelled(value, 10) for value in (0.88, 0.9, 0.99, 0.01)]
    [0.85, 0.95, 0.95, 0.05]
    """
    # a step begins at its lower end, which as a binary fraction may come out a hair below
    step = min(int(value * levels + 1e-9), levels - 1)
    return quantised((step + 0.5) / levels)


def on_levels(label: Label, levels: int) -> Label:
    """The confidence as `levelled` has it; the distribution in whole steps of 1 / levels that sum to 1.

    >>> on_levels(Label(0.72, distribution={"a": 0.72, "b": 0.2, "c": 0.08}), 10).distribution
    {'a': 0.7, 'b': 0.2, 'c': 0.1}
    """
    spread = label.distribution
    stepped = None if spread is None else {name: n / levels for name, n in apportioned(spread, levels).items()}
    return replace(label, confidence=levelled(label.confidence, levels), distribution=stepped)


def smoothed(hits: float, count: float, pseudo: float) -> float:
    """(hits + s) / (count + 2 s): the mean of a Beta(s, s) prior after `count` draws.

    >>> smoothed(8, 8, 1.0), smoothed(0, 8, 1.0)
    (0.9, 0.1)
    """
    total = count + 2 * pseudo
    return (hits + pseudo) / total if total else 0.5


def shares(counts: Sequence[float], candidates: Sequence[str], pseudo: float) -> dict[str, float]:
    """The share of each candidate, `pseudo` counts added to each; all alike where there are no counts at all.

    >>> shares([2, 1], ["a", "b"], 1.0)
    {'a': 0.6, 'b': 0.4}
    """
    total = sum(counts) + pseudo * len(counts)
    return {
        name: (count + pseudo) / total if total else 1 / len(counts)
        for name, count in zip(candidates, counts, strict=True)
    }
