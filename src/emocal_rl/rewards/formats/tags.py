"""Formats written as a row of tagged blocks: reasoning, answer, confidence, in any declared order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.core import Aliases, Candidates, Format, listed
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.numbers import decimal
from emocal_rl.rewards.formats.reply import Reply, Span

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
        blocks = "".join(f"<{name}>{self._inner(asks) if name == 'think' else asks[name]}</{name}>"
                         for name in self.blocks)
        return f"{listed(candidates)}Reply in exactly this form: {blocks}"

    def _inner(self, asks: Mapping[str, str]) -> str:
        named = all(name in asks for name in self.think_parts)
        return "".join(f"<{name}>{asks[name]}</{name}>" for name in self.think_parts if named) or asks["think"]

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Read the blocks in order; a constant number of linear searches."""
        spans, fault = scan(text, self.blocks)
        parts: dict[str, str] = {}
        if "think" in spans and self.think_parts:
            inner, inner_fault = scan(text, self.think_parts, *spans["think"], loose=True)
            parts = {name: text[slice(*span)].strip() for name, span in inner.items()}
            fault = _first(inner_fault, fault)
        parts |= {name: text[slice(*span)].strip() for name, span in spans.items()
                  if name not in ("answer", "confidence") and not (name == "think" and self.think_parts)}
        reply = Reply(text, parts, None, None, spans.get("answer"), spans.get("confidence"), fault)
        return self._fields(reply, candidates, aliases)

    def _fields(self, reply: Reply, candidates: Candidates, aliases: Aliases) -> Reply:
        """Add answer and confidence; a fault of the form, found before, stays the one that is named."""
        found: dict[str, Any] = {}
        fault = reply.fault
        if reply.answer_span:
            found["answer"] = match(reply.text[slice(*reply.answer_span)], candidates, aliases)
            fault = fault or (None if found["answer"] else "answer_not_a_candidate")
        if reply.confidence_span:
            found["confidence"], wrong = self.parse(reply.text[slice(*reply.confidence_span)])
            fault = fault or wrong
        return replace(reply, **found, fault=fault)

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

    def write(
        self,
        parts: Mapping[str, str],
        answer: str,
        confidence: float | None = None,
        *,
        distribution: Mapping[str, float] | None = None,
    ) -> str:
        """Write the blocks in order; the confidence is rounded to the grid."""
        texts = {**parts, "answer": answer}
        if "confidence" in self.blocks:
            if confidence is None:
                raise UserError(f"format {self.name!r}: write needs a confidence")
            texts["confidence"] = self.print(confidence)
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


def _first(inner: str | None, outer: str | None) -> str | None:
    """The fault to name when the reasoning and the row of blocks both have one: the earlier, unless <think> is open."""
    return outer if outer == "no_think" else inner or outer


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
        opened = text.find(f"<{name}>", here, end)
        closed = text.find(f"</{name}>", opened + len(name) + 2, end) if opened >= 0 else -1
        if closed < 0:
            return spans, _why_missing(text, name, start, end, opened)
        if not (loose or name == names[0]) and text[here:opened].strip():
            return spans, _why_stray(text[here:opened], names, spans)
        inner = opened + len(name) + 2, closed
        if not text[slice(*inner)].strip():
            return spans, _MISSING.get(name, "missing_part")
        spans[name] = inner
        here = closed + len(name) + 3
    return spans, _leftovers(text, names, start, here, end, loose)


def _leftovers(text: str, names: tuple[str, ...], start: int, here: int, end: int, loose: bool) -> str | None:
    if any(text.count(f"<{name}>", start, end) > 1 for name in names):
        return "repeated_part"
    return "stray_text" if not loose and text[here:end].strip() else None


def _why_missing(text: str, name: str, start: int, end: int, opened: int) -> str:
    if opened < 0 and text.find(f"<{name}>", start, end) >= 0 and text.find(f"</{name}>", start, end) >= 0:
        return "wrong_order"
    return _MISSING.get(name, "missing_part")


def _why_stray(between: str, names: tuple[str, ...], spans: dict[str, Span]) -> str:
    if any(f"<{name}>" in between for name in spans):
        return "repeated_part"
    return "wrong_order" if any(f"<{name}>" in between for name in names) else "stray_text"
