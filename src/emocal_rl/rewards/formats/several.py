"""Formats that state more than one probability: several guesses, or a distribution over all labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.core import Aliases, Candidates, Format, listed, register
from emocal_rl.rewards.formats.matching import match
from emocal_rl.rewards.formats.numbers import decimal, lattice
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.formats.tags import scan

_ROUNDING = 0.0051
"""How far two decimals can be off, a little more than half a hundredth."""


@dataclass(frozen=True, repr=False)
class GuessFormat(Format):
    """<think>, then `count` different answers, each with a confidence: <answer1>, <confidence1>, <answer2>, ...

    The confidences may sum to at most 1. The reply's answer is the guess with the highest confidence; its
    `distribution` holds all guesses.  Puri et al., Multi-RLCR, arXiv 2603.24844 (2026).
    """

    count: int = 3

    @property
    def blocks(self) -> tuple[str, ...]:
        """The tags in order."""
        pairs = ((f"answer{i}", f"confidence{i}") for i in range(1, self.count + 1))
        return ("think", *(tag for pair in pairs for tag in pair))

    def instruction(self, candidates: Candidates = None) -> str:
        """The blocks to write, each with what belongs in it."""
        row = "".join(
            f"<answer{i}>answer</answer{i}><confidence{i}>its probability</confidence{i}>"
            for i in range(1, self.count + 1)
        )
        return (
            f"{listed(candidates)}Reply in exactly this form: <think>your reasoning</think>{row} Give {self.count} "
            "different answers; the probabilities are numbers from 0 to 1 with two decimals and sum to at most 1."
        )

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Read the blocks in order, then check that the guesses differ and add up."""
        spans, fault = scan(text, self.blocks)
        inner = {name: text[slice(*span)] for name, span in spans.items()}
        parts = {"think": inner["think"].strip()} if "think" in inner else {}
        if fault:
            return Reply(text, parts, fault=fault)
        answers = [match(inner[f"answer{i}"], candidates, aliases) for i in range(1, self.count + 1)]
        stated = [decimal(inner[f"confidence{i}"]) for i in range(1, self.count + 1)]
        fault = _guess_fault(answers, stated)
        if fault:
            return Reply(text, parts, fault=fault)
        guesses = {str(name): float(value or 0.0) for name, value in zip(answers, stated, strict=True)}
        top = max(guesses, key=lambda name: guesses[name])
        at = list(guesses).index(top) + 1
        return Reply(text, parts, top, guesses[top], spans[f"answer{at}"], spans[f"confidence{at}"], None, guesses)

    def compose(self, reply: Reply) -> str:
        """The guesses of `distribution`, most confident first; the answer has to be the first of them.

        They may sum to at most 1, which is kept where rounding each by itself would break it.
        """
        guesses = sorted((reply.distribution or {}).items(), key=lambda item: -item[1])
        if len(guesses) != self.count or guesses[0][0] != reply.answer:
            raise UserError(f"format {self.name!r}: write needs {self.count} guesses, the answer the most confident")
        if sum(value for _, value in guesses) > 1 + 1e-9:
            raise UserError(
                f"format {self.name!r}: the confidences of the guesses must sum to at most 1, got {guesses}"
            )
        whole = {name: round(100 * self.snap(value)) for name, value in guesses}
        whole = whole if sum(whole.values()) <= 100 else apportioned(dict(guesses), 100)
        texts = {"think": reply.parts.get("think", "")}
        for i, (name, value) in enumerate(whole.items(), 1):
            texts |= {f"answer{i}": name, f"confidence{i}": f"{value / 100:.2f}"}
        return write_blocks(self.name, texts)


def _guess_fault(answers: list[str | None], stated: list[float | None]) -> str | None:
    if None in answers:
        return "answer_not_a_candidate"
    values = [value for value in stated if value is not None]
    if len(values) < len(stated):
        return "confidence_not_a_number"
    if max(values) > 1:
        return "confidence_out_of_range"
    return "not_a_distribution" if len(set(answers)) < len(answers) or sum(values) > 1 + 1e-9 else None


