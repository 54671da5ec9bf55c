"""Data sets whose labels or votes stand in a table: FI, Abstract, Emotion6, Twitter I."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from emocal_rl.data.folders import folder_tree
from emocal_rl.data.trees import Entry, Tree, numbers, source


@source(
    "fi",
    "mikels8",
    "polarity",
    layout="agg/EMOTION_*.csv (number, url, disagree, agree) with the pictures, or [SPLIT/]EMOTION/*.jpg",
    reference="You et al. (2016), FI; 23,166 by majority",
)
def fi(tree: Tree) -> Iterator[Entry]:
    """Five people said yes or no to one label a picture; pictures with more yes than no are kept, as is usual.

    The yeses are votes for the label.  Nobody said which other emotion the noes stand for: they are spread evenly over
    the other seven, the distribution that assumes least.  The folder form has labels alone.
    """
    tables = [path for path in sorted(tree.root.rglob("*.csv")) if _emotion(tree, path)]
    if not tables:
        yield from folder_tree(tree)
        return
    if not tree.by_name:
        raise tree.wrong("it has the tables and no picture")
    best: dict[str, tuple[int, int, str, Path]] = {}
    for table in tables:
        for agree, disagree, label, picture in _judged(tree, table):
            key, before = tree.key(picture), best.get(tree.key(picture))
            if before is not None:
                tree.note("pictures judged for several emotions: the one most agreed on counts", key)
            if before is None or (agree - disagree) > (before[0] - before[1]):
                best[key] = (agree, disagree, label, picture)
    for key, (agree, disagree, label, picture) in best.items():
        other = disagree / (len(tree.taxonomy.labels) - 1)
        yield Entry(key, picture, tuple(agree if each == label else other for each in tree.taxonomy.labels))


def _emotion(tree: Tree, path: Path) -> str | None:
    return tree.taxonomy.find(path.stem.partition("_")[0])


def _judged(tree: Tree, table: Path) -> Iterator[tuple[int, int, str, Path]]:
    label = str(_emotion(tree, table))
    for row, (where, cells) in enumerate(tree.cells(table)):
        counts = numbers(cells[-2:], 2)
        if len(cells) < 3 or counts is None:
            if row:  # the first may be a header
                tree.corrupt(where, f"expected number, url, disagree, agree, got {','.join(cells):.80}")
            continue
        disagree, agree = map(int, counts)
        if agree <= disagree:
            tree.note("pictures that no majority agreed on", f"{cells[-3]} ({label})")
        elif picture := tree.named(cells[-3], beside=label):
            yield agree, disagree, label, picture


@source(
    "abstract",
    "mikels8",
    "polarity",
    layout="ABSTRACT_groundTruth.csv and its pictures in one folder",
    published=280,
    ties="left out",  # leaves 229, which is VECBench's count
    reference="Machajdik and Hanbury (2010), Abstract",
)
def abstract(tree: Tree) -> Iterator[Entry]:
    """Votes of about 14 people a picture; header and file names in single quotes. A test set.

    The columns are found by their names, since they are in another order than the labels.
    """
    table = tree.base("ABSTRACT_groundTruth.csv") / "ABSTRACT_groundTruth.csv"
    return voted(tree, table, ",", table.parent, split="test")


@source(
    "emotion6",
    "ekman7",
    "ekman6",
    "polarity",
    layout="ground_truth.txt and images/EMOTION/NUMBER.jpg",
    published=1980,
    reference="Peng et al. (2015), Emotion6",
)
def emotion6(tree: Tree) -> Iterator[Entry]:
    """Cornell's Emotion6: probabilities of seven feelings; the folder is the search word, not the label.

    With six classes the votes for neutral are dropped.
    """
    base = tree.base("ground_truth.txt")
    names = ("file", "valence", "arousal", *tree.taxonomy.labels)
    for row, (where, cells) in enumerate(tree.cells(base / "ground_truth.txt", "\t")):
        if row == 0:  # one header line
            continue
        shares = numbers(cells[3:], len(names) - 3)
        if shares is None:
            tree.corrupt(where, f"expected {len(names)} columns ({', '.join(names)}), got {' '.join(cells):.80}")
        elif picture := tree.picture(base / "images" / cells[0]):
            yield Entry(tree.key(picture), picture, shares)


@source(
    "twitter1",
    "polarity",
    layout="amt_result.csv (name, votes, positive, negative) and a folder of pictures",
    reference="You et al. (2015), Twitter I; about 1,300",
)
def twitter1(tree: Tree) -> Iterator[Entry]:
    """Five people's polarity of a picture. Where no header names the two columns, positive is taken to come first."""
    base = tree.base("amt_result.csv")
    columns = [2, 3]
    for row, (where, cells) in enumerate(tree.cells(base / "amt_result.csv")):
        counts = numbers(cells[1:4], 3)
        if counts is None:
            if row == 0 and (named := _polarity_columns(cells)):
                columns = named
            elif row:
                tree.corrupt(where, f"expected name, votes, positive, negative, got {','.join(cells):.80}")
            continue
        if row == 0:
            tree.note("table has no header: positive votes are taken to come before negative ones", base)
        if counts[0] != counts[1] + counts[2]:
            tree.corrupt(where, f"{counts[0]} votes are not {counts[1]} and {counts[2]}")
        elif picture := tree.named(cells[0]):
            yield Entry(tree.key(picture), picture, tuple(counts[column - 1] for column in columns))


def _polarity_columns(header: Sequence[str]) -> list[int]:
    found = [[i for i, name in enumerate(header) if sign in name.lower()] for sign in ("pos", "neg")]
    return [places[0] for places in found if places] if all(found) else []


def voted(tree: Tree, table: Path, separator: str | None, folder: Path, split: str | None = None) -> Iterator[Entry]:
    """Rows of a table of votes: a name, then one column a label, in the header's order."""
    order: list[int] = []
    for where, cells in tree.cells(table, separator):
        if not order:
            order, width = _columns(tree, where, cells), len(cells)
            continue
        fits = len(cells) in (width, width + 1)  # some headers do not name the first column
        votes = numbers([cells[i] for i in order], len(order)) if fits else None
        if votes is None:
            tree.corrupt(where, f"expected a name and {len(order)} counts, got {' '.join(cells):.80}")
        elif picture := tree.picture(folder / cells[0]):
            yield Entry(tree.key(picture), picture, votes, split)


def _columns(tree: Tree, where: str, header: Sequence[str]) -> list[int]:
    """The position of each label's column, counted from the end."""
    names = [tree.taxonomy.find(name) for name in header]
    if missing := [label for label in tree.taxonomy.labels if label not in names]:
        raise tree.wrong(f"the header at {where} has no column for {', '.join(missing)}")
    return [names.index(label) - len(names) for label in tree.taxonomy.labels]
