"""Labels that `emocal-rl label` wrote, or that anything else did: a line of JSON for every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl.data import Row
from emocal_rl.errors import UserError
from emocal_rl.train.label import Label, quantised

ROUNDING = 0.01
"""How far the shares of a distribution may be from 1 together."""


def read(file: str | None, rows: Sequence[Row]) -> list[Label]:
    """The label of every row: its `confidence`, and its `distribution` where the file has one.

    Raises:
        UserError: no such file, a row that it lacks or labels otherwise, or a value that cannot be.
    """
    path = Path(file or "")
    if file is None or not path.is_file():
        raise UserError(f"labels.file: no file {file}; make it with: emocal-rl label --help")
    known = {str(entry.get("id")): entry for entry in files.read_jsonl(path)}
    if missing := [row.id for row in rows if row.id not in known]:
        raise UserError(f"{path}: has no label for {len(missing)} of {len(rows)} rows (first: {missing[0]})")
    if odd := [row.id for row in rows if known[row.id].get("label") not in (None, row.label)]:
        raise UserError(f"{path}: row {odd[0]} is labelled {known[odd[0]]['label']!r} there; the file is of other data")
    return [_label(path, row, known[row.id]) for row in rows]


def _label(path: Path, row: Row, entry: Mapping[str, Any]) -> Label:
    value: Any = entry.get("confidence")
    spread: Any = entry.get("distribution")
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise UserError(f"{path}: the confidence of row {row.id} must be a number in [0, 1], got {value!r}")
    if spread is not None and not _shares(spread, row.candidates):
        raise UserError(
            f"{path}: the distribution of row {row.id} must give each of {', '.join(row.candidates)} a share, which "
            f"together are 1; got {spread!r}"
        )
    ordered = None if spread is None else {name: float(spread[name]) for name in row.candidates}
    return Label(quantised(float(value)), distribution=ordered)


def _shares(spread: Any, candidates: Sequence[str]) -> bool:
    return (
        isinstance(spread, Mapping)
        and set(spread) == set(candidates)
        and all(type(share) in (int, float) and share >= 0 for share in spread.values())
        and abs(sum(spread.values()) - 1) <= ROUNDING
    )
