"""Folders of pictures as their authors published them: what every loader of such a tree shares.

A loader is a generator of `Entry`: it knows the layout and nothing else. What a file should not contain is `corrupt`
(all of it is reported at once, and nothing is loaded); what is merely not there, such as pictures that are no longer on
the web, is left out and counted.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from emocal_rl.data.taxonomy import TAXONOMIES, Taxonomy
from emocal_rl.errors import UserError
from emocal_rl.suggest import did_you_mean

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"))
MISSING = "pictures that an index names are missing"
TIED = "rows have a tie for the top label"


@dataclass(frozen=True)
class Entry:
    """One row of a published data set.

    key: the row's id, the picture's path in the tree. votes: over the labels of the loader's taxonomy.
    split: train, validation, test, or a name of its own; None where the data set has none.
    """

    key: str
    source: Path
    votes: tuple[float, ...]
    split: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A published data set. taxonomies: number of classes -> taxonomy, the data set's own first.

    ties: whether rows with a tie for the top label are left out. published: rows by its authors' count, None where only
    others' counts are known. layout: what a tree looks like, for error lines. reference: author, year.
    """

    name: str
    read: Callable[[Tree], Iterator[Entry]]
    taxonomies: Mapping[int, str]
    layout: str
    published: int | None
    ties: str
    reference: str

    @property
    def taxonomy(self) -> Taxonomy:
        """The taxonomy that the loader's votes are over."""
        return TAXONOMIES[next(iter(self.taxonomies.values()))]


SOURCES: dict[str, Source] = {}


def source(
    name: str,
    *taxonomies: str,
    layout: str,
    reference: str,
    published: int | None = None,
    ties: str = "kept",
) -> Callable[[Callable[[Tree], Iterator[Entry]]], Callable[[Tree], Iterator[Entry]]]:
    """Register a loader under the name that recipes use."""

    def register(read: Callable[[Tree], Iterator[Entry]]) -> Callable[[Tree], Iterator[Entry]]:
        sizes = {len(TAXONOMIES[each].labels): each for each in taxonomies}
        SOURCES[name] = Source(name, read, sizes, layout, published, ties, reference)
        return read

    return register