@dataclass(frozen=True, repr=False)
class DistributionFormat(Format):
    """<think>, then <distribution> with ``label: probability`` for every candidate, split by commas or line breaks.

    Every candidate comes once, and the probabilities sum to 1 up to the rounding of two decimals, which is evened out.
    The reply's answer is the most probable label (the first of equals, in the candidates' order).  It is written first,
    so that a model decides by a word, as for any other answer, and the digits behind it fall; read in any order.
    """

    def instruction(self, candidates: Candidates = None) -> str:
        """The blocks to write, with the labels to fill in."""
        row = ", ".join(f"{name}: probability" for name in candidates or ("label",))
        return (
            f"Reply in exactly this form: <think>your reasoning</think><distribution>{row}</distribution> The "
            "probabilities are numbers from 0 to 1 with two decimals and sum to 1; the most probable label comes first."
        )

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Reply:
        """Read the two blocks, then the pairs in the second."""
        spans, fault = scan(text, ("think", "distribution"))
        parts = {name: text[slice(*span)].strip() for name, span in spans.items() if name == "think"}
        span = spans.get("distribution")
        if fault or span is None:
            return Reply(text, parts, None, None, span, span, "no_answer" if fault == "missing_part" else fault)
        stated, fault = _pairs(text[slice(*span)], candidates, aliases)
        if fault or not stated:
            return Reply(text, parts, None, None, span, span, fault)
        top = max(stated, key=lambda name: stated[name])
        return Reply(text, parts, top, stated[top], span, span, None, stated)

    def compose(self, reply: Reply) -> str:
        """The distribution, most probable label first: two decimals each, which sum to 1; the first is the answer."""
        stated = reply.distribution
        if not stated or max(stated, key=lambda name: stated[name]) != reply.answer:
            raise UserError(f"format {self.name!r}: write needs a distribution with the answer as its largest label")
        if split := [name for name in stated if "," in name or "\n" in name]:
            raise UserError(
                f"format {self.name!r}: label {split[0]!r} holds a comma or a line break, which split labels"
            )
        falling = sorted(apportioned(stated, 100).items(), key=lambda one: -one[1])  # equals stay in their order
        row = ", ".join(f"{name}: {value / 100:.2f}" for name, value in falling)
        return write_blocks(self.name, {"think": reply.parts.get("think", ""), "distribution": row})


def _pairs(text: str, candidates: Candidates, aliases: Aliases) -> tuple[dict[str, float], str | None]:
    stated: dict[str, float] = {}
    for row in text.replace("\n", ",").split(","):
        if not row.strip():
            continue
        label, colon, number = row.rpartition(":")
        name, value = match(label, candidates, aliases), decimal(number)
        if not colon or name is None:
            return {}, "answer_not_a_candidate"
        if value is None:
            return {}, "confidence_not_a_number"
        if name in stated:
            return {}, "not_a_distribution"
        stated[name] = value
    return _evened(stated, candidates)


def _evened(stated: dict[str, float], candidates: Candidates) -> tuple[dict[str, float], str | None]:
    names, total = list(candidates or stated), sum(stated.values())
    # all of very many zeros are within the rounding of 1 too
    if set(names) != set(stated) or not total > 0 or abs(total - 1) > _ROUNDING * len(names):
        return {}, "not_a_distribution"
    return {name: stated[name] / total for name in names}, None


def apportioned(distribution: Mapping[str, float], parts: int) -> dict[str, int]:
    """How many of `parts` equal parts each label gets, by largest remainder.

    >>> apportioned({"a": 0.5, "b": 0.25, "c": 0.25}, 10)
    {'a': 5, 'b': 3, 'c': 2}
    """
    total = sum(distribution.values())
    exact = {name: parts * value / total for name, value in distribution.items()}
    whole = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: whole[name] - exact[name])
    for name in by_remainder[: parts - sum(whole.values())]:
        whole[name] += 1
    return whole


def write_blocks(form: str, texts: Mapping[str, str]) -> str:
    """``<name>text</name>`` in order; raises UserError for a text that is empty or holds one of the tags."""
    for name, text in texts.items():
        if not text.strip() or any(f"<{tag}>" in text or f"</{tag}>" in text for tag in texts):
            raise UserError(f"format {form!r}: part {name!r} is empty or contains one of the tags: {text[:60]!r}")
    return "".join(f"<{name}>{text}</{name}>" for name, text in texts.items())


guesses = register(GuessFormat(name="guesses", states="guesses", grid=lattice(101, 0.0, 1.0), bounds=(0.0, 1.0)))
distribution = register(
    DistributionFormat(name="distribution", states="distribution", grid=lattice(101, 0.0, 1.0), bounds=(0.0, 1.0))
)
