"""Rows of a published data set: what its loader finds, in the classes that the recipe asks for, in splits."""

from __future__ import annotations

from collections.abc import Iterator

from emocal_rl.data import emoset, folders, ldl, tables, webemo
from emocal_rl.data.chat import other_names
from emocal_rl.data.rows import Row
from emocal_rl.data.spec import SHOWN, DataSpec, excluded, question_for
from emocal_rl.data.splits import TRAIN, held_for_validation, part_of, with_stages
from emocal_rl.data.taxonomy import TAXONOMIES, project
from emocal_rl.data.trees import MISSING, SOURCES, TIED, Entry, Source, Tree
from emocal_rl.errors import UserError

LOADERS = (emoset, folders, ldl, tables, webemo)
"""The modules that register loaders."""

NOBODY = "rows have no vote for any of the labels"


def load(spec: DataSpec) -> tuple[dict[str, list[Row]], list[str]]:
    """Split name -> rows, and a line on everything that was left out or is odd.

    Raises:
        UserError: no tree of this layout, corrupt rows (twenty are named), or most of the pictures missing.
    """
    source = SOURCES[spec.name]
    names = _taxonomy(source, spec.classes)
    tree = Tree(source.name, spec.root, source.layout, source.taxonomy)
    rows = _in_splits(list(_rows(source, tree, spec, names)))
    found, missing = sum(map(len, rows.values())), tree.odd[MISSING]
    if tree.problems:
        more = len(tree.problems) - SHOWN
        raise UserError(
            *tree.problems[:SHOWN], *([f"{tree.root}: and {more} more rows like these"] if more > 0 else [])
        )
    if missing > found:
        raise tree.wrong(f"{missing} of {missing + found} pictures are missing, for example {tree.examples[MISSING]}")
    if not found:
        raise tree.wrong("no picture in it has a label")
    return with_stages(rows), tree.notes()


def _taxonomy(source: Source, classes: int | None) -> str:
    if classes is None:
        return source.taxonomy.name
    if classes not in source.taxonomies:
        known = ", ".join(f"{n} ({name})" for n, name in source.taxonomies.items())
        raise UserError(f"data.classes: {source.name} has {known}, not {classes}")
    return source.taxonomies[classes]


def _rows(source: Source, tree: Tree, spec: DataSpec, name: str) -> Iterator[tuple[str | None, Row]]:
    """(split, row) of every entry that can be used."""
    candidates, without = TAXONOMIES[name].labels, excluded(spec)
    aliases, question = other_names(candidates, tuple(spec.accept)), spec.question or question_for(candidates)
    seen: dict[
        tuple[float, ...], tuple[float, ...]
    ] = {}  # most rows have the same few votes: one tuple for all of them
    for entry in source.read(tree):
        votes = entry.votes if name == source.taxonomy.name else project(entry.votes, source.taxonomy.name, name)
        votes = seen.setdefault(votes, votes)
        if entry.key in without:
            continue
        if _usable(tree, entry, votes, source.ties):
            yield (
                entry.split,
                Row(
                    entry.key, entry.source, question, candidates, votes, entry.key, parts=entry.parts, aliases=aliases
                ),
            )


def _usable(tree: Tree, entry: Entry, votes: tuple[float, ...], ties: str) -> bool:
    if not sum(votes):
        tree.note(f"{NOBODY}: left out", entry.key)
        return False
    if votes.count(max(votes)) > 1:
        tree.note(f"{TIED}: {ties}", entry.key)
        return ties == "kept"
    return True


def _in_splits(rows: list[tuple[str | None, Row]]) -> dict[str, list[Row]]:
    """Rows by split: the data set's own, else by the hash rules."""
    given = {split for split, _ in rows if split is not None}
    hold = TRAIN in given and "validation" not in given
    found: dict[str, list[Row]] = {}
    for split, row in rows:
        name = split if split is not None else part_of(row.cluster)
        if hold and name == TRAIN and held_for_validation(row.cluster):
            name = "validation"
        found.setdefault(name, []).append(row)
    return found
