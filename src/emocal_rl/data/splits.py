"""Which rows train what: fixed rules, by a hash of what identifies a row, so that everybody has the same splits.

Data sets with splits of their own keep them. Without: 80 % train, 5 % validation, 15 % test (the shares of EmoSet's own
splits). Without a validation split: 5 in 85 of train. Every `train` is also divided into `stage_one`, `stage_two` and
`stage_three`, 60 : 30 : 10 as in VEC-CoT (Wu et al., arXiv 2512.15528, 2025), which share no row.
"""

from __future__ import annotations

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
