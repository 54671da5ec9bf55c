"""What a reader hands back, and the words for what can be wrong with a completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Span = tuple[int, int]

FAULTS: dict[str, str] = {
    "not_text": "the completion is neither text nor chat messages with text",
    "no_think": "the reasoning block is missing or not closed",
    "missing_part": "a part of the reasoning is missing, not closed, or empty",
    "repeated_part": "a block that must come once comes twice",
    "wrong_order": "all blocks are there, in the wrong order",
    "stray_text": "there is text between or after the blocks",
    "no_answer": "the answer is missing, not closed, or empty",
    "answer_not_a_candidate": "the answer is none of the candidates",
    "no_confidence": "the confidence is missing, not closed, or empty",
    "confidence_not_a_number": "the confidence is not a plain decimal number (or not one of the format's words)",
    "confidence_out_of_range": "the confidence is a number outside the range of the format",
    "not_json": "the completion ends in no JSON object of the required shape",
    "not_a_distribution": "the stated probabilities do not add up, or a label is missing or named twice",
}
"""Every fault a reader can name, with its meaning. Fixed and small, so that faults can be counted."""


def answered(text: str, span: Span, names: Sequence[str]) -> list[str]:
    """The text with each of `names` where `span` is.

    >>> answered("I say yes.", (6, 9), ["yes", "no"])
    ['I say yes.', 'I say no.']
    """
    return [text[: span[0]] + name + text[span[1] :] for name in names]


class Cuts(Protocol):
    """What can cut a text into named parts."""

    def parts(self, text: str) -> dict[str, str]:
        """Name -> text of each part."""
        ...


class Parts(Mapping[str, str]):
    """Reasoning parts by name, stripped; cut out of the text when asked for.

    A reward never looks at them, and copying them would be a good part of the work of reading a long reply.

    >>> Parts()
    {}
    """

    __slots__ = ("_cut", "_text")

    def __init__(self, text: str = "", cut: Cuts | None = None) -> None:
        self._text, self._cut = text, cut

    def _all(self) -> dict[str, str]:
        return self._cut.parts(self._text) if self._cut else {}

    def __getitem__(self, name: str) -> str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (self._all(),)


class Reply(NamedTuple):
    """What was read from one completion.

    text: the completion itself (for chat messages, the text of the assistant's last one).
    parts: reasoning parts by name, stripped. answer: the candidate, spelled as in the candidate list (the stripped text
    when there are none). confidence: in [0, 1]. distribution: stated probability of each label, for formats that state
    more than one. answer_span, confidence_span: (start, end) character offsets in `text` of what stands in the tags.
    fault: a key of `FAULTS`, or None for a readable reply. A faulty reply keeps what could be read besides the fault.
    """

    text: str
    parts: Mapping[str, str] = Parts()
    answer: str | None = None
    confidence: float | None = None
    answer_span: Span | None = None
    confidence_span: Span | None = None
    fault: str | None = None
    distribution: Mapping[str, float] | None = None
