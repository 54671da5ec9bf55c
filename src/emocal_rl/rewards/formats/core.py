"""What a format is, and the registry of them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean, locate
from emocal_rl.rewards.formats.numbers import nearest
from emocal_rl.rewards.formats.reply import Reply

Candidates = Sequence[str] | None
Aliases = Mapping[str, str] | None


@dataclass(frozen=True)
class Format(ABC):
    """An output contract: the instruction put into the prompt, the reader, and the writer of training targets.

    states: "confidence" (one number for the answer), "distribution" (a probability for each label), "guesses" (several
    answers with a confidence each) or "nothing".
    grid: every confidence the writer can print, increasing. bounds: the smallest and largest confidence the reader lets
    through, so that no readable reply lies outside.
    """

    name: str
    states: str
    grid: tuple[float, ...]
    bounds: tuple[float, float]

    @abstractmethod
    def instruction(self, candidates: Candidates = None) -> str:
        """The text appended to the question: what to answer with and how to write it."""

    @abstractmethod
    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Read one completion in linear time; never raises on any text. A fault is named, nothing is guessed.

        candidates: the labels allowed, None for an open answer. aliases: other spellings -> candidate.
        """

    def write(
        self,
        parts: Mapping[str, str],
        answer: str,
        confidence: float | None = None,
        *,
        distribution: Mapping[str, float] | None = None,
    ) -> str:
        """Compose a completion: the training target of stages one and two. Reading it back gives the same reply.

        parts: the text of each reasoning block. confidence: in [0, 1], rounded to the grid; left out where the format
        states none. distribution: the probability of each label, for the formats that state more than one number.
        Raises UserError for what is missing or empty and for text that holds one of the format's own marks.
        """
        if self.states == "confidence" and confidence is None:
            raise UserError(f"format {self.name!r}: write needs a confidence")
        if not answer.strip():
            raise UserError(f"format {self.name!r}: part 'answer' is missing or empty")
        stated = None if confidence is None or not self.grid else self.snap(confidence)
        return self.compose(Reply("", parts, answer, stated, distribution=distribution))

    @abstractmethod
    def compose(self, reply: Reply) -> str:
        """The text that reads back as this reply, whose answer is not empty and whose confidence lies on the grid."""

    def snap(self, confidence: float) -> float:
        """The printable confidence nearest to one in [0, 1]; raises UserError outside [0, 1]."""
        if not 0 <= confidence <= 1:
            raise UserError(f"format {self.name!r}: confidence must lie in [0, 1], got {confidence}")
        return nearest(self.grid, confidence)

    def __repr__(self) -> str:
        return f"<format {self.name}>"


FORMATS: dict[str, Format] = {}


def register(form: Format) -> Format:
    """Put a format under its name into `FORMATS`; an error when the name is taken."""
    if form.name in FORMATS:
        raise UserError(f"format {form.name!r} is already registered: choose another name")
    FORMATS[form.name] = form
    return form


def find_format(use: str | Format) -> Format:
    """The format of this name, the one at ``module:name``, or the given one itself.

    >>> find_format("emocaliber")
    <format emocaliber>
    """
    if isinstance(use, Format):
        return use
    if use in FORMATS:
        return FORMATS[use]
    if ":" not in use:
        raise UserError(f"unknown format {use!r}{did_you_mean(use, FORMATS)} Your own is written 'module:name'.")
    found: Any = locate(use)
    if not isinstance(found, Format):
        raise UserError(f"{use} is not a Format")
    return found


def listed(candidates: Candidates) -> str:
    """The sentence of an instruction that names the candidates, or nothing when there are none.

    >>> listed(["negative", "positive"])
    'Choose the answer from: negative, positive. '
    """
    return f"Choose the answer from: {', '.join(candidates)}. " if candidates else ""


def opening(reply: Reply) -> str:
    """The reasoning as free text in front of the rest: parts["think"] and a line break, or nothing.

    >>> opening(Reply("", {"think": " a smile "}))
    'a smile\\n'
    """
    think = reply.parts.get("think", "").strip()
    return f"{think}\n" if think else ""


def confidence_text(form: Format, confidence: float) -> str:
    """How a format writes a confidence in [0, 1] inside a reply; "" where it does not state exactly one.

    >>> confidence_text(find_format("emocaliber"), 0.7), confidence_text(find_format("percent"), 0.7)
    ('0.70', '70%')
    """
    if form.states != "confidence":
        return ""
    own = getattr(form, "blocks", ())  # of a format of one's own
    parts = dict.fromkeys(("think", "element", "human", "context", "interaction", "analysis", *own), "x")
    text = form.write(parts, "x", confidence)
    return text[slice(*(form.read(text).confidence_span or (0, 0)))]
