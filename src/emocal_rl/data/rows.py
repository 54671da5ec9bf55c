"""Rows: a picture, a question and what people said about it."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL.Image import Image

from emocal_rl.data.pictures import Source, open_picture


@dataclass(frozen=True)
class Row:
    """One picture to judge.

    Attributes:
        id: unique within the data set, stable between releases.
        source: the picture: in memory (PIL), a path that is opened when `image` is asked for, or None for text alone.
        question: what is asked about it, without the format's instruction.
        candidates: the closed label set.
        votes: how many people chose each candidate, or the shares of them, parallel to `candidates`.
        cluster: rows of one cluster share what they show and are not independent (intervals resample clusters).
        style: who drew it, or "" where that has no meaning.
        parts: what can be seen in the picture, by reasoning part; used to write structured reasoning.
        aliases: other names of the candidates, which count as answers too: spellings, labels of other taxonomies.
        confidence: what the data set itself states for its label, in (0, 1); None where it states none.
        prompt: the whole prompt, format's instruction included, where the data set's own is to be used; else "".
        answer: the right answer of an open question, one without candidates and votes; else "".
        judge: a judge's probability that each candidate is right, in [0, 1], parallel to `candidates`; () without one.
    """

    id: str
    source: Source
    question: str
    candidates: tuple[str, ...]
    votes: tuple[float, ...]
    cluster: str
    style: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    confidence: float | None = None
    prompt: str = ""
    answer: str = ""
    judge: tuple[float, ...] = ()

    @property
    def image(self) -> Image:
        """The picture (PIL, RGB), decoded anew each time where it is a file.  Raises UserError where it is broken."""
        return open_picture(self.source)

    @property
    def label(self) -> str:
        """The label most people chose (the first one on a tie); of an open question, its answer."""
        if not self.candidates:
            return self.answer
        return self.candidates[max(range(len(self.votes)), key=self.votes.__getitem__)]

    @property
    def share(self) -> float:
        """The share of the votes that the most frequent label has, in (0, 1]; 1 for an open question."""
        return max(self.votes) / sum(self.votes) if self.votes else 1.0

    def target(self, label: str | None = None) -> dict[str, Any]:
        """What a grader sees.  `label` replaces the majority label, for example by one annotator's."""
        found: dict[str, Any] = {"label": label or self.label}
        if self.candidates:
            found = {"candidates": list(self.candidates), "votes": list(self.votes), **found}
        if self.judge:
            found["judge"] = dict(zip(self.candidates, self.judge, strict=True))
        return found | ({"aliases": dict(self.aliases)} if self.aliases else {})


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
    places: dict[str, array[int]] = {}  # positions, not rows: those of a large file are read when it is their turn
    for position, row in enumerate(rows):
        places.setdefault(row.label, array("I")).append(position)
    groups = [places[label] for label in sorted(places)]
    decks: list[list[int]] = [[] for _ in groups]
    for turn in range(count):
        which = turn % len(groups)
        if not decks[which]:
            decks[which] = [groups[which][i] for i in random.permutation(len(groups[which]))]
        yield rows[decks[which].pop()]


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
    return bounds_of([row.share for row in rows])


def bounds_of(shares: Sequence[float]) -> dict[str, float]:
    """`bounds` from the share of the most frequent label of each row, in (0, 1]."""
    share = np.asarray(shares, float)
    if not len(share):
        return {"rows": 0.0}
    miss = np.clip(1 - share, 1e-12, 1)
    entropy = -(share * np.log(share) + (1 - share) * np.log(miss))
    values = {
        "rows": len(share),
        "accuracy": share.mean(),
        "brier": (share * (1 - share)).mean(),
        "log": entropy.mean(),
    }
    return {name: round(float(value), 4) for name, value in values.items()}
