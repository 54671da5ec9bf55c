"""Which rows EmoCaliber's evaluator treats otherwise than ours, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from emocal_rl.evaluate import vecbench_legacy as theirs
from emocal_rl.evaluate.binning import bin_of
from emocal_rl.evaluate.vecbench import Item
from emocal_rl.rewards.formats.reply import Reply


@dataclass(frozen=True)
class Difference:
    """Rows that the two evaluators treat differently for one reason; ``example`` is the id of the first."""

    what: str
    count: int
    example: str


def differences(items: Sequence[Item], replies: Sequence[Reply], correct: Sequence[float]) -> list[Difference]:
    """Every reason for which some row is treated differently, with its count; reasons may share rows."""
    seen = [k for k, item in enumerate(items) if item.response is not None]
    kept, confidences, dropped = theirs.extract([items[k] for k in seen])
    stated = dict(zip((id(item) for item in kept), confidences, strict=True))
    rule = {k: theirs.prediction(items[k]) == items[k].truth.lower() for k in seen}
    overall = {k: theirs.overall_prediction(items[k]) == items[k].truth.lower() for k in seen}
    gone = {id(item) for item in dropped}

    def confidence(k: int) -> float:
        value = stated.get(id(items[k]))
        return np.nan if value is None else float(value)

    tests: dict[str, Callable[[int], bool]] = {
        "rows without a response: theirs never sees them, ours counts them as wrong": lambda k: k not in rule,
        "rows theirs drops altogether, because float() refuses the text of the confidence": (
            lambda k: id(items[k]) in gone
        ),
        "rows without a confidence tag: in their F1 and #Samples, not in their accuracy": (
            lambda k: k in rule and id(items[k]) not in gone and stated[id(items[k])] is None
        ),
        "rows stating 1.0 or more, which fall into none of their bins": lambda k: confidence(k) >= 1,
        "rows stating a number outside [0, 1], which theirs clips and ours calls unreadable": (
            lambda k: confidence(k) > 1 or confidence(k) < 0
        ),
        "rows whose confidence lands in another bin (left-closed, floating-point edges)": (
            lambda k: 0 <= confidence(k) < 1 and _their_bin(confidence(k)) != int(bin_of(confidence(k), 10))
        ),
        "answers right by their substring rule and wrong for ours": lambda k: rule.get(k, False) and not correct[k],
        "answers wrong by their substring rule and right for ours": lambda k: not rule.get(k, True) and correct[k] > 0,
        "of those, the correct spelling of a label that VECBench misspells": (
            lambda k: not rule.get(k, True) and correct[k] > 0 and _respelled(items[k], replies[k])
        ),
        "rows where their Overall, which ignores the answer tag, disagrees with their own task table": (
            lambda k: k in rule and rule[k] != overall[k]
        ),
    }  # fmt: skip
    found = [(what, [k for k in range(len(items)) if test(k)]) for what, test in tests.items()]
    return [Difference(what, len(at), items[at[0]].id) for what, at in found if at]


def _their_bin(value: float) -> int:
    return int(np.searchsorted(np.linspace(0, 1, 11), value, side="right")) - 1


def _respelled(item: Item, reply: Reply) -> bool:
    return (reply.answer or "").lower() not in (item.response or "").lower()
