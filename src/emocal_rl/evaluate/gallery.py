"""Which replies a report shows: a fixed rule, so that nobody can pick the pretty ones."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from emocal_rl.evaluate.analysis import Analysis
from emocal_rl.evaluate.records import Record
from emocal_rl.evaluate.run_files import split_label

PER_GROUP = 8
RULES = {
    "right": "agrees with most annotators; drawn by a hash of the row's id",
    "wrong": "disagrees with most annotators; the surest of them first",
    "improved": "largest drop of its own Brier score from before to after",
}


@dataclass(frozen=True)
class Card:
    """One shown reply: the row after training, with its words, and before where there is one."""

    group: str
    after: Record
    before: Record | None
    text: str = ""

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        before = self.before.confidence if self.before else None
        now = self.after.confidence
        return {"group": self.group, "id": self.after.id, "confidence": now, "confidence_before": before}


@dataclass(frozen=True)
class Gallery:
    """The cards of a report, in order, and the split they come from (in words)."""

    split: str
    cards: tuple[Card, ...]


def _shuffled(record: Record) -> str:
    return hashlib.sha256(record.id.encode()).hexdigest()


def pick(records: Iterable[Record], before: Mapping[str, Record], per_group: int = PER_GROUP) -> list[Card]:
    """Up to ``per_group`` cards each of right, wrong and most improved; one per cluster where there are enough."""
    rows = sorted(records, key=_shuffled)
    right = [r for r in rows if r.answer is not None and r.answer == r.majority]
    wrong = sorted((r for r in rows if r.answer != r.majority), key=lambda r: -(r.confidence or 0.0))
    gain = {r.id: g for r in rows if (g := _gain(before.get(r.id), r)) is not None and g > 0}
    improved = sorted((r for r in rows if r.id in gain), key=lambda r: -gain[r.id])
    taken: set[str] = set()
    cards = []
    for group, pool in (("improved", improved), ("wrong", wrong), ("right", right)):
        for record in _varied(pool, taken, per_group):
            cards.append(Card(group, record, before.get(record.id)))
    order = list(RULES)
    return sorted(cards, key=lambda card: order.index(card.group))


def _gain(before: Record | None, after: Record) -> float | None:
    if before is None or before.brier is None or after.brier is None:
        return None
    return before.brier - after.brier


def _varied(pool: list[Record], taken: set[str], count: int) -> list[Record]:
    """The first ``count`` not yet shown, preferring clusters not yet shown."""
    seen: set[str] = set()
    chosen: list[Record] = []
    for fresh_only in (True, False):
        for record in pool:
            if len(chosen) == count:
                break
            if record.id not in taken and not (fresh_only and record.cluster in seen):
                chosen.append(record)
                taken.add(record.id)
                seen.add(record.cluster)
    return chosen


def gallery(analysis: Analysis) -> Gallery:
    """The cards of the first test split that the final stage has records for."""
    result = analysis.tests[0]
    after = analysis.run.get(analysis.after, result.name)
    if after is None:
        return Gallery(split_label(result.name), ())
    before = analysis.run.get(analysis.before, result.name)
    earlier = {r.id: r for r in before.rows} if before else {}
    cards = (replace(card, text=after.text(card.after)) for card in pick(after.rows, earlier))
    return Gallery(split_label(result.name), tuple(cards))


_LEAF = re.compile(r"<([a-z_]{1,20})>([^<>]*)</\1>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z_]{1,20}>", re.IGNORECASE)


def words(text: str, longest: int = 700) -> list[tuple[str, str]]:
    """The reply in named parts, for reading: (tag, content) of its innermost tags but answer and confidence.

    A reply with words outside its tags is given whole, as [("", text)], so that nothing it said is hidden.

    >>> words("<think><human>two eyes</human></think><answer>joy</answer>"), words("no tags")
    ([('human', 'two eyes')], [('', 'no tags')])
    """
    parts = [(tag.lower(), content.strip()) for tag, content in _LEAF.findall(text)]
    told = [(tag, content) for tag, content in parts if tag not in ("answer", "confidence") and content]
    outside = _TAG.sub("", _LEAF.sub("", text)).strip()
    shown = told if told and not outside else [("", text.strip())]
    return [(tag, content if len(content) <= longest else content[:longest].rstrip() + " …") for tag, content in shown]
