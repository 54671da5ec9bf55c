"""Rows: a picture, a question and what people said about it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Row:
    """One picture to judge.

    Attributes:
        id: unique within the data set, stable between releases.
        image: the picture (PIL, RGB).
        question: what is asked about it, without the format's instruction.
        candidates: the closed label set.
        votes: how many people chose each candidate, parallel to `candidates`.
        cluster: rows of one cluster share what they show and are not independent (intervals resample clusters).
        style: who drew it, or "" where that has no meaning.
        parts: what can be seen in the picture, by reasoning part; used to write structured reasoning.
    """

    id: str
    image: Image
    question: str
    candidates: tuple[str, ...]
    votes: tuple[int, ...]
    cluster: str
    style: str = ""
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The label most people chose (the first one on a tie)."""
        return self.candidates[int(np.argmax(self.votes))]

    def target(self, label: str | None = None) -> dict[str, Any]:
        """What a grader sees.  `label` replaces the majority label, for example by one annotator's."""
        return {"candidates": list(self.candidates), "votes": list(self.votes), "label": label or self.label}


def ordinal(*key: object) -> int:
    """A number in [0, 2**64) fixed by the key: the only source of randomness in the split rules.

    >>> ordinal("1f600") == ordinal("1f600") != ordinal("1f601")
    True
    """
    return int.from_bytes(hashlib.sha256("|".join(map(str, key)).encode()).digest()[:8], "big")


def balanced(rows: Sequence[Row]) -> list[Row]:
    """Keep as many rows of every majority label as the rarest one has, within each style, chosen by `ordinal`.

    Examples:
        >>> rows = [Row(str(i), None, "?", ("a", "b"), (2, 1) if i < 7 else (1, 2), str(i)) for i in range(10)]
        >>> [row.label for row in balanced(rows)].count("a")
        3
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.style, row.label), []).append(row)
    size = {style: min(len(g) for (s, _), g in groups.items() if s == style) for style, _ in groups}
    chosen = (
        sorted(group, key=lambda r: ordinal("balance", r.id))[: size[style]] for (style, _), group in groups.items()
    )
    return sorted((row for group in chosen for row in group), key=lambda r: r.id)


def visits(rows: Sequence[Row], count: int, seed: int) -> Iterator[Row]:
    """`count` rows, every majority label equally often, each label's rows in shuffled rounds.

    Examples:
        >>> rows = [Row(str(i), None, "?", ("a", "b"), (2, 1) if i else (1, 2), str(i)) for i in range(5)]
        >>> [row.label for row in visits(rows, 6, seed=0)].count("b")
        3
    """
    random = np.random.default_rng(seed)
    groups = [[row for row in rows if row.label == label] for label in sorted({row.label for row in rows})]
    decks: list[list[Row]] = [[] for _ in groups]
    for turn in range(count):
        which = turn % len(groups)
        if not decks[which]:
            decks[which] = [groups[which][i] for i in random.permutation(len(groups[which]))]
        yield decks[which].pop()


def bounds(rows: Sequence[Row]) -> dict[str, float]:
    """The best any judge of these rows can expect: the Bayes bounds against a randomly drawn annotator.

    Returns:
        `rows`: how many; `accuracy` (higher is better): mean share of the most frequent label; `brier` (lower is
        better, in [0, 0.25] for that answer): mean share*(1-share); `log` (lower is better, nats): mean entropy of
        right against wrong for that answer.

    Examples:
        >>> bounds([Row("1", None, "?", ("a", "b"), (3, 1), "1")])
        {'rows': 1.0, 'accuracy': 0.75, 'brier': 0.1875, 'log': 0.5623}
    """
    share = np.array([max(row.votes) / sum(row.votes) for row in rows])
    miss = np.clip(1 - share, 1e-12, 1)
    entropy = -(share * np.log(share) + (1 - share) * np.log(miss))
    values = {"rows": len(rows), "accuracy": share.mean(), "brier": (share * (1 - share)).mean(), "log": entropy.mean()}
    return {name: round(float(value), 4) for name, value in values.items()}
