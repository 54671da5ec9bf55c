"""Formats that end in plain lines: ``Answer: ...`` and ``Confidence: ...``."""

from __future__ import annotations

from dataclasses import dataclass

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.core import Aliases, Candidates, Format, listed, opening, register
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.numbers import decimal, lattice
from emocal_rl.rewards.formats.reply import Reply, Span


@dataclass(frozen=True, repr=False)
class LineFormat(Format):
    """Free reasoning, then ``Answer: X`` and ``Confidence: N`` with N a whole number from 0 to `top`.

    The last of each counts; a comma may stand in the place of the line break. Nothing may follow but white space and a
    full stop.
    """

    top: int = 10

    def instruction(self, candidates: Candidates = None) -> str:
        """The two lines to end with."""
        return (
            f"{listed(candidates)}Reason first, then end your reply with these two lines:\nAnswer: your answer\n"
            f"Confidence: a whole number from 0 (surely wrong) to {self.top} (surely right)"
        )

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Find the last two marks; linear searches from the end."""
        said = text.rfind("Confidence:")
        opened = text.rfind("Answer:", 0, said if said >= 0 else len(text))
        if opened < 0:
            return Reply(text, fault="wrong_order" if 0 <= said < text.rfind("Answer:") else "no_answer")
        answer = _trim(text, opened + len("Answer:"), said if said >= 0 else len(text))
        number = _trim(text, said + len("Confidence:"), len(text)) if said >= 0 else None
        value, fault = self._parse(text[slice(*number)]) if number else (None, "no_confidence")
        name, parts = match(text[slice(*answer)], candidates, aliases), {"think": text[:opened].strip()}
        return Reply(text, parts, name, value, answer, number, _answer_fault(text, answer, name) or fault)

    def _parse(self, text: str) -> tuple[float | None, str | None]:
        if not text:
            return None, "no_confidence"
        value = decimal(text)
        if value is None or value != int(value):
            first = text.split(maxsplit=1)
            return None, "stray_text" if len(first) > 1 and decimal(first[0]) is not None else "confidence_not_a_number"
        return (value / self.top, None) if value <= self.top else (None, "confidence_out_of_range")

    def compose(self, reply: Reply) -> str:
        """Reasoning (parts["think"]), then the two lines."""
        answer = reply.answer or ""
        if "Confidence:" in answer or "Answer:" in answer:
            raise UserError(f"format {self.name!r}: the answer contains one of the marks: {answer[:60]!r}")
        return f"{opening(reply)}Answer: {answer}\nConfidence: {round(self.top * (reply.confidence or 0.0))}"


def _trim(text: str, start: int, end: int) -> Span:
    """The span without the white space around it and the comma or full stop at its end."""
    inner = text[start:end]
    kept = inner.rstrip().rstrip(",.").rstrip()
    lead = len(kept) - len(kept.lstrip())
    return start + lead, start + len(kept)


def _answer_fault(text: str, answer: Span, name: str | None) -> str | None:
    if name is not None:
        return None
    return "answer_not_a_candidate" if text[slice(*answer)] else "no_answer"


digits = register(LineFormat(name="digits", states="confidence", grid=lattice(11, 0.0, 1.0), bounds=(0.0, 1.0)))
