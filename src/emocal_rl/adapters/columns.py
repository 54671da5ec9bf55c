"""Rows out of the columns that batch-wise frameworks hand over as keyword arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import Any

from emocal_rl.adapters.core import Row


def rows_of(columns: Mapping[str, Any], count: int) -> list[Row]:
    """One Row for each of `count` completions, from the keyword arguments that are columns of that length.

    >>> [row.fields for row in rows_of({"label": ["joy", "awe"], "trainer_state": object()}, 2)]
    [{'label': 'joy'}, {'label': 'awe'}]
    """
    kept = {
        name: column
        for name, column in columns.items()
        if hasattr(column, "__getitem__") and not isinstance(column, (str, Mapping)) and _length(column) == count
    }
    return [Row({name: column[i] for name, column in kept.items()}) for i in range(count)]


def groups_of(prompts: Any, count: int) -> list[Hashable]:
    """Completions to equal prompts (text, messages or ids, with their pictures) form a group.

    >>> groups_of(["a", "b", "a"], 3)
    ["'a'", "'b'", "'a'"]
    """
    if prompts is None:
        return ["one prompt"] * count
    pictures: dict[int, tuple[Any, str]] = {}
    return [_key(prompt, pictures) for prompt in prompts]


def _key(part: Any, pictures: dict[int, tuple[Any, str]]) -> Hashable:
    """What equal prompts share.

    pictures: those that were read, by identity, since the rollouts of a row often hold the very same one; each with
    its content, and itself, as an identity lasts no longer than its object.
    """
    if isinstance(part, Mapping):
        return tuple((str(name), _key(value, pictures)) for name, value in part.items())
    if isinstance(part, (list, tuple)):
        return tuple(_key(each, pictures) for each in part)
    if isinstance(part, str) or not hasattr(part, "tobytes"):
        return repr(part)
    if id(part) not in pictures:
        pictures[id(part)] = part, _content(part)
    return pictures[id(part)][1]


def _content(picture: Any) -> str:
    """Kind and content of a picture (PIL) or an array: the text of either leaves most of it out."""
    kind = [getattr(picture, name, None) for name in ("mode", "size", "dtype", "shape")]
    return f"{kind} {hashlib.sha256(picture.tobytes()).hexdigest()}"


def _length(column: Any) -> int:
    return len(column) if hasattr(column, "__len__") else -1
