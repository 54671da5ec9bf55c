"""Did you mean ...? Suggestions for misspelt words."""

from collections.abc import Iterable
from difflib import get_close_matches


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like `word`, or None when none is near.

    >>> closest("wieght", ["weight", "use"])
    'weight'
    >>> closest("xyz", ["weight", "use"]) is None
    True
    """
    by_lower_case = {choice.lower(): choice for choice in choices}
    found = get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str], *, what: str = "choose from", most: int = 12) -> str:
    """The end of an error line: the nearest choice, or else the choices when they are few.

    >>> did_you_mean("wieght", ["weight", "use"])
    "; did you mean 'weight'?"
    >>> did_you_mean("xyz", ["weight", "use"])
    '; choose from weight, use'
    """
    choices = list(choices)
    if near := closest(word, choices):
        return f"; did you mean '{near}'?"
    return f"; {what} {', '.join(choices)}" if 0 < len(choices) <= most else ""
