"""Rows from a JSONL file, one JSON object a line, read when they are needed: a large file takes little memory.

    {"id": "1", "split": "train", "image": "cat.png", "question": "Which emotion?",
     "candidates": ["awe", "fear"], "votes": [7, 3]}                                      (on one line)

`image` is relative to `data.root`, or to the file; without it the question is put in text alone.  Instead of `votes`,
one `label` may be given.  Without `split` a hash of the picture (or the id) decides, and without a validation split
some of `train` is held for it, see `splits`.  Optional: `id`,
`cluster` (default: the picture), `style`, `parts`, `confidence`, and `judge`, a judge's probability that each candidate
is right.  Column names that others use, and chats, are understood: see `chat`.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from emocal_rl.data.chat import fields_of, judged, parts_of, picture_path
from emocal_rl.data.rows import Row
from emocal_rl.data.spec import SHOWN, DataSpec, excluded
from emocal_rl.data.splits import Places
from emocal_rl.errors import UserError


@dataclass(frozen=True)
class Reader:
    """Makes a row of a line."""

    path: Path
    folders: tuple[Path, ...]
    spec: DataSpec

    def fields(self, line: bytes) -> dict[str, Any]:
        """What a line says, under our names. Raises UserError for what is no JSON object."""
        return fields_of(parse(line), self.spec.columns)

    def row(self, found: dict[str, Any], number: int) -> Row:
        """The row; the id is the line's number where it has none. Raises UserError, without the line."""
        known = judged(found, self.spec)
        source = picture_path(found["image"], self.folders) if "image" in found else None
        identity = str(found.get("id", f"{self.path.stem}-{number}"))
        return Row(
            id=identity,
            source=source,
            cluster=str(found.get("cluster", found.get("image", identity))),
            style=str(found.get("style", found.get("task", ""))),
            parts=parts_of(found),
            **known,
        )


class JsonlRows(Sequence[Row]):
    """Rows of a file by where their lines begin; each is read anew when it is asked for."""

    def __init__(self, reader: Reader, starts: array[int], lines: array[int]) -> None:
        """`starts`: where each line of the file begins, in bytes. `lines`: which lines these rows are, from 0."""
        self.reader, self.starts, self.lines = reader, starts, lines

    def __len__(self) -> int:
        return len(self.lines)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> JsonlRows: ...
    def __getitem__(self, place: int | slice) -> Row | JsonlRows:
        if isinstance(place, slice):
            return JsonlRows(self.reader, self.starts, self.lines[place])
        return next(self._read(array("I", [self.lines[place]])))

    def __iter__(self) -> Iterator[Row]:
        return self._read(self.lines)

    def _read(self, lines: array[int]) -> Iterator[Row]:
        with self.reader.path.open("rb") as file:
            for line in lines:
                file.seek(self.starts[line])
                try:
                    yield self.reader.row(self.reader.fields(file.readline()), line + 1)
                except UserError as problem:  # the file was changed after it was checked
                    raise UserError(f"{self.reader.path}:{line + 1}: {problem}") from None


def load(
    path: Path, spec: DataSpec, folders: Sequence[Path] = (), split: str | None = None
) -> dict[str, Sequence[Row]]:
    """Split name -> rows, after every line has been checked.

    folders: where pictures are looked for before `data.root` and the file's own folder. split: that of all rows.

    Raises:
        UserError: the file is missing or empty, or the first twenty rows that cannot be used, one line each.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the path of a .jsonl file in data.name")
    root = Path(spec.root).expanduser() if spec.root else path.parent
    reader = Reader(path, (*folders, root, path.parent), spec)
    starts, places, problems, bad = array("Q"), Places(), list[str](), 0
    without = excluded(spec)
    for number, (start, line) in enumerate(_lines(path)):
        starts.append(start)
        if not line.strip():
            continue
        try:
            found = reader.fields(line)
            row = reader.row(found, number + 1)
        except UserError as problem:
            bad += 1
            problems += [f"{path}:{number + 1}: {problem}"] if bad <= SHOWN else []
            continue
        if not without.isdisjoint((row.id, str(found.get("image", "")))):
            continue
        places.add(number, split or found.get("split"), row.cluster)
    if bad:
        more = [f"{path}: and {bad - SHOWN} more lines like these"] if bad > SHOWN else []
        raise UserError("\n".join(problems + more))
    if not places.named:
        raise UserError(f"{path}: the file has no rows")
    return {name: JsonlRows(reader, starts, lines) for name, lines in places.splits().items()}


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    start = 0
    with path.open("rb") as file:
        for line in file:
            yield start, line
            start += len(line)


def parse(line: bytes) -> dict[str, Any]:
    """One line as a mapping."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as problem:
        raise UserError(f"not JSON: {problem.msg} at column {problem.colno}") from None
    except UnicodeDecodeError:
        raise UserError("not JSON: the line is not UTF-8") from None
    except RecursionError:
        raise UserError("not JSON: nested too deeply") from None
    if not isinstance(entry, dict):
        raise UserError(f"a row must be a JSON object, got {type(entry).__name__}")
    return entry
