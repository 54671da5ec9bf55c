"""Twitter_LDL and Flickr_LDL (Yang et al., 2017): votes over the eight emotions, as text or in MATLAB files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from emocal_rl.data.matlab import read_mat
from emocal_rl.data.tables import voted
from emocal_rl.data.trees import Entry, Tree, source
from emocal_rl.errors import UserError

LAYOUT = "images/, and ground_truth.txt or *_config.mat (imgname, train_ind, test_ind, vote)"


@source("twitter_ldl", "mikels8", "polarity", layout=LAYOUT, reference="Yang et al. (2017), Twitter_LDL; about 10,045")
def twitter_ldl(tree: Tree) -> Iterator[Entry]:
    """Eight people a picture."""
    return _ldl(tree)


@source("flickr_ldl", "mikels8", "polarity", layout=LAYOUT, reference="Yang et al. (2017), Flickr_LDL; about 10,700")
def flickr_ldl(tree: Tree) -> Iterator[Entry]:
    """Eleven people a picture."""
    return _ldl(tree)


def _ldl(tree: Tree) -> Iterator[Entry]:
    """Votes from the text where it is there, splits from the MATLAB file where that is; else the other of the two."""
    tables = sorted(tree.root.rglob("ground_truth.txt"))
    configs = sorted(tree.root.rglob("*_config.mat"))
    if not tables and not configs:
        raise tree.wrong("it has neither ground_truth.txt nor a *_config.mat")
    config = _Config(tree, configs[0]) if configs else None
    base = (tables or configs)[0].parent
    folder = base / "images" if (base / "images").is_dir() else base
    entries = voted(tree, tables[0], None, folder) if tables else config.entries(folder) if config else iter(())
    for entry in entries:
        split = config.splits.get(entry.source.name) if config else None
        if config and split is None:
            tree.note("pictures are in neither train_ind nor test_ind", entry.key)
            continue
        yield Entry(entry.key, entry.source, entry.votes, split)


class _Config:
    """A configuration file: names, votes, and which pictures train and test."""

    def __init__(self, tree: Tree, path: Path) -> None:
        self.tree, self.path = tree, path
        found = read_mat(path, ("imgname", "train_ind", "test_ind", "vote"))
        self.names = [Path(str(name).replace("\\", "/")).name for name in found["imgname"]]
        self.votes = _matrix(path, found["vote"], len(self.names), len(tree.taxonomy.labels))
        self.splits: Mapping[str, str] = {}
        for split, key in (("train", "train_ind"), ("test", "test_ind")):
            chosen = {self.names[i] for i in _indices(path, key, found[key], len(self.names))}
            self.splits = {**self.splits, **dict.fromkeys(sorted(chosen), split)}

    def entries(self, folder: Path) -> Iterator[Entry]:
        """One entry a picture that is there."""
        for name, votes in zip(self.names, self.votes.tolist(), strict=True):
            if picture := self.tree.picture(folder / name):
                yield Entry(self.tree.key(picture), picture, tuple(votes))


def _matrix(path: Path, votes: object, rows: int, labels: int) -> np.ndarray:
    """Votes as (rows, labels); a file that was written transposed is turned."""
    found = np.asarray(votes, float)
    if found.shape == (labels, rows) and rows != labels:
        found = found.T
    if found.shape != (rows, labels) or not np.isfinite(found).all() or (found < 0).any():
        raise UserError(f"{path}: vote must hold counts of shape ({rows}, {labels}), got shape {found.shape}")
    return found


def _indices(path: Path, key: str, values: object, rows: int) -> list[int]:
    """Row numbers from 0: MATLAB counts from 1, and some files hold a mask of all rows instead."""
    found = np.asarray(values).reshape(-1).astype(int)
    if len(found) == rows and set(np.unique(found)) <= {0, 1}:
        return [int(i) for i in np.flatnonzero(found)]
    if len(found) and (found.min() < 1 or found.max() > rows):
        raise UserError(f"{path}: {key} must hold numbers from 1 to {rows}, got {found.min()} to {found.max()}")
    return [int(i) - 1 for i in found]
