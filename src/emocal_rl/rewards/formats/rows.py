"""Row-of-tags formats besides EmoCaliber's: RLCR's, confidence first, percent, and words."""

from __future__ import annotations

from dataclasses import dataclass

from emocal_rl.rewards.formats.core import register
from emocal_rl.rewards.formats.matching import plain
from emocal_rl.rewards.formats.numbers import decimal, lattice
from emocal_rl.rewards.formats.tags import TagFormat

HUNDREDTHS = lattice(101, 0.0, 1.0)
_CLOSED = "a number from 0 to 1, the probability that your answer is right, with two decimals"
_INSIDE = (
    ("think", "your reasoning"),
    ("analysis", "how sure you can be of the answer, and why"),
)

rlcr = register(TagFormat(
    name="rlcr", states="confidence", grid=HUNDREDTHS, bounds=(0.0, 1.0), hint=_CLOSED, inside=_INSIDE,
    blocks=("think", "answer", "analysis", "confidence"),
))  # fmt: skip

rlcr_short = register(TagFormat(
    name="rlcr_short", states="confidence", grid=HUNDREDTHS, bounds=(0.0, 1.0), hint=_CLOSED, inside=_INSIDE,
    blocks=("think", "answer", "confidence"),
))  # fmt: skip

rlcr_answer = register(TagFormat(
    name="rlcr_answer", states="nothing", grid=(), bounds=(0.0, 1.0), inside=_INSIDE, blocks=("think", "answer"),
))  # fmt: skip

confidence_first = register(TagFormat(
    name="confidence_first", states="confidence", grid=HUNDREDTHS, bounds=(0.0, 1.0), hint=_CLOSED, inside=_INSIDE,
    blocks=("think", "confidence", "answer"),
))  # fmt: skip


class PercentFormat(TagFormat):
    """A tag format whose confidence is a percentage, with or without the sign."""

    def parse(self, text: str) -> tuple[float | None, str | None]:
        """``85%`` or ``85`` -> 0.85."""
        value = decimal(text.strip().removesuffix("%"))
        if value is None:
            return None, "confidence_not_a_number"
        return (value / 100, None) if value <= 100 else (None, "confidence_out_of_range")

    def print(self, confidence: float) -> str:
        """0.85 -> ``85%``."""
        return f"{round(100 * self.snap(confidence))}%"


percent = register(PercentFormat(
    name="percent", states="confidence", grid=HUNDREDTHS, bounds=(0.0, 1.0), inside=_INSIDE,
    hint="a whole percentage from 0% to 100%, the probability that your answer is right",
    blocks=("think", "answer", "confidence"),
))  # fmt: skip

WORDS = (
    ("almost certainly not", 0.07),
    ("probably not", 0.30),
    ("about even", 0.50),
    ("probably", 0.75),
    ("almost certainly", 0.93),
)
"""Words of estimative probability and the middle of the range each stands for.  Kent (1964)."""


@dataclass(frozen=True, repr=False)
class WordFormat(TagFormat):
    """A tag format whose confidence is one of a few phrases. words: (phrase, probability), increasing."""

    words: tuple[tuple[str, float], ...] = WORDS

    def parse(self, text: str) -> tuple[float | None, str | None]:
        """``Almost certainly`` -> 0.93. Only a short text can be one of the phrases."""
        value = dict(self.words).get(plain(text)) if len(text) <= 200 else None
        return (value, None) if value is not None else (None, "confidence_not_a_number")

    def print(self, confidence: float) -> str:
        """0.9 -> ``almost certainly``."""
        return {value: word for word, value in self.words}[self.snap(confidence)]


verbal = register(WordFormat(
    name="verbal", states="confidence", grid=tuple(value for _, value in WORDS), bounds=(WORDS[0][1], WORDS[-1][1]),
    hint=f"how likely your answer is right, in one of these phrases: {', '.join(word for word, _ in WORDS)}",
    inside=_INSIDE, blocks=("think", "answer", "confidence"),
))  # fmt: skip
