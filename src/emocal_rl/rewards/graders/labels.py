"""Graders for a closed set of labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.matching import match, names
from emocal_rl.rewards.formats.reply import Reply
from emocal_rl.rewards.graders.core import Grade, grader
from emocal_rl.rewards.targets import Target, aliases_of, candidates_of, shares_of

_LISTED = 10
"""Candidates that an error names."""


@grader
def label(reply: Reply, target: Target) -> Grade:
    """1 when the answer is target["label"], else 0; None when the label is None. Case and punctuation do not matter.

    They do where they tell candidates apart, as in "A+" and "A-". target["aliases"] (other spelling -> label) is
    honoured on both sides. Raises UserError for a label that is none of the candidates, where there are any.

    >>> label(Reply("", answer="positive"), {"label": "Positive"})
    1.0
    """
    if "label" not in target:
        raise UserError(f"grader 'label': the target has no 'label': it has {sorted(target)}")
    wanted, answer = target["label"], reply.answer
    if wanted is None or answer is None:
        return None
    candidates, aliases = candidates_of(target), aliases_of(target)
    if not candidates:
        return 1.0 if answer == wanted else float(names(answer, str(wanted), aliases))
    gold = match(str(wanted), candidates, aliases)
    if gold is None:
        raise stranger("label", wanted, candidates)
    return float(answer == gold or match(answer, candidates, aliases) == gold)


def stranger(name: str, wanted: Any, candidates: Sequence[str]) -> UserError:
    """The error about a label that is none of the candidates, so that every answer would be wrong."""
    listed = ", ".join(candidates[:_LISTED]) + (", ..." if len(candidates) > _LISTED else "")
    return UserError(
        f"grader {name!r}: target['label'] is {wanted!r:.60}, which is none of the candidates {listed}: give the "
        "label's name as the candidates have it (of a ClassLabel column: its feature's int2str)"
    )


@grader
def votes(reply: Reply, target: Target) -> Grade:
    """The share of annotators who gave the answer, in [0, 1]; None when nobody voted.

    >>> votes(Reply("", answer="positive"), {"candidates": ["negative", "positive"], "votes": [3, 17]})
    0.85
    """
    shares = shares_of(target)
    if shares is None or reply.answer is None:
        return None
    name = match(reply.answer, candidates_of(target) or list(shares), aliases_of(target))
    return shares.get(name, 0.0) if name is not None else 0.0
