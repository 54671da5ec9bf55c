"""Matching a written answer to the candidates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
def _index(spellings: tuple[str, ...]) -> tuple[Mapping[str, str], bool]:
    """(key -> spelling, whether the keys are plain)."""
    by_plain = {plain(name): name for name in spellings}
    if "" in by_plain or len(by_plain) < len(spellings):  # such as "+1" and "-1": punctuation is what tells them apart
        return MappingProxyType({name.strip().casefold(): name for name in spellings}), False
    return MappingProxyType(by_plain), True


def _find(answer: str, spellings: tuple[str, ...]) -> str | None:
    """The spelling that the answer is, with no more punctuation evened out than tells them apart."""
    index, plainly = _index(spellings)
    if not plainly:
        return next((index[said] for said in _bared(answer) if said in index), None)
    name = index.get(plain(answer))
    return name if name is None or _negative(name) == _negative(answer) else None


_NEGATIVE = re.compile(r"(?<!\w)[-\u2212](?=\.?([0-9]+))")


def _negative(text: str) -> list[str]:
    """The numbers with a minus in front, which `plain` drops: "-5" is not "5"; "covid-19" and "5-10" have none."""
    return _NEGATIVE.findall(text)


_ENDS, _AROUND = ".,;:!?", ("**", "__", "()", "[]", "{}", '""', "''", "``", "\u201c\u201d")
_MOST = 6
"""Marks around an answer that are taken off: each costs a copy of the text."""


def _bared(answer: str) -> Iterator[str]:
    """The answer in lower case, then with one mark after another taken off: a sentence's end, or a pair around it."""
    text = answer.strip().casefold()
    yield text
    for _ in range(_MOST):
        if text[-1:] in _ENDS:
            text = text[:-1].rstrip()
        elif len(text) > 2 and text[0] + text[-1] in _AROUND:
            text = text[1:-1].strip()
        else:
            return
        yield text


def names(answer: str, label: str, aliases: Mapping[str, str] | None = None) -> bool:
    """Whether an open answer names this label: `match` with one candidate, remembered where both are short.

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
    >>> match("-1.", ["-1", "0", "1"]), match("-5", ["5"])
    ('-1', None)
    """
    stripped = answer.strip()
    if candidates is not None and stripped in candidates:
        return stripped
    if candidates is None:
        return (aliases or {}).get(stripped, stripped) or None
    named = _find(stripped, tuple(candidates))
    if named is not None or not aliases:
        return named
    alias = _find(stripped, tuple(aliases))
    return None if alias is None else match(aliases[alias], candidates)
