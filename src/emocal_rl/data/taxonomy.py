"""Emotion taxonomies: their labels, other names for them, and how the labels of one map onto those of another.

Every list of emotion labels in this package comes from here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.matching import plain
from emocal_rl.suggest import did_you_mean


@dataclass(frozen=True)
class Taxonomy:
    """A closed set of emotion labels.

    Attributes:
        name: its key in `TAXONOMIES`.
        labels: the labels, in the order of the source's own indices.
        spellings: other spellings of a label -> label: the same word, so an answer in it is right.
        aliases: other words that data files use for a label -> label: read in files, not accepted as answers.
        parents: coarser taxonomy -> (label -> its label there); a label that is absent has no counterpart there.
        uncertain: coarser taxonomy -> the labels whose parent sources disagree on, or where it is a convention.
        source: who defined it.
    """

    name: str
    labels: tuple[str, ...]
    spellings: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    uncertain: Mapping[str, frozenset[str]] = field(default_factory=dict)
    source: str = ""

    def find(self, name: str) -> str | None:
        """The label that a word in a data file means, whatever its case, punctuation and spelling; None for none.

        >>> TAXONOMIES["mikels8"].find("Sad"), TAXONOMIES["webemo25"].find("cheerfulness")
        ('sadness', 'cheerfullness')
        """
        said = plain(name)
        if said in self.labels:
            return said
        return self.spellings.get(said, self.aliases.get(said))


def _under(**parents: str) -> dict[str, str]:
    """`joy="zest pride"` as {"zest": "joy", "pride": "joy"}."""
    return {label: parent for parent, labels in parents.items() for label in labels.split()}


_MIKELS = Taxonomy(
    "mikels8",
    ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness"),
    aliases={"content": "contentment", "sad": "sadness"},
    parents={
        "polarity": _under(positive="amusement awe contentment excitement", negative="anger disgust fear sadness"),
        "ekman6": _under(joy="amusement contentment excitement", surprise="awe")
        | _under(anger="anger", disgust="disgust", fear="fear", sadness="sadness"),
        "parrott6": _under(joy="amusement contentment excitement", surprise="awe")
        | _under(anger="anger disgust", fear="fear", sadness="sadness"),
    },
    uncertain={"ekman6": frozenset({"awe"}), "parrott6": frozenset({"awe", "disgust"})},
    source="Mikels et al. (2005); order and polarity of EmoSet (Yang et al., 2023)",
)

_WEBEMO_TREE = _under(
    love="affection gratitude lust", joy="cheerfullness contentment enthrallment optimism pride relief zest",
    surprise="surprise", confusion="confusion", fear="horror nervousness",
    sadness="disappointment neglect sadness shame suffering sympathy",
    anger="disgust envy exasperation irritabilty rage",
)  # fmt: skip
_WEBEMO_SIGN = _under(positive="love joy surprise", negative="confusion sadness anger fear")
_WEBEMO25 = Taxonomy(
    "webemo25",
    (
        "affection", "cheerfullness", "confusion", "contentment", "disappointment", "disgust", "enthrallment", "envy",
        "exasperation", "gratitude", "horror", "irritabilty", "lust", "neglect", "nervousness", "optimism", "pride",
        "rage", "relief", "sadness", "shame", "suffering", "surprise", "sympathy", "zest",
    ),
    spellings={"cheerfulness": "cheerfullness", "irritability": "irritabilty", "enthralment": "enthrallment"},
    parents={
        "webemo7": _WEBEMO_TREE,
        "polarity": {label: _WEBEMO_SIGN[parent] for label, parent in _WEBEMO_TREE.items()},
        "ekman6": {
            label: {"love": "joy"}.get(parent, parent) for label, parent in _WEBEMO_TREE.items() if label != "confusion"
        } | {"disgust": "disgust"},
    },
    uncertain={
        "webemo7": frozenset({"disgust", "sympathy"}),
        "polarity": frozenset({"confusion", "surprise"}),
        "ekman6": frozenset({"affection", "gratitude", "lust", "sympathy"}),
    },
    source="WebEmo (Panda et al., 2018), misspelt as in its list and in VECBench",
)  # fmt: skip

_WEBEMO7 = Taxonomy(
    "webemo7",
    ("love", "joy", "surprise", "confusion", "sadness", "anger", "fear"),
    parents={
        "polarity": _WEBEMO_SIGN,
        "parrott6": {label: label for label in ("love", "joy", "surprise", "sadness", "anger", "fear")},
    },
    uncertain={"polarity": frozenset({"surprise", "confusion"})},
    source="WebEmo (Panda et al., 2018): the primaries of Parrott, and confusion",
)

_PARROTT = Taxonomy(
    "parrott6",
    ("anger", "fear", "joy", "love", "sadness", "surprise"),
    aliases={"happiness": "joy"},
    parents={
        "polarity": _under(positive="joy love surprise", negative="anger fear sadness"),
        "ekman6": _under(joy="joy love") | {label: label for label in ("anger", "fear", "sadness", "surprise")},
        "webemo7": {label: label for label in ("anger", "fear", "joy", "love", "sadness", "surprise")},
    },
    uncertain={"polarity": frozenset({"surprise"}), "ekman6": frozenset({"love"})},
    source="Parrott (2001), primary emotions",
)

_EKMAN6 = Taxonomy(
    "ekman6",
    ("anger", "disgust", "fear", "joy", "sadness", "surprise"),
    aliases={"happiness": "joy", "digust": "disgust", "sad": "sadness"},
    parents={
        "polarity": _under(positive="joy surprise", negative="anger disgust fear sadness"),
        "parrott6": _under(anger="anger disgust") | {label: label for label in ("fear", "joy", "sadness", "surprise")},
    },
    uncertain={"polarity": frozenset({"surprise"}), "parrott6": frozenset({"disgust"})},
    source="Ekman (1992)",
)

_EKMAN7 = Taxonomy(
    "ekman7",
    (*_EKMAN6.labels, "neutral"),
    aliases=_EKMAN6.aliases,
    parents={"ekman6": {label: label for label in _EKMAN6.labels}},
    source="Ekman (1992) and neutral, as in Emotion6 (Peng et al., 2015)",
)

_POLARITY = Taxonomy(
    "polarity", ("positive", "negative"), aliases={"pos": "positive", "neg": "negative"}, source="sentiment"
)

TAXONOMIES: Mapping[str, Taxonomy] = MappingProxyType(
    {each.name: each for each in (_MIKELS, _WEBEMO25, _WEBEMO7, _PARROTT, _EKMAN6, _EKMAN7, _POLARITY)}
)
"""Every taxonomy by name."""


@dataclass(frozen=True)
class Translation:
    """How labels of one taxonomy read in another: label -> label there; absent where there is no counterpart."""

    labels: Mapping[str, str]
    uncertain: frozenset[str]


def taxonomy(name: str) -> Taxonomy:
    """The taxonomy of this name. Raises UserError for another one.

    >>> taxonomy("parrott")
    Traceback (most recent call last):
    emocal_rl.errors.UserError: no taxonomy 'parrott'; did you mean 'parrott6'?
    """
    if name not in TAXONOMIES:
        raise UserError(f"no taxonomy '{name}'{did_you_mean(name, TAXONOMIES)}")
    return TAXONOMIES[name]


def translate(source: str, target: str) -> Translation:
    """The labels of one taxonomy in another, over as few steps as it takes.

    Raises:
        UserError: there is none; labels of a coarse taxonomy cannot be told apart in a finer one.

    >>> way = translate("webemo25", "polarity")
    >>> way.labels["zest"], way.labels["confusion"], sorted(way.uncertain)
    ('positive', 'negative', ['confusion', 'surprise'])
    >>> translate("polarity", "mikels8")
    Traceback (most recent call last):
    emocal_rl.errors.UserError: no mapping from polarity to mikels8: its labels cannot be told apart there
    """
    start = taxonomy(source)
    taxonomy(target)
    waiting = deque([(start, Translation({label: label for label in start.labels}, frozenset()))])
    seen = {source}
    while waiting:
        here, way = waiting.popleft()
        if here.name == target:
            return way
        for name in (name for name in here.parents if name not in seen):
            seen.add(name)
            waiting.append((TAXONOMIES[name], _step(way, here, name)))
    raise UserError(f"no mapping from {source} to {target}: its labels cannot be told apart there")


def _step(way: Translation, here: Taxonomy, target: str) -> Translation:
    parents, doubtful = here.parents[target], here.uncertain.get(target, frozenset())
    labels = {label: parents[now] for label, now in way.labels.items() if now in parents}
    unsure = {label for label, now in way.labels.items() if now in doubtful}
    return Translation(labels, frozenset(way.uncertain | unsure) & labels.keys())


def project(votes: Sequence[float], source: str, target: str) -> tuple[float, ...]:
    """Votes over the labels of one taxonomy as votes over those of another; votes without a counterpart are dropped.

    >>> project((3, 0, 1, 0, 2, 0, 0, 0), "mikels8", "polarity")
    (4, 2)
    """
    way, ends = translate(source, target).labels, TAXONOMIES[target].labels
    total: dict[str, float] = dict.fromkeys(ends, 0)
    for label, count in zip(TAXONOMIES[source].labels, votes, strict=True):
        if label in way:
            total[way[label]] += count
    return tuple(total[label] for label in ends)


def answers(target: str, others: Iterable[str] = ()) -> dict[str, str]:
    """What counts as an answer besides the labels of `target`: spellings, and labels of `others` mapped onto it.

    For evaluating a model on a data set whose labels it was not trained on. A word that is itself a label of `target`
    means that label.

    >>> found = answers("parrott6", ["mikels8"])
    >>> found["contentment"], found["awe"], "fear" in found
    ('joy', 'surprise', False)
    """
    base = taxonomy(target)
    found = dict(base.spellings)
    for name in others:
        way = translate(name, target).labels
        spelt = {other: way[label] for other, label in TAXONOMIES[name].spellings.items() if label in way}
        found = {**way, **spelt, **found}
    return {said: label for said, label in found.items() if said not in base.labels}


def with_labels(candidates: Iterable[str]) -> Taxonomy | None:
    """The taxonomy with exactly these labels, in any order, case and spelling; None for none.

    >>> with_labels(["negative", "Positive"]).name
    'polarity'
    """
    names = list(candidates)
    for each in TAXONOMIES.values():
        if len(names) == len(each.labels) and {each.find(name) for name in names} == set(each.labels):
            return each
    return None
