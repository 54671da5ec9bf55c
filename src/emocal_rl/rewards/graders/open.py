"""Graders for answers that are not a closed label: numbers, option letters, a judge's probability."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Mapping
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.matching import match, plain
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.graders.core import Estimate, Grade, accepting, grader
from emocal_rl.rewards.targets import Target, candidates_of, mapping_of, number_of

_NUMBER = re.compile(r"([+-]?(?:[0-9]+(?:,[0-9]{3})*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)(%?)")
_LONGEST = 64


def _label(name: str, target: Target) -> Any:
    if "label" not in target:
        raise UserError(f"grader {name!r}: the target has no 'label': it has {sorted(target)}")
    return target["label"]


def number(text: str) -> float | None:
    """The number that a short text is: thousands commas, a fraction, a percentage, a currency sign are understood.

    >>> number("$1,234.50"), number("3/4"), number("85%"), number("about 3")
    (1234.5, 0.75, 0.85, None)
    """
    stripped = text.strip().rstrip(".").lstrip("$€£").strip()
    if not stripped or len(stripped) > _LONGEST:
        return None
    numerator, slash, denominator = stripped.partition("/")
    if slash:
        above, below = number(numerator), number(denominator)
        return above / below if above is not None and below else None
    found = _NUMBER.fullmatch(stripped)
    value = float(found[1].replace(",", "")) / (100 if found[2] else 1) if found else math.nan
    return value if math.isfinite(value) else None


@grader
def numeric(reply: Reply, target: Target, *, tolerance: float = 1e-6) -> Grade:
    """1 when the answer is the number target["label"], within a relative tolerance, else 0; None without a label.

    tolerance: a share of the larger of the two; of a label 0, which has no share, the distance itself. An answer that
    is no number is wrong. Raises UserError for a label that is none.

    >>> numeric(Reply("", answer="1,000"), {"label": 1000})
    1.0
    """
    label = _label("numeric", target)
    if label is None:
        return None
    gold, said = number(str(label)), number(reply.answer or "")
    if gold is None:
        raise UserError(f"grader 'numeric': target['label'] is not a number: {label!r}")
    return float(said is not None and math.isclose(said, gold, rel_tol=tolerance, abs_tol=0.0 if gold else tolerance))


def _letters(target: Target) -> dict[str, str]:
    """How an option is named by its letter, alone or with its text behind it -> the option."""
    options = dict(zip(string.ascii_uppercase, candidates_of(target) or (), strict=False))
    return {said: name for letter, name in options.items() for said in (letter, f"{letter}. {name}")}


@grader
@accepting(_letters)
def choice(reply: Reply, target: Target) -> Grade:
    """1 when the answer picks the option target["label"], by letter ("B", "(b)", "B. Paris") or by its text, else 0.

    target["candidates"]: the options in the order of their letters. The label may be a letter or an option's text. A
    Reward with this grader reads letters as answers too.

    >>> target = {"candidates": ["Rome", "Paris"], "label": "B"}
    >>> [choice(Reply("", answer=said), target) for said in ("b", "(B)", "B. Paris", "paris", "Rome")]
    [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    label = _label("choice", target)
    if label is None:
        return None
    options = [str(name) for name in target.get("candidates") or ()]
    gold, said = _option(str(label), options), _option(reply.answer or "", options)
    return float(gold is not None and gold == said)


def _option(text: str, options: list[str]) -> str | None:
    """The option meant, or the bare letter when there are no options to look it up in."""
    if options and (named := match(text, options)):
        return named
    words = plain(text[:2000]).split()
    letter = words[0] if words and len(words[0]) == 1 and words[0].isalpha() and words[0].isascii() else None
    if letter is None:
        return None
    if not options:
        return letter
    index = ord(letter) - ord("a")
    # "B. Rome" when B is Paris contradicts itself and names no option
    rest = " ".join(words[1:])
    fits = index < len(options) and rest in ("", plain(options[index]))
    return options[index] if fits else None


@grader
def judge(
    reply: Reply, target: Target, *, key: str = "judge", false_positive: float = 0.0, false_negative: float = 0.0
) -> Grade:
    """A judge's probability that the answer is right, read from target[key], in [0, 1].

    Either one number, or a mapping from answer to probability (also as JSON text); None for an answer it does not have.

    false_positive, false_negative: how often the judge takes a wrong answer for right, and a right one for wrong. With
    them the grade is an unbiased estimate of the true correctness, (judge - fp) / (1 - fp - fn), which may lie outside
    [0, 1].  Natarajan et al., "Learning with Noisy Labels" (2013), lemma 1.

    Raises UserError for rates outside [0, 1), and where they sum to 1 or more: such a judge tells nothing.

    >>> judge(Reply("", answer="Paris"), {"judge": {"paris": 0.9, "rome": 0.05}})
    0.9
    >>> round(judge(Reply("", answer="Paris"), {"judge": 1.0}, false_positive=0.1, false_negative=0.2), 3)
    1.286
    """
    if not (0 <= false_positive < 1 and 0 <= false_negative < 1 and false_positive + false_negative < 1):
        raise UserError(
            f"grader 'judge': false_positive={false_positive} and false_negative={false_negative} must lie in [0, 1) "
            "and sum to less than 1: a judge that errs more often tells nothing"
        )
    said = _judged(reply, target, key)
    if said is None or not false_positive + false_negative:
        return said
    return Estimate((said - false_positive) / (1 - false_positive - false_negative))


def _judged(reply: Reply, target: Target, key: str) -> float | None:
    """What the judge said, in [0, 1]."""
    if key not in target:
        raise UserError(f"grader 'judge': the target has no {key!r}: it has {sorted(target)}")
    value = target[key]
    if value is None or reply.answer is None:
        return None
    if isinstance(value, (str, Mapping)):
        known = mapping_of(value, key)
        name = match(reply.answer, list(known))
        value = None if name is None else known[name]
    if value is None:
        return None
    said = number_of(value, key)
    if not 0 <= said <= 1:
        raise UserError(f"grader 'judge': target[{key!r}] must lie in [0, 1], got {value}")
    return said


def _tree(target: Target, parents: Mapping[str, str] | None) -> Mapping[str, Any]:
    given = target.get("taxonomy")
    return mapping_of(given, "taxonomy") if given is not None else parents or {}


def _parents(target: Target, *, parents: Mapping[str, str] | None = None, partial: float = 0.0) -> dict[str, str]:
    """The coarse labels, each an answer of its own."""
    names = {plain(str(parent)): str(parent) for parent in _tree(target, parents).values()}
    return {name: name for name in names.values()}


@grader
@accepting(_parents)
def taxonomy(reply: Reply, target: Target, *, parents: Mapping[str, str] | None = None, partial: float = 0.0) -> Grade:
    """1 when the answer is target["label"], `partial` when it only shares its parent in the taxonomy, else 0.

    parents: label -> coarser label; target["taxonomy"] takes its place when the row has one. A coarse label is its own
    parent, so an answer that names the parent also earns `partial`; a Reward with this grader reads parents as answers
    besides the candidates, except as labels of a stated distribution.

    >>> parents = {"rage": "anger", "envy": "anger", "zest": "joy"}
    >>> target = {"label": "rage"}
    >>> [taxonomy(Reply("", answer=a), target, parents=parents, partial=0.5) for a in ("rage", "envy", "anger", "zest")]
    [1.0, 0.5, 0.5, 0.0]
    """
    label = _label("taxonomy", target)
    if label is None or reply.answer is None:
        return None
    coarse = {plain(fine): plain(str(parent)) for fine, parent in _tree(target, parents).items()}
    said, gold = plain(reply.answer), plain(str(label))
    if said == gold:
        return 1.0
    return partial if coarse.get(said, said) == coarse.get(gold, gold) else 0.0
