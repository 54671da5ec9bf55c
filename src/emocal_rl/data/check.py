"""A data set looked at as a whole: counts, balance, entropy, duplicates, pictures that cannot be read."""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from emocal_rl.data.load import DataSet
from emocal_rl.data.pictures import content, open_picture, parallel
from emocal_rl.data.rows import Row, bounds_of, ordinal
from emocal_rl.data.splits import STAGES, TRAIN
from emocal_rl.data.vecbench import TASKS
from emocal_rl.errors import UserError

Tick = Callable[[int], object]
TICK = 200  # rows between two reports of progress


@dataclass
class SplitFacts:
    """One split, counted in one pass; the arrays hold a number a row.

    shares: of the most frequent label. entropies: of a row's votes, in bits. clusters, ids, pictures: hashes; 0 stands
    for a picture that was not looked at.
    """

    name: str
    labels: Counter[str] = field(default_factory=Counter)
    shares: array[float] = field(default_factory=lambda: array("f"))
    entropies: array[float] = field(default_factory=lambda: array("f"))
    clusters: array[int] = field(default_factory=lambda: array("Q"))
    ids: array[int] = field(default_factory=lambda: array("Q"))
    pictures: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.shares)

    @property
    def label_entropy(self) -> float:
        """Entropy of the labels' shares in the split, in bits: log2 of the number of labels when they are balanced.

        >>> SplitFacts("a", Counter({"joy": 2, "awe": 2})).label_entropy
        1.0
        """
        return entropy(list(self.labels.values()))

    @property
    def disagreement(self) -> float:
        """Mean entropy of a row's votes, in bits; 0 where every row has one label."""
        return float(np.mean(self.entropies)) if self.entropies else 0.0

    def bounds(self) -> dict[str, float]:
        """The Bayes bounds: see `emocal_rl.data.bounds`."""
        return bounds_of(self.shares)


@dataclass
class Facts:
    """A data set: its splits, the pictures that cannot be read ((split, id, why)), and the first rows."""

    splits: list[SplitFacts]
    unreadable: list[tuple[str, str, str]]
    first: list[Row]
    decoded: bool

    def repeated_ids(self) -> int:
        """Rows whose id another row of the same split has."""
        return sum(split.rows - len(np.unique(np.frombuffer(split.ids, np.uint64))) for split in self.splits)

    def repeated_pictures(self) -> int:
        """Rows whose picture, byte for byte, an earlier row of the same split has."""
        return sum(len(known) - len(np.unique(known)) for known in map(_known, self.splits))

    def shared_pictures(self) -> dict[tuple[str, str], int]:
        """Pairs of splits that have pictures in common, byte for byte -> how many different ones."""
        seen = [(split.name, np.unique(_known(split))) for split in self.splits]
        pairs = [(a, b) for i, a in enumerate(seen) for b in seen[i + 1 :] if _apart(a[0], b[0])]
        counts = {(a[0], b[0]): len(np.intersect1d(a[1], b[1], assume_unique=True)) for a, b in pairs}
        return {pair: count for pair, count in counts.items() if count}


def _known(split: SplitFacts) -> np.ndarray:
    hashes = np.frombuffer(split.pictures, np.uint64)
    return hashes[hashes > 0]


def _apart(a: str, b: str) -> bool:
    """Whether two splits should have nothing in common: `train` holds its stages, `test` its tasks."""
    inside = {TRAIN: STAGES, "test": tuple(TASKS)}
    nested = b in inside.get(a, ()) or a in inside.get(b, ())
    return not nested and not (a in TASKS and b in TASKS)  # tasks may ask different questions about one picture


def entropy(counts: Sequence[float]) -> float:
    """Entropy of shares in bits, in [0, log2 of their number].

    >>> entropy([3, 3, 3, 3]), entropy([5, 0])
    (2.0, 0.0)
    """
    total = sum(counts) or 1
    return abs(round(-sum(n / total * math.log2(n / total) for n in counts if n), 4))


def look(data: DataSet, *, decode: bool = True, first: int = 10, tick: Tick = lambda done: None) -> Facts:
    """Every row of every split once; with `decode`, every picture is decoded too, several at a time."""
    facts, done = Facts([], [], [], decode), 0
    for name in data.splits:
        split = SplitFacts(name)
        facts.splits.append(split)
        rows = data.split(name)
        looked = parallel(_looked, chunks(rows)) if decode and not _within(name, data) else map(_unlooked, chunks(rows))
        for row, (hashed, why) in chain.from_iterable(looked):
            count(split, row, hashed)
            if why:
                facts.unreadable.append((name, row.id, why))
            if len(facts.first) < first:
                facts.first.append(row)
            done += 1
            if done % TICK == 0:
                tick(done)
    tick(done)
    return facts


def _within(name: str, data: DataSet) -> bool:
    """Whether every row of a split is in another one as well, where its picture is looked at."""
    return (name == TRAIN and STAGES[0] in data.splits) or (name in TASKS and "test" in data.splits)


def chunks(rows: Iterable[Row], size: int = 16) -> Iterator[list[Row]]:
    """Rows in lists, so that handing them to a thread costs little beside decoding."""
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some


