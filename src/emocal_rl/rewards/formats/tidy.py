"""The usual reply read in one pass: every block once, in order, and no other ``<`` anywhere.

Such a reply leaves a general reader nothing to decide, so one linear match takes the place of its many searches. Every
other text, faulty or only unusual, is left to the general reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from re import Match

_INSIDE = r"(\s*+[^<\s][^<]*+)"  # not blank; possessive, so that nothing is ever tried twice


class Tidy:
    """The pattern of one row of blocks. blocks, think_parts: as in `TagFormat`.

    >>> found = Tidy(("think", "answer"), ()).match("So: <think> a smile</think><answer>joy</answer>")
    >>> found and found.groups()
    (' a smile', 'joy')

    match: a text -> the match from its first tag on, or None. answer, confidence: the group of each in a match, 0 where
    there is none. reasoning: (name, group) of the rest, <think> itself only where it has no parts.
    """

    def __init__(self, blocks: tuple[str, ...], think_parts: tuple[str, ...]) -> None:
        nested = bool(think_parts)
        names = [part for block in blocks for part in (think_parts if nested and block == "think" else (block,))]
        row = r"\s*+".join(_nest(think_parts) if nested and block == "think" else _block(block) for block in blocks)
        # the pattern's own method: a wrapper around it would cost a tenth of the match
        self.match: Callable[[str], Match[str] | None] = re.compile(rf"[^<]*+{row}\s*+\Z").match
        self.answer, self.confidence = (1 + names.index(one) if one in names else 0 for one in ("answer", "confidence"))
        self.reasoning = [(name, i) for i, name in enumerate(names, 1) if name not in ("answer", "confidence")]

    def parts(self, text: str) -> dict[str, str]:
        """Reasoning by name, stripped, of a text that matches."""
        found = self.match(text)
        return {name: found[i].strip() for name, i in self.reasoning} if found else {}


def _block(name: str, inside: str = _INSIDE) -> str:
    return f"<{name}>{inside}</{name}>"


def _nest(parts: tuple[str, ...]) -> str:
    return _block("think", r"\s*+" + r"\s*+".join(_block(part) for part in parts) + r"\s*+")
