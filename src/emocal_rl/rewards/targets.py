"""Reading a target: the plain mapping that comes with a row and says what the right answer is.

    {"candidates": ["negative", "positive"], "votes": [3, 17], "label": "positive"}

Frameworks send rows through Arrow, which fills absent keys of a mapping with None, so votes are also read from a
mapping with Nones, from its JSON text, and from votes parallel to "candidates".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from emocal_rl.errors import UserError

Target = Mapping[str, Any]
_TEXT = {str}


def mapping_of(value: Any, what: str) -> dict[str, Any]:
    """A mapping, one with Nones, or its JSON text, as a dict without the Nones.

    >>> mapping_of('{"joy": 2, "awe": null}', "votes")
    {'joy': 2}
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise UserError(f"target[{what!r}] is not valid JSON: {error}") from None
    if not isinstance(value, Mapping):
        raise UserError(f"target[{what!r}] must be a mapping or its JSON text, got {type(value).__name__}")
    return {str(key): item for key, item in value.items() if item is not None}


def number_of(value: Any, what: str) -> float:
    """A number of a target, in whatever type it comes; UserError for what is none.

    >>> number_of("0.5", "votes")
    0.5
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UserError(f"target[{what!r}] must hold numbers, got {value!r:.60}") from None


def candidates_of(target: Target) -> list[str] | None:
    """The labels allowed, from "candidates" or from the keys of a "votes" mapping; None for an open answer.

    A list of texts comes back itself and not as a copy: this runs once a reply.

    >>> candidates_of({"votes": {"joy": 2, "awe": None}})
    ['joy']
    """
    names = target.get("candidates")
    if names is not None:
        return names if type(names) is list and _TEXT.issuperset(map(type, names)) else list(map(str, names))
    votes = target.get("votes")
    return list(mapping_of(votes, "votes")) if isinstance(votes, (str, Mapping)) else None


def shares_of(target: Target) -> dict[str, float] | None:
    """The share of votes of each label, summing to 1; None when nobody voted.

    Raises UserError when the target has no votes, or has negative ones or what is no number, or a number of them that
    differs from the candidates'.

    >>> shares_of({"candidates": ["negative", "positive"], "votes": [5, 15]})
    {'negative': 0.25, 'positive': 0.75}
    """
    votes = target.get("votes")
    if votes is None:
        raise UserError(f"the target has no 'votes': it has {sorted(target)}")
    counts = _parallel(target, votes) if _is_list(votes) else mapping_of(votes, "votes")
    numbers = {name: number_of(count, "votes") for name, count in counts.items()}
    if any(not 0 <= number < float("inf") for number in numbers.values()):
        raise UserError(f"target['votes'] must be finite and not negative, got {numbers}")
    total = sum(numbers.values())
    return {name: number / total for name, number in numbers.items()} if total else None


def _is_list(votes: Any) -> bool:
    return hasattr(votes, "tolist") or (isinstance(votes, Sequence) and not isinstance(votes, str))


def _parallel(target: Target, votes: Any) -> dict[str, float]:
    names = target.get("candidates")
    if names is None or len(names) != len(votes):
        raise UserError(f"target['votes'] has {len(votes)} numbers for candidates {names}: they must be parallel")
    return {str(name): 0.0 if count is None else count for name, count in zip(names, votes, strict=True)}


def aliases_of(target: Target) -> dict[str, str] | None:
    """Other spellings of the labels, from "aliases", or None."""
    aliases = target.get("aliases")
    return None if aliases is None else mapping_of(aliases, "aliases")
