"""Formats written as a row of tagged blocks: reasoning, answer, confidence, in any declared order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.core import Aliases, Candidates, Format, listed
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.numbers import decimal
from emocal_rl.rewards.formats.reply import Parts, Reply, Span
from emocal_rl.rewards.formats.tidy import Tidy

Found = tuple[Mapping[str, str], Span | None, Span | None, str | None]
"""Reasoning parts by name, span of the answer, span of the confidence, fault."""
_MISSING = {"answer": "no_answer", "confidence": "no_confidence", "think": "no_think"}


@dataclass(frozen=True, repr=False)
class TagFormat(Format):
    """Blocks ``<name>...</name>`` in a fixed order, each once, with only white space between and after them.

    blocks: their names in order; "answer" and "confidence" are read, the others are reasoning. think_parts: blocks
    inside <think>, in order. Text before the first block is let through: many models open with a phrase of their own.
    An empty block counts as missing.
    decimals: how many are written. hint: how the instruction describes the confidence. inside: for each reasoning
    block, what the instruction asks for.
    """

    blocks: tuple[str, ...]
    think_parts: tuple[str, ...] = ()
    decimals: int = 2
    hint: str = "the probability that your answer is right, strictly between 0 and 1, with two decimals"
    inside: tuple[tuple[str, str], ...] = ()

    def instruction(self, candidates: Candidates = None) -> str:
        """The blocks to write, each with what belongs in it."""
        asks = {"think": "your reasoning", "answer": "your answer", "confidence": self.hint, **dict(self.inside)}
        blocks = "".join(
            f"<{name}>{self._inner(asks) if name == 'think' else asks[name]}</{name}>" for name in self.blocks
        )
        return f"{listed(candidates)}Reply in exactly this form: {blocks}"

    def _inner(self, asks: Mapping[str, str]) -> str:
        named = all(name in asks for name in self.think_parts)
        return "".join(f"<{name}>{asks[name]}</{name}>" for name in self.think_parts if named) or asks["think"]

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Read the blocks in order; linear in the text."""
        parts, at_answer, at_confidence, fault = self.usual(text) or self._searched(text)
        answer, confidence = None, None
        if at_answer:
            answer = match(text[slice(*at_answer)], candidates, aliases)
            fault = fault or (None if answer else "answer_not_a_candidate")
        if at_confidence:
            confidence, wrong = self.parse(text[slice(*at_confidence)])
            fault = fault or wrong
        return Reply(text, parts, answer, confidence, at_answer, at_confidence, fault)

    def usual(self, text: str) -> Found | None:
        """What stands where in a reply with nothing unusual in it, which takes one match; None for any other."""
        shape = self._tidy
        found = shape.match(text)
        if found is None:
            return None
        answer = found.span(shape.answer) if shape.answer else None
        confidence = found.span(shape.confidence) if shape.confidence else None
        return Parts(text, shape), answer, confidence, None

    @cached_property
    def _tidy(self) -> Tidy:
        return Tidy(self.blocks, self.think_parts)

    def _searched(self, text: str) -> Found:
        """The same by a constant number of linear searches, with the fault to name."""
        spans, fault = scan(text, self.blocks)
        parts, fault = self._reasoning(text, spans, fault)
        return parts, spans.get("answer"), spans.get("confidence"), fault

    def _reasoning(self, text: str, spans: Mapping[str, Span], fault: str | None) -> tuple[dict[str, str], str | None]:
        """The reasoning parts, and the fault to name: the earlier one, unless <think> itself is broken."""
        plain = {name: span for name, span in spans.items() if name not in ("answer", "confidence")}
        if self.think_parts and "think" in plain:
            inner, inner_fault = scan(text, self.think_parts, *plain.pop("think"), loose=True)
            plain, fault = inner | plain, inner_fault or fault
        return {name: text[start:end].strip() for name, (start, end) in plain.items()}, fault

    def parse(self, text: str) -> tuple[float | None, str | None]:
        """A confidence as written -> (confidence in [0, 1] or None, fault or None)."""
        value = decimal(text)
        if value is None:
            return None, "confidence_not_a_number"
        low, high = self.bounds
        # an open end: the bound itself is not a confidence this format can state
        inside = low <= value <= high and not (value == low < self.grid[0]) and not (value == high > self.grid[-1])
        return (value, None) if inside else (None, "confidence_out_of_range")

    def print(self, confidence: float) -> str:
        """A confidence in [0, 1] as this format writes it, rounded to its grid."""
        return f"{self.snap(confidence):.{self.decimals}f}"

    def compose(self, reply: Reply) -> str:
        """Write the blocks in order."""
        texts = {**reply.parts, "answer": reply.answer or ""}
        if reply.confidence is not None:
            texts["confidence"] = self.print(reply.confidence)
        if self.think_parts:
            texts["think"] = "".join(self._block(name, texts) for name in self.think_parts)
        return "".join(self._block(name, texts, nested=name == "think") for name in self.blocks)

    def _block(self, name: str, texts: Mapping[str, str], nested: bool = False) -> str:
        inner = texts.get(name, "")
        if not inner.strip():
            raise UserError(f"format {self.name!r}: part {name!r} is missing or empty")
        every = self.blocks if nested else (*self.blocks, *self.think_parts)
        if tag := next((tag for tag in every if f"<{tag}>" in inner or f"</{tag}>" in inner), None):
            raise UserError(f"format {self.name!r}: part {name!r} contains the tag {tag!r}: {inner[:60]!r}")
        return f"<{name}>{inner}</{name}>"


@cache
def _marks(name: str) -> tuple[str, str]:
    return f"<{name}>", f"</{name}>"


def scan(
    text: str, names: tuple[str, ...], start: int = 0, end: int | None = None, loose: bool = False
) -> tuple[dict[str, Span], str | None]:
    """Find blocks in order: name -> inner span, and the first fault or None. A constant number of linear searches.

    loose: other text may stand between and after the blocks.
    """
    end = len(text) if end is None else end
    spans: dict[str, Span] = {}
    here = start
    for name in names:
        mark, closing = _marks(name)
        opened = text.find(mark, here, end)
        first = opened + len(mark)
        closed = text.find(closing, first, end) if opened >= 0 else -1
        if closed < 0:
            return spans, _why_missing(text, name, start, end, opened)
        if opened > here and spans and not loose and not _blank(text, here, opened):
            return spans, _why_stray(text[here:opened], names, spans)
        if _blank(text, first, closed):
            return spans, _MISSING.get(name, "missing_part")
        spans[name] = (first, closed)
        here = closed + len(closing)
    if any(text.count(_marks(name)[0], start, end) > 1 for name in names):
        return spans, "repeated_part"
    return spans, None if loose or _blank(text, here, end) else "stray_text"


def _blank(text: str, start: int, end: int) -> bool:
    return start >= end or text[start:end].isspace()


def _why_missing(text: str, name: str, start: int, end: int, opened: int) -> str:
    elsewhere = opened < 0 and all(text.find(mark, start, end) >= 0 for mark in _marks(name))
    return "wrong_order" if elsewhere else _MISSING.get(name, "missing_part")


def _why_stray(between: str, names: tuple[str, ...], spans: Mapping[str, Span]) -> str:
    if any(_marks(name)[0] in between for name in spans):
        return "repeated_part"
    return "wrong_order" if any(_marks(name)[0] in between for name in names) else "stray_text"
