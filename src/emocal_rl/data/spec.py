"""What a recipe says about its data, and what follows from that for every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from emocal_rl.data.taxonomy import taxonomy, with_labels
from emocal_rl.errors import UserError

EMOTION = "Which emotion does this image evoke in the people who look at it?"
SENTIMENT = "Which sentiment does this image evoke in the people who look at it?"
SHOWN = 20
"""Broken rows that an error names, at most."""


class DataSpec(Protocol):
    """The keys of `data` in a recipe; see `recipe_blocks.Data`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def classes(self) -> int | None: ...  # noqa: D102
    @property
    def root(self) -> str | None: ...  # noqa: D102
    @property
    def limit(self) -> int | None: ...  # noqa: D102
    @property
    def question(self) -> str | None: ...  # noqa: D102
    @property
    def columns(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def labels(self) -> str | Sequence[str] | None: ...  # noqa: D102
    @property
    def accept(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def exclude(self) -> str | None: ...  # noqa: D102
    @property
    def given_prompts(self) -> bool: ...  # noqa: D102


def labels_of(spec: DataSpec) -> tuple[str, ...]:
    """The candidates that a recipe gives to all rows: a taxonomy's, or those listed; () for none."""
    if spec.labels is None:
        return ()
    return taxonomy(spec.labels).labels if isinstance(spec.labels, str) else tuple(spec.labels)


@lru_cache(maxsize=256)
def question_for(candidates: tuple[str, ...]) -> str:
    """What is asked about a picture with these labels; "" where they are no emotions.

    >>> question_for(("negative", "positive"))
    'Which sentiment does this image evoke in the people who look at it?'
    """
    known = with_labels(candidates)
    return "" if known is None else SENTIMENT if known.name == "polarity" else EMOTION


def excluded(spec: DataSpec) -> frozenset[str]:
    """The ids in the file `data.exclude`, one a line.

    Raises UserError when there is no such file.
    """
    if spec.exclude is None:
        return frozenset()
    path = Path(spec.exclude).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"data.exclude: {path} cannot be read: {problem}") from None
    return frozenset(line.strip() for line in lines if line.strip())
