"""Which rows train what: fixed rules, by a hash of what identifies a row, so that everybody has the same splits.

Data sets with splits of their own keep them. Without: 80 % train, 5 % validation, 15 % test (the shares of EmoSet's own
splits). Without a validation split: 5 in 85 of train. Every `train` is also divided into `stage_one`, `stage_two` and
`stage_three`, 60 : 30 : 10 as in VEC-CoT (Wu et al., arXiv 2512.15528, 2025), which share no row.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping

from emocal_rl.data.rows import Row, ordinal

STAGES = ("stage_one", "stage_two", "stage_three")
TRAIN = "train"
NAMES = {"val": "validation", "valid": "validation", "dev": "validation", "training": TRAIN, "testing": "test"}
"""Other names of splits -> ours."""


def named(split: str) -> str:
    """A split's name as we write it.

    >>> named("Val"), named("FI-8")
    ('validation', 'FI-8')
    """
    return NAMES.get(split.lower(), split.lower() if split.lower() in (*NAMES.values(), "test") else split)


def part_of(key: str) -> str:
    """train, validation or test, for a data set without splits.

    >>> [part_of(key) for key in ("0.jpg", "5.jpg", "37.jpg")]
    ['train', 'test', 'validation']
    """
    place = ordinal("split", key) % 100
    return TRAIN if place < 80 else "validation" if place < 85 else "test"


def held_for_validation(key: str) -> bool:
    """Whether a row of an official train split is kept for validation, where there is no such split: 5 in 85."""
    return ordinal("validation", key) % 85 < 5


def stage_of(key: str) -> str:
    """The one stage that a training row belongs to.

    >>> [stage_of(key) for key in ("0.jpg", "4.jpg", "10.jpg")]
    ['stage_one', 'stage_two', 'stage_three']
    """
    place = ordinal("stage", key) % 10
    return STAGES[0] if place < 6 else STAGES[1] if place < 9 else STAGES[2]


def with_stages(rows: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """The splits, and the stages of `train` where no stage is there already; rows of one cluster share their stage."""
    if TRAIN not in rows or any(stage in rows for stage in STAGES):
        return dict(rows)
    stages: dict[str, list[Row]] = {stage: [] for stage in STAGES}
    for row in rows[TRAIN]:
        stages[stage_of(row.cluster)].append(row)
    return {**rows, **stages}


class Places:
    """Which rows of a file or a table belong to which split, as numbers."""

    def __init__(self) -> None:
        self.named: dict[str, array[int]] = {}
        self._stages = {stage: array("I") for stage in STAGES}
        self._held = array("I")  # for validation, should there be none

    def add(self, place: int, split: object, cluster: str) -> None:
        """A row, with the split that it names; the hash of its cluster decides where it names none."""
        name = named(str(split)) if split else part_of(cluster)
        self.named.setdefault(name, array("I")).append(place)
        if name == TRAIN:
            self._stages[stage_of(cluster)].append(place)
            if held_for_validation(cluster):
                self._held.append(place)

    def splits(self, validated: bool = False) -> dict[str, array[int]]:
        """What the rows name, with the stages of `train` and rows of it for validation where there is neither.

        validated: there is a validation split elsewhere.
        """
        if TRAIN not in self.named or not self.named.keys().isdisjoint(STAGES):
            return self.named
        if validated or "validation" in self.named or not self._held:
            return self.named | self._stages
        gone = set(self._held)
        training = {TRAIN: self.named[TRAIN], **self._stages}
        kept = {name: array("I", (n for n in places if n not in gone)) for name, places in training.items()}
        return self.named | kept | {"validation": self._held}