class Tree:
    """A folder being read, and what was odd in it."""

    def __init__(self, name: str, root: str | Path | None, layout: str, taxonomy: Taxonomy) -> None:
        """Raises UserError when there is no such folder."""
        self.name, self.layout, self.taxonomy = name, layout, taxonomy
        if root is None:
            raise UserError(f"data {name}: say where the pictures are (data.root, or --root DIR): {layout}")
        self.root = Path(root).expanduser()
        if not self.root.is_dir():
            raise UserError(f"data {name}: {self.root} is no folder; data.root must be one with {layout}")
        self.odd: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.problems: list[str] = []
        self._folders: dict[str, frozenset[str]] = {}

    # What is there

    def base(self, *names: str) -> Path:
        """The folder that has any of these files or folders: the root, or one right below it.

        Raises UserError, with the layout that was expected.
        """
        for folder in (self.root, *sorted(path for path in self.root.iterdir() if path.is_dir())):
            if any((folder / name).exists() for name in names):
                return folder
        raise self.wrong(f"neither it nor a folder in it has {' or '.join(names)}")

    def wrong(self, why: str) -> UserError:
        """The error for a root that is no such tree."""
        return UserError(f"data {self.name}: {self.root} is not laid out as expected: {why}; expected {self.layout}")

    def has(self, path: Path) -> bool:
        """Whether there is such a file; a folder is listed once, since a data set asks for all of its files."""
        folder = str(path.parent)
        if folder not in self._folders:
            self._folders[folder] = frozenset(os.listdir(folder)) if path.parent.is_dir() else frozenset()
        return path.name in self._folders[folder]

    def key(self, path: Path) -> str:
        """A picture's path in the tree, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def pictures(self, folder: Path) -> Iterator[Path]:
        """The pictures in a folder and below, in order; what a Mac leaves in archives is no picture."""
        for name in sorted(os.listdir(folder)):
            path = folder / name
            if name.startswith((".", "__MACOSX")):
                continue
            if path.suffix.lower() in SUFFIXES:
                yield path
            elif path.is_dir():
                yield from self.pictures(path)

    @cached_property
    def by_name(self) -> Mapping[str, list[Path]]:
        """Base name -> every picture of that name, for indices that say no folder."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self.pictures(self.root):
            found[path.name].append(path)
        return found

    def named(self, address: str, beside: str = "") -> Path | None:
        """The one picture that a web address or a path means; `beside`: a folder name that decides between several."""
        parts = address.replace("\\", "/").rstrip("/").split("/")
        found = self.by_name.get(parts[-1].partition("?")[0], [])
        if len(found) > 1:
            near = [path for path in found if path.parent.name in (beside, *parts[-2:-1])]
            found = near or found
        if len(found) > 1:
            self.note("names that several pictures have, and nothing tells which is meant", address)
        elif not found:
            self.note(MISSING, address)
        return found[0] if len(found) == 1 else None

    # What is in a file

    def records(self, path: Path) -> Iterator[tuple[str, Any]]:
        """(where, item) of a JSON file that holds a list."""
        try:
            items = json.loads(path.read_text(encoding="utf-8-sig"))
        except ValueError as problem:
            raise UserError(f"{path}: not valid JSON: {problem}") from None
        if not isinstance(items, list):
            raise UserError(f"{path}: expected a list of rows, got {type(items).__name__}")
        for number, item in enumerate(items, 1):
            yield f"{path}: row {number}", item

    def cells(self, path: Path, separator: str | None = ",") -> Iterator[tuple[str, list[str]]]:
        """(where, cells) of each line of a table that is not empty, quotes off; separator None: any white space."""
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            if separator != ",":
                lines: Iterator[list[str]] = (line.strip("\r\n").split(separator) for line in stream)
            else:
                lines = csv.reader(stream)
            for number, line in enumerate(lines, 1):
                found = [cell.strip().strip("'\"").strip() for cell in line]
                while found and not found[-1]:  # a trailing separator makes an empty last column
                    found.pop()
                if found:
                    yield f"{path}:{number}", found

    # What is odd

    def corrupt(self, where: str, problem: str) -> None:
        """Note a row that cannot be what the authors wrote."""
        self.problems.append(f"{where}: {problem}")

    def note(self, what: str, example: object) -> None:
        """Count something that is left out, or that a reader should know."""
        self.odd[what] += 1
        self.examples.setdefault(what, str(example))

    def notes(self) -> list[str]:
        """What was left out and what else is odd, one line each."""
        return [f"{count} {what}, for example {self.examples[what]}" for what, count in self.odd.items()]

    def label(self, where: str, name: str, taxonomy: Taxonomy | None = None) -> str | None:
        """The label a file means; None, noted as corrupt, for a word that is none."""
        known = taxonomy or self.taxonomy
        found = known.find(name)
        if found is None:
            self.corrupt(where, f"'{name}' is no label of {known.name}{did_you_mean(name, known.labels)}")
        return found

    def one(self, label: str) -> tuple[float, ...]:
        """One vote for a label of the loader's taxonomy."""
        return tuple(int(each == label) for each in self.taxonomy.labels)

    def picture(self, path: Path) -> Path | None:
        """The path when there is such a picture; else None, counted."""
        if self.has(path):
            return path
        self.note(MISSING, path)
        return None


def numbers(cells: list[str], count: int) -> tuple[float, ...] | None:
    """Cells as finite numbers that are not negative, whole ones as int; None when they are not `count` of those.

    >>> numbers(["3", "0.5"], 2), numbers(["3", "x"], 2), numbers(["3"], 2)
    ((3, 0.5), None, None)
    """
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return None
    if len(values) != count or not all(0 <= value < float("inf") for value in values):
        return None
    return tuple(int(value) if value.is_integer() else value for value in values)
