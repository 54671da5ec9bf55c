"""One entry for every data set: a name, or a JSONL file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emocal_rl.data import emoji, jsonl
from emocal_rl.data.rows import Row, bounds
from emocal_rl.errors import UserError


class DataSpec(Protocol):
    """What a recipe says about its data."""

    name: str
    classes: int
    root: str | None
    limit: int | None


@dataclass(frozen=True)
class DataSet:
    """Named splits of rows."""

    name: str
    splits: Mapping[str, list[Row]]
    limit: int | None = None

    def split(self, name: str) -> list[Row]:
        """The rows of a split, the first `limit` of them where a limit is set.

        Raises:
            UserError: no split of that name.
        """
        if name not in self.splits:
            raise UserError(f"data {self.name}: no split {name!r}; there are {', '.join(self.splits)}")
        return self.splits[name][: self.limit]

    def bounds(self, name: str) -> dict[str, float]:
        """The Bayes bounds of a split: see `emocal_rl.data.bounds`."""
        return bounds(self.split(name))


def load(spec: DataSpec) -> DataSet:
    """The data set a recipe names: `emoji` (embedded), or a path to a `.jsonl` file.

    Raises:
        UserError: an unknown name, or a file that cannot be used; the line names file and row.
    """
    if spec.name == "emoji":
        return DataSet("emoji", emoji.load(spec.classes), spec.limit)
    if spec.name.endswith(".jsonl"):
        return DataSet(spec.name, jsonl.load(Path(spec.name), Path(spec.root) if spec.root else None), spec.limit)
    raise UserError(f"data.name: unknown data set {spec.name!r}; use 'emoji' or the path of a .jsonl file")
