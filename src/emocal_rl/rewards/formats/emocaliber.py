"""The five-part format of EmoCaliber (Wu et al., arXiv 2512.15528, 2025), with and without a confidence.

As in the released prompt, the instruction does not name the five parts: they are learnt in stage one.
"""

from __future__ import annotations

import string
from functools import lru_cache

from emocal_rl.rewards.formats.core import Aliases, Candidates, register
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.numbers import LONGEST, lattice
from emocal_rl.rewards.formats.reply import Parts, Reply, Span
from emocal_rl.rewards.formats.tags import Found, TagFormat

_PUNCTUATION = str.maketrans("", "", string.punctuation)

PARTS = ("element", "human", "context", "interaction", "analysis")
emocaliber = register(TagFormat(
    name="emocaliber",
    states="confidence",
    grid=lattice(99, 0.01, 0.99),
    bounds=(0.0, 1.0),
    blocks=("think", "answer", "confidence"),
    think_parts=PARTS,
))  # fmt: skip

emocaliber_answer = register(TagFormat(
    name="emocaliber_answer",
    states="nothing",
    grid=(),
    bounds=(0.0, 1.0),
    blocks=("think", "answer"),
    think_parts=PARTS,
))  # fmt: skip


class EmoCaliberCode(TagFormat):
    """The same completion as its published reward reads it: what counts is that every tag is there somewhere.

    The first <think>, <answer> and <confidence> count, in any order, with any text around them; the five parts may come
    in any order and may be empty; the confidence is whatever ``float`` takes, strictly between 0 and 1. An answer that
    is none of the candidates is wrong and not a fault, which is a door to gaming that `emocaliber` closes.
    """

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Look for every tag on its own, first match."""
        parts, answer, confidence, fault = self.usual(text) or self._first_of_each(text)
        value, wrong = _any_float(text[confidence[0] : confidence[1]]) if confidence else (None, None)
        named = _one_word(text[answer[0] : answer[1]]) if answer else None
        if named and not (candidates and named in candidates):
            named = match(named, candidates, aliases) or named
        # as Reply(...), in half the time
        return tuple.__new__(Reply, (text, parts, named, value, answer, confidence, fault or wrong, None))

    def _first_of_each(self, text: str) -> Found:
        spans = {name: span for name in self.blocks if (span := _first_block(text, name, 0, len(text)))}
        missing = next((f"no_{name}" for name in self.blocks if name not in spans), None)
        fault = missing or (None if len(self._part_spans(text)) == len(self.think_parts) else "missing_part")
        return Parts(text, self), spans.get("answer"), spans.get("confidence"), fault

    def parts(self, text: str) -> dict[str, str]:
        """The reasoning by name, stripped, as far as it is there."""
        return {name: text[slice(*span)].strip() for name, span in self._part_spans(text).items()}

    def _part_spans(self, text: str) -> dict[str, Span]:
        think = _first_block(text, "think", 0, len(text)) or (0, 0)
        return {name: span for name in self.think_parts if (span := _first_block(text, name, *think))}


def _first_block(text: str, name: str, start: int, end: int) -> Span | None:
    opened = text.find(f"<{name}>", start, end)
    closed = text.find(f"</{name}>", opened + len(name) + 2, end) if opened >= 0 else -1
    return (opened + len(name) + 2, closed) if closed >= 0 else None


def _any_float(text: str) -> tuple[float | None, str | None]:
    return _short(text) if len(text) <= LONGEST else _long(text)


def _long(text: str) -> tuple[float | None, str | None]:
    try:
        value = float(text)
    except ValueError:
        return None, "confidence_not_a_number"
    return (value, None) if 0 < value < 1 else (None, "confidence_out_of_range")


_short = lru_cache(maxsize=1024)(_long)  # the same few numbers come again and again


def _one_word(text: str) -> str:
    """The answer without punctuation, in lower case; a text of several words is kept and matches no label."""
    if text.isalnum():
        return text.lower()
    words = text.translate(_PUNCTUATION).lower().split()
    return words[0] if len(words) == 1 else text.strip() or "(empty)"


emocaliber_code = register(EmoCaliberCode(
    name="emocaliber_code",
    states="confidence",
    grid=lattice(99, 0.01, 0.99),
    bounds=(0.0, 1.0),
    blocks=("think", "answer", "confidence"),
    think_parts=PARTS,
))  # fmt: skip
