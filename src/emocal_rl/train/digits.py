"""The digits of a stated confidence: which of them are decisions, and where the number should end."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from emocal_rl.errors import UserError

DIGITS = string.digits
DECIDED = 2  # decimals; a third one changes what is paid by less than its entropy is worth


def decisions(number: str) -> list[tuple[int, np.ndarray]]:
    """Each of the first two decimals: its place in the text, and the ten confidences it decides between.

    number: a confidence as it stands in a reply: readers let white space and braces around it through.

    >>> decisions("0.70")[0]
    (2, array([0. , 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]))
    """
    number = number.replace("{", " ").replace("}", " ")  # places stay, and float takes white space
    first = number.find(".") + 1
    places = [place for place in range(first, min(first + DECIDED, len(number))) if first and number[place] in DIGITS]
    return [(at, np.array([float(number[:at] + digit + number[at + 1 :]) for digit in DIGITS])) for at in places]


def ending(decimal: int, goes_on: bool) -> int:
    """What is learnt of the token after a decimal: 1, that it ends the number; -1, that it should have; 0, nothing.

    No rule pays for decimals beyond `DECIDED`, and a model that is free to write them soon writes them without end.

    >>> ending(1, False), ending(1, True), ending(2, False), ending(2, True)
    (1, 0, 1, -1)
    """
    return 1 if not goes_on else -1 if decimal == DECIDED else 0


def require_digits(tokenizer: Any) -> None:
    """Raise UserError unless the tokenizer writes every digit of a confidence as a token of its own."""
    for number in (f"0.{hundredths:02}" for hundredths in range(100)):
        pieces = [tokenizer.decode([token]) for token in tokenizer.encode(f">{number}<", add_special_tokens=False)]
        digits = [piece for piece in pieces if set(piece) & set(DIGITS)]
        if "".join(digits) != number.replace(".", "") or any(len(piece) > 1 for piece in digits):
            raise UserError(
                f"credit: exact needs a tokenizer that writes every digit as a token of its own; this one writes "
                f"{number} as {' '.join(map(repr, pieces))}; set credit: segment"
            )
