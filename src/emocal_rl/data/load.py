"""One entry for every data set: a name, a JSONL file, or a data set on the hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from emocal_rl.data import emoji, hub, jsonl, published, vader, vecbench
from emocal_rl.data.rows import Row, bounds, ordinal
from emocal_rl.data.spec import DataSpec
from emocal_rl.data.trees import SOURCES
from emocal_rl.errors import UserError
from emocal_rl.suggest import did_you_mean

NAMES = ("emoji", "vader", *sorted(SOURCES), "vecbench", "vec_cot")
"""Every data set that has a name."""


@dataclass(frozen=True)
class DataSet:
    """Named splits of rows; `notes` says what was left out and what is odd, a line each."""

    name: str
    splits: Mapping[str, Sequence[Row]]
    limit: int | None = None
    notes: Sequence[str] = field(default=())

    def split(self, name: str) -> Sequence[Row]:
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

    def find(self, identity: str) -> Row | None:
        """The row with this id, None when there is none."""
        keys, splits, places = self._places
        key = np.uint64(ordinal(identity))
        for at in range(int(np.searchsorted(keys, key)), len(keys)):
            if keys[at] != key:
                break
            row: Row = list(self.splits.values())[splits[at]][int(places[at])]
            if row.id == identity:
                return row
        return None

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hashes of all ids in order, with the split and place of each: numbers, so that millions of rows fit."""
        rows = list(self.splits.values())
        keys = np.fromiter((ordinal(row.id) for each in rows for row in each), np.uint64, sum(map(len, rows)))
        splits = np.repeat(np.arange(len(rows), dtype=np.uint16), [len(each) for each in rows])
        places = np.concatenate([np.arange(len(each), dtype=np.uint32) for each in rows])
        order = np.argsort(keys, kind="stable")
        return keys[order], splits[order], places[order]


def load(spec: DataSpec) -> DataSet:
    """The data set a recipe names: one of `NAMES`, the path of a `.jsonl` file, or `hf:` and a name on the hub.

    Raises:
        UserError: an unknown name, or a data set that cannot be used; the line names file and row.
    """
    splits, notes = _read(spec)
    return DataSet(spec.name, splits, spec.limit, notes)


def _read(spec: DataSpec) -> tuple[Mapping[str, Sequence[Row]], Sequence[str]]:
    if spec.name == "emoji":
        if (classes := spec.classes or 2) not in (2, 3):
            raise UserError(f"data.classes: emoji has 2 or 3, not {classes}")
        return emoji.load(classes), ()
    if spec.name == "vader":
        return vader.load(spec.classes, spec.root), ()
    if spec.name in SOURCES:
        return published.load(spec)
    if spec.name in ("vecbench", "vec_cot"):
        return (vecbench.load if spec.name == "vecbench" else vecbench.load_cot)(spec)
    if spec.name.endswith(".jsonl"):
        return jsonl.load(Path(spec.name).expanduser(), spec), ()
    if spec.name.startswith(hub.PREFIX):
        return hub.load(spec), ()
    hint = did_you_mean(spec.name, NAMES, what="names:", most=20)
    raise UserError(f"data.name: unknown data set {spec.name!r}{hint}; or give the path of a .jsonl file, or hf:NAME")