def _looked(rows: list[Row]) -> list[tuple[Row, tuple[int, str]]]:
    return [(row, _opened(row)) for row in rows]


def _unlooked(rows: list[Row]) -> list[tuple[Row, tuple[int, str]]]:
    return [(row, (0, "")) for row in rows]


def count(split: SplitFacts, row: Row, picture: int) -> None:
    """Add a row to its split."""
    split.labels[row.label if row.candidates else "(open)"] += 1
    split.shares.append(row.share)
    split.entropies.append(entropy(row.votes))
    split.clusters.append(ordinal(row.cluster))
    split.ids.append(ordinal(row.id))
    split.pictures.append(picture)


def _opened(row: Row) -> tuple[int, str]:
    """(a hash of the picture's bytes or pixels, why it cannot be read)."""
    if row.source is None:
        return 0, ""
    try:
        data = content(row.source)
        if isinstance(row.source, Path):
            open_picture(row.source)
    except UserError as problem:
        return 0, str(problem)
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big") or 1, ""


def lines(data: DataSet, facts: Facts, published: int | None = None) -> list[str]:
    """What `emocal-rl data` prints."""
    told = [*_table(facts), "", *_balance(facts)]
    told += ["", *_first(facts.first)] if facts.first else []
    odd = [*data.notes, *_published(facts, published), *_duplicates(facts), *_unreadable(facts)]
    return [*told, "", *(odd or ["nothing is odd" if facts.decoded else "nothing is odd; pictures were not opened"])]


def _table(facts: Facts) -> list[str]:
    width = max(len(split.name) for split in facts.splits)
    told = [
        f"{'split':{width}}  {'rows':>8}  {'clusters':>8}  {'label entropy':>13}  {'disagreement':>12}  best possible"
    ]
    for split in facts.splits:
        clusters = len(np.unique(np.frombuffer(split.clusters, np.uint64)))
        bounds = "  ".join(f"{key} {value:.4f}" for key, value in split.bounds().items() if key != "rows")
        told.append(f"{split.name:{width}}  {split.rows:8}  {clusters:8}  {split.label_entropy:8.3f} bits  "
                    f"{split.disagreement:7.3f} bits  {bounds}")  # fmt: skip
    return told


def _balance(facts: Facts) -> list[str]:
    """The share of each label in each split."""
    labels = list(dict.fromkeys(label for split in facts.splits for label in sorted(split.labels)))
    if len(labels) > 60:
        return [f"labels: {len(labels)} different ones"]
    width, wide = max(map(len, labels)), [max(8, len(split.name)) for split in facts.splits]
    names = "  ".join(f"{split.name:>{w}}" for split, w in zip(facts.splits, wide, strict=True))
    told = [f"{'label':{width}}  {names}"]
    for label in labels:
        shares = [split.labels[label] / max(1, split.rows) for split in facts.splits]
        told.append(f"{label:{width}}  " + "  ".join(f"{x:{w}.1%}" for x, w in zip(shares, wide, strict=True)))
    return told


def _first(rows: Sequence[Row]) -> list[str]:
    told = []
    for row in rows:
        spread = ", ".join(f"{name} {n:g}" for name, n in zip(row.candidates, row.votes, strict=True) if n)
        told.append(f"{row.id}: {row.label}" + (f" ({spread})" if sum(n > 0 for n in row.votes) > 1 else ""))
    return [f"first {len(rows)} rows (label, votes where there are several):", *(f"  {line}" for line in told)]


def _published(facts: Facts, published: int | None) -> list[str]:
    if published is None:
        return []
    inside = {name for name in STAGES if any(split.name == TRAIN for split in facts.splits)}
    rows = sum(split.rows for split in facts.splits if split.name not in inside)
    return [f"{rows} rows here, {published} published"] if rows != published else []


def _duplicates(facts: Facts) -> list[str]:
    told = [f"{n} rows have the id of another row of their split" for n in (facts.repeated_ids(),) if n]
    told += [
        f"{n} rows have the same picture as an earlier row of their split" for n in (facts.repeated_pictures(),) if n
    ]
    return told + [f"{n} pictures are in {a} and in {b}" for (a, b), n in facts.shared_pictures().items()]


def _unreadable(facts: Facts) -> list[str]:
    different = list(dict.fromkeys(why for _, _, why in facts.unreadable))
    more = [f"and {len(different) - 10} more"] if len(different) > 10 else []
    return [f"{len(different)} pictures cannot be read:", *(f"  {why}" for why in (*different[:10], *more))] * bool(
        different
    )


def describe(row: Row) -> dict[str, Any]:
    """A row as plain data, for `emocal-rl data --json`: its target, question, parts and where its picture is."""
    where = str(row.source) if isinstance(row.source, Path) else None if row.source is None else "in memory"
    if isinstance(row.source, Image.Image):
        where = f"in memory, {row.source.width} x {row.source.height}"
    return {"id": row.id, "picture": where, "question": row.question, **row.target(), "parts": dict(row.parts)}
