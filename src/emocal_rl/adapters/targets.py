"""The target of a row, however a framework hands over what is right: a label, JSON text, counts, a distribution."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from emocal_rl.errors import UserError

NAMES = {
    "label": ("ground_truth", "answer", "solution", "target"),
    "votes": ("probs", "distribution"),
    "candidates": ("labels", "choices", "options"),
}
"""Each field of a target, and what data sets call it as well; the first one that a row has is taken."""

FIELDS = frozenset((*NAMES, *(name for others in NAMES.values() for name in others)))


def target_of(fields: Any = None, truth: Any = None) -> dict[str, Any]:
    """The target (see `rewards.targets`) from a row's fields and, where a framework has a place for it, the truth.

    fields: a mapping (Nones from Arrow are dropped) or its JSON text; see `NAMES`. truth: a label; a mapping of fields,
    or of labels to shares; numbers parallel to the candidates; or the JSON text of one of these. It wins.

    >>> target_of({"candidates": ["joy", "awe"], "split": None}, "joy")
    {'candidates': ['joy', 'awe'], 'label': 'joy'}
    >>> target_of(truth='{"joy": 0.75, "awe": 0.25}')
    {'votes': {'joy': 0.75, 'awe': 0.25}}
    >>> target_of({"labels": ["joy", "awe"], "probs": [0.75, 0.25], "solution": "joy"})
    {'label': 'joy', 'votes': [0.75, 0.25], 'candidates': ['joy', 'awe']}
    """
    target = _fields(_mapping(fields) or {})
    target |= _truth(_plain(truth), target.get("candidates"))
    if "label" not in target and "votes" not in target:
        raise UserError(f"the row has neither a label nor votes (see rewards/README.md): it has {sorted(target)}")
    return target


def _fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    present = {str(key): _plain(value) for key, value in row.items() if value is not None}
    for name, others in NAMES.items():
        if name not in present and (other := next((key for key in others if key in present), None)):
            present[name] = present.pop(other)
    return present


def _truth(truth: Any, candidates: Any) -> dict[str, Any]:
    if truth is None:
        return {}
    given = _mapping(truth)
    if given is not None:
        if not given:
            return {}
        named = FIELDS & set(map(str, given))
        return _fields(given) if named else {"votes": {str(key): share for key, share in given.items()}}
    if isinstance(truth, (list, tuple)):
        if _are_numbers(truth) and isinstance(candidates, list) and len(candidates) == len(truth):
            return {"votes": list(truth)}
        if len(truth) == 1:
            return {"label": truth[0]}
    return {"label": truth}


def _mapping(value: Any) -> Mapping[Any, Any] | None:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


def _plain(value: Any) -> Any:
    """Arrays, tensors and their elements as Python's own lists and numbers; JSON text of a list as the list."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value.tolist() if hasattr(value, "tolist") else value


def _are_numbers(values: Any) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
