"""Matching a written answer to the candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType


def plain(text: str) -> str:
    """Lower case, punctuation and spacing evened out: the form in which answers are compared.

    >>> plain(" **Happy-go-lucky!** ")
    'happy go lucky'
    """
    return _short(text) if len(text) <= _SHORT else _plain(text)


def _plain(text: str) -> str:
    return " ".join("".join(ch if ch.isalnum() else " " for ch in text.casefold()).split())


_SHORT = 64
_short = lru_cache(maxsize=4096)(_plain)  # the same few answers come again and again


@lru_cache(maxsize=256)
def _index(candidates: tuple[str, ...]) -> Mapping[str, str]:
    by_plain = {plain(name): name for name in candidates}
    if "" in by_plain or len(by_plain) < len(candidates):  # such as "+1" and "-1": punctuation is what tells them apart
        by_plain = {name.strip().casefold(): name for name in candidates}
    return MappingProxyType(by_plain)


def names(answer: str, label: str, aliases: Mapping[str, str] | None = None) -> bool:
    """Whether the answer names this label: `match` with one candidate, remembered where both are short.

    >>> names("Joy!", "joy"), names("joyful", "joy")
    (True, False)
    """
    if aliases or len(answer) > _SHORT or len(label) > _SHORT:
        return match(answer, [label], aliases) is not None
    return _names(answer, label)


@lru_cache(maxsize=4096)
def _names(answer: str, label: str) -> bool:
    return match(answer, [label]) is not None


def match(answer: str, candidates: Sequence[str] | None, aliases: Mapping[str, str] | None = None) -> str | None:
    """The candidate that the answer names, spelled as in the list; None when it names none.

    candidates None: anything goes, and the stripped answer comes back. aliases: other spellings -> candidate.

    >>> match(" Positive. ", ["negative", "positive"])
    'positive'
    >>> match("cheerfulness", ["cheerfullness", "zest"], {"cheerfulness": "cheerfullness"})
    'cheerfullness'
    >>> match("positively", ["negative", "positive"]) is None
    True
    """
    stripped = answer.strip()
    if candidates is not None and stripped in candidates:
        return stripped
    if candidates is None:
        return (aliases or {}).get(stripped, stripped) or None
    index = _index(tuple(candidates))
    for spelling in (plain(stripped), stripped.casefold()):
        if spelling in index:
            return index[spelling]
    if not aliases:
        return None
    named = _index(tuple(aliases)).get(plain(stripped))
    return None if named is None else match(aliases[named], candidates)
