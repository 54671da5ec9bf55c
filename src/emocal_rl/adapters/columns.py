"""Rows out of the columns that batch-wise frameworks hand over as keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
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


def groups_of(prompts: Any, count: int) -> list[str]:
    """Completions to equal prompts (text, messages or ids) form a group.

    >>> groups_of(["a", "b", "a"], 3)
    ["'a'", "'b'", "'a'"]
    """
    return [repr(prompt) for prompt in prompts] if prompts is not None else ["one prompt"] * count


def _length(column: Any) -> int:
    return len(column) if hasattr(column, "__len__") else -1
