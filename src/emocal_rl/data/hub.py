"""Any data set that `datasets` loads, from the hub or from a folder, with a map of its columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, overload

from PIL.Image import Image

from emocal_rl.data.chat import fields_of, judged, parts_of
from emocal_rl.data.rows import Row
from emocal_rl.data.spec import SHOWN, DataSpec, excluded
from emocal_rl.data.splits import Places, named
from emocal_rl.errors import UserError

PREFIX = "hf:"


@dataclass(frozen=True)
class Fetch:
    """Opens the picture of one row; nothing is decoded before."""

    table: Any
    column: str
    place: int

    def __call__(self) -> Image:
        """The picture, as `datasets` decodes it."""
        found = self.table[self.place][self.column]
        if not isinstance(found, Image):
            raise UserError(f"column {self.column} holds {type(found).__name__}, not pictures")
        return found


class HubRows(Sequence[Row]):
    """Rows of a table that `datasets` keeps on the disk; each is made when it is asked for."""

    def __init__(self, name: str, table: Any, spec: DataSpec, places: array[int]) -> None:
        """`places`: which rows of the table these are."""
        self.name, self.table, self.spec, self.places = name, table, spec, places
        self.image = next((c for c, kind in table.features.items() if type(kind).__name__ == "Image"), None)
        self.plain = table.remove_columns([self.image]) if self.image else table
        wanted = spec.columns.get("label")
        kinds = {c: kind.names for c, kind in table.features.items() if type(kind).__name__ == "ClassLabel"}
        self.names = {c: names for c, names in kinds.items() if wanted in (None, c)}

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> HubRows: ...
    def __getitem__(self, place: int | slice) -> Row | HubRows:
        if isinstance(place, slice):
            return HubRows(self.name, self.table, self.spec, self.places[place])
        return self.row(self.places[place])

    def __iter__(self) -> Iterator[Row]:
        return map(self.row, self.places)

    def row(self, place: int) -> Row:
        """A row of the table. Raises UserError, with its number."""
        raw = dict(self.plain[place])
        for column, names in self.names.items():
            if isinstance(raw[column], int):
                raw[column] = names[raw[column]] if raw[column] >= 0 else None
        try:
            found = fields_of(raw, {k: v for k, v in self.spec.columns.items() if k != "image"})
            if "candidates" not in found and self.spec.labels is None and len(self.names) == 1:
                found["candidates"] = next(iter(self.names.values()))
            known = judged(found, self.spec) | {"parts": parts_of(found)}
        except UserError as problem:
            raise UserError(f"{self.name}: row {place}: {problem}") from None
        # without the folder's place, on which the splits by a hash would depend
        identity = str(found.get("id", f"{PurePath(self.name).name}-{place}"))
        source = Fetch(self.table, self.image, place) if self.image else None
        style = str(found.get("style", found.get("task", "")))
        return Row(identity, source, cluster=str(found.get("cluster", identity)), style=style, **known)


def load(spec: DataSpec) -> dict[str, Sequence[Row]]:
    """Splits of `hf:OWNER/NAME`, `hf:OWNER/NAME:CONFIG` or `hf:FOLDER`; `train` has stages as everywhere.

    Raises:
        UserError: it cannot be loaded, or the first twenty rows that cannot be used, one line each.
    """
    from datasets import load_dataset

    name, _, config = spec.name.removeprefix(PREFIX).partition(":")
    try:
        tables = load_dataset(name, config or None)
    except Exception as problem:  # network, names, formats: datasets has dozens of errors for what the user can mend
        reason = str(problem).strip() or type(problem).__name__
        raise UserError(f"data {spec.name}: {reason.splitlines()[0]}") from problem
    found: dict[str, Sequence[Row]] = {}
    validated = "validation" in map(named, map(str, tables))
    for split, table in tables.items():
        rows = HubRows(f"{name}:{split}", table, spec, array("I", range(len(table))))
        found |= _split(named(str(split)), rows, validated)
    return found


def _split(split: str, rows: HubRows, validated: bool) -> dict[str, Sequence[Row]]:
    """The rows that are not excluded, all checked; of `train` also its parts, see `Places`."""
    without, problems, kept = excluded(rows.spec), list[str](), Places()
    kept.named[split] = array("I")  # there, even if nothing of it is left
    for place in rows.places:
        try:
            row = rows.row(place)
        except UserError as problem:
            problems.append(str(problem))
            if len(problems) == SHOWN:
                break
            continue
        if row.id not in without:
            kept.add(place, split, row.cluster)
    if problems:
        raise UserError(*problems)
    chosen = kept.splits(validated)
    return {name: HubRows(rows.name, rows.table, rows.spec, places) for name, places in chosen.items()}
