"""A format that ends in a JSON object: ``{"answer": "...", "confidence": 0.85}``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emocal_rl.rewards.formats.core import Aliases, Candidates, Format, listed, opening, register
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.numbers import decimal, lattice
from emocal_rl.rewards.formats.reply import Reply, Span

_DECODER = json.JSONDecoder(object_pairs_hook=list)
_SPACE = " \t\r\n"
# with the colon: the same word can be a value
_KEYS = {key: re.compile(rf'"{key}"[{_SPACE}]*:') for key in ("answer", "confidence")}


@dataclass(frozen=True, repr=False)
class JsonFormat(Format):
    """Free reasoning, then one JSON object with "answer" and "confidence", at the very end or closed by a ``` fence."""

    def instruction(self, candidates: Candidates = None) -> str:
        """The object to end with."""
        return (
            f"{listed(candidates)}Reason first, then end your reply with one JSON object: "
            '{"answer": "your answer", "confidence": a number from 0 to 1, the probability that your answer is right}'
        )

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Decode the object around the last "answer" key, once."""
        found = _last_object(text)
        if found is None:
            return Reply(text, fault="not_json")
        start, stop, pairs = found
        fields = dict(pairs)
        spans = {key: _value_span(text, key, start, stop) for key in ("answer", "confidence")}
        written = fields.get("answer")
        answer = match(written, candidates, aliases) if isinstance(written, str) else None
        confidence, fault = _confidence(fields)
        fault = _form_fault(text, stop, pairs) or _answer_fault(written, answer) or fault
        parts = {"think": text[:start].removesuffix("```json\n").strip()}
        return Reply(text, parts, answer, confidence, spans["answer"], spans["confidence"], fault)

    def compose(self, reply: Reply) -> str:
        """Reasoning (parts["think"]), then the object."""
        answer = json.dumps(reply.answer, ensure_ascii=False)
        return f'{opening(reply)}{{"answer": {answer}, "confidence": {reply.confidence or 0.0:.2f}}}'


def _last_object(text: str) -> tuple[int, int, list[tuple[str, Any]]] | None:
    start = text.rfind("{", 0, max(text.rfind('"answer"'), 0))
    if start < 0:
        return None
    try:
        pairs, stop = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):  # not JSON, or nested so deeply that it is an attack
        return None
    return start, stop, pairs


def _form_fault(text: str, stop: int, pairs: list[tuple[str, Any]]) -> str | None:
    if len(dict(pairs)) < len(pairs):
        return "repeated_part"
    return "stray_text" if text[stop:].strip().removeprefix("```").strip() else None


def _answer_fault(written: Any, answer: str | None) -> str | None:
    if answer is not None:
        return None
    return "answer_not_a_candidate" if isinstance(written, str) and written.strip() else "no_answer"


def _confidence(fields: Mapping[str, Any]) -> tuple[float | None, str | None]:
    if "confidence" not in fields or fields["confidence"] is None:
        return None, "no_confidence"
    value = fields["confidence"]
    number = decimal(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or number != number:
        return None, "confidence_not_a_number"
    return (float(number), None) if 0 <= number <= 1 else (None, "confidence_out_of_range")


def _value_span(text: str, key: str, start: int, stop: int) -> Span | None:
    """Where the value of a key stands, without its quotes; None when the key is written with escapes."""
    first = -1
    for found in _KEYS[key].finditer(text, start, stop):
        first = found.end()
    if first < 0:
        return None
    while first < stop and text[first] in _SPACE:
        first += 1
    try:
        value, last = _DECODER.raw_decode(text, first)
    except ValueError:
        return None
    quoted = isinstance(value, str)
    return first + quoted, last - quoted


json_object = register(JsonFormat(name="json", states="confidence", grid=lattice(101, 0.0, 1.0), bounds=(0.0, 1.0)))
