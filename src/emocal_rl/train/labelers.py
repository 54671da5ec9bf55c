"""Confidences, or distributions over the labels, to learn in stage two: one strategy a function.

A training target ends in the row's label, so a strategy answers: how sure should one be of this label?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from emocal_rl.adapters.settings import by_row
from emocal_rl.data import Row
from emocal_rl.data.taxonomy import TAXONOMIES
from emocal_rl.errors import UserError
from emocal_rl.rewards import Format, Reply
from emocal_rl.rewards.formats import find_format
from emocal_rl.rewards.graders.core import Grader, find_grader, grade
from emocal_rl.rewards.targets import aliases_of
from emocal_rl.train import label_file
from emocal_rl.train.label import Label, on_levels, quantised, shares, smoothed

if TYPE_CHECKING:
    from emocal_rl.recipe_blocks import Labels


class Answers(Protocol):
    """The model of the previous stage, asked about rows that it was not trained on."""

    def samples(self, rows: Sequence[Row], labels: Labels) -> list[list[str | None]]:
        """`labels.samples` completions of each row at `labels.temperature`; None for one that failed."""
        ...

    def probabilities(self, rows: Sequence[Row], labels: Labels) -> list[list[float] | None]:
        """The probability of each of a row's candidates, summing to 1, after the model's own greedy reasoning.

        None where the reply has no answer to look at.
        """
        ...


GraderName = str | Grader | None
Strategy = Callable[[Sequence[Row], Answers | None, "Labels", GraderName], list[Label]]
STRATEGIES: dict[str, Strategy] = {}
ASKING = ("hit_rate", "self_consistency", "similarity", "answer_probability")
"""Strategies that ask the model, whose rows must be new to it."""


def _strategy(function: Strategy) -> Strategy:
    STRATEGIES[function.__name__] = function
    return function


def make_labels(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName = None) -> list[Label]:
    """One label a row, by `labels.strategy`, its confidence, and distribution, on `labels.levels`.

    grader: of the stage, for sampled answers to open questions; None for the row's label, as evaluations have it.

    Raises:
        UserError: what the strategy needs is missing: votes, candidates, a confidence in the row, the file or a row in
            it.
    """
    made = STRATEGIES[labels.strategy](rows, answers, labels, grader)
    if labels.levels is None:
        return made
    return [on_levels(one, labels.levels) for one in made]


@_strategy
def hit_rate(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """The share of sampled answers that are the row's label; unreadable ones are misses.

    Of an open question, where one answer can be written in many ways, those that `grader` takes for right.
    """
    judge, found = find_grader(grader or by_row), []
    for row, replies in zip(rows, _replies(rows, answers, labels), strict=True):
        said = _counted(replies)
        hits = (
            said[row.label] if row.candidates else sum(grade(judge, one, row.target()).correct or 0 for one in replies)
        )
        value = smoothed(hits, said.total(), labels.smoothing)
        spread = shares([said[name] for name in row.candidates], row.candidates, labels.smoothing)
        found.append(Label(quantised(value), {"hits": hits, **_counts(said)}, spread))
    return found


@_strategy
def self_consistency(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """The share of sampled answers that are the most frequent one, whether right or not.  Wang et al. (2022)."""
    found = []
    for said in _said(rows, answers, labels):
        most = max((count for name, count in said.items() if name), default=0)
        value = smoothed(most, said.total(), labels.smoothing)
        found.append(Label(quantised(value), {"agreeing": most, **_counts(said)}))
    return found


@_strategy
def similarity(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """The hit rate with part credit, `labels.near`, for another label of the same polarity."""
    _closed(rows, "similarity")
    found = []
    for row, said in zip(rows, _said(rows, answers, labels), strict=True):
        credit = sum(n * alike(name, row.label, row.candidates, labels.near) for name, n in said.items())
        value = smoothed(credit, said.total(), labels.smoothing)
        found.append(Label(quantised(value), {"credit": credit, **_counts(said)}))
    return found


@_strategy
def answer_probability(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """The probability of the label's tokens among those of the candidates, where the model's own answer stands.

    A row whose reply cannot be read gets an even share: the model shows nothing about it.
    """
    if answers is None:
        raise UserError("labels: answer_probability needs a model")
    _closed(rows, "answer_probability")
    made = []
    for row, found in zip(rows, answers.probabilities(rows, labels), strict=True):
        spread = dict(zip(row.candidates, found or [1 / len(row.candidates)] * len(row.candidates), strict=True))
        facts = {"probability": None if found is None else spread[row.label]}
        made.append(Label(quantised(spread[row.label]), facts, spread))
    return made


@_strategy
def votes(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """The share of annotators who chose the label; counts are smoothed, shares of unknown counts are not."""
    if certain := [row.id for row in rows if not row.votes or max(row.votes) == sum(row.votes) == 1]:
        raise UserError(
            f"labels: strategy votes needs several votes a row; {len(certain)} of {len(rows)} rows have a single label "
            f"(first: {certain[0]}); choose another strategy"
        )
    found = []
    for row in rows:
        most, total = max(row.votes), sum(row.votes)
        pseudo = labels.smoothing if all(count == int(count) for count in row.votes) else 0.0
        spread = shares(row.votes, row.candidates, pseudo)
        found.append(Label(quantised(smoothed(most, total, pseudo)), {"votes": list(row.votes)}, spread))
    return found


@_strategy
def constant(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """`labels.value` for every row: a baseline that teaches the format and nothing else."""
    return [Label(quantised(labels.value)) for _ in rows]


@_strategy
def given(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """The confidence that the data set itself states, as VEC-CoT's second stage does."""
    if missing := [row.id for row in rows if row.confidence is None]:
        raise UserError(
            f"labels: strategy given needs a confidence in every row; {len(missing)} of {len(rows)} have none (first: "
            f"{missing[0]}); make them with: emocal-rl label --help"
        )
    return [Label(quantised(row.confidence or 0.0)) for row in rows]


@_strategy
def file(rows: Sequence[Row], answers: Answers | None, labels: Labels, grader: GraderName) -> list[Label]:
    """What `emocal-rl label` wrote into `labels.file`."""
    return label_file.read(labels.file, rows)


def _closed(rows: Sequence[Row], strategy: str) -> None:
    if lacking := [row.id for row in rows if not row.candidates]:
        raise UserError(
            f"labels: strategy {strategy} compares candidates; {len(lacking)} of {len(rows)} rows are open questions "
            f"(first: {lacking[0]}); take hit_rate"
        )


def alike(answer: str, label: str, candidates: Collection[str], near: float) -> float:
    """1 for the label itself, `near` for a label of the same polarity in the candidates' taxonomy, else 0.

    >>> emotions = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
    >>> [alike(said, "awe", emotions, 0.5) for said in ("awe", "amusement", "fear", "")]
    [1.0, 0.5, 0.0, 0.0]
    """
    if answer == label:
        return 1.0
    for taxonomy in TAXONOMIES.values():
        if set(candidates) <= set(taxonomy.labels) and (sign := taxonomy.parents.get("polarity")):
            return near if sign.get(answer, answer) == sign.get(label, label) else 0.0
    return 0.0


def readers(rows: Sequence[Row], form: Format, texts: Sequence[Sequence[str | None]]) -> list[list[Reply | None]]:
    """Every completion read against its row's candidates; None for one that failed."""
    return [
        [
            None if text is None else form.read(text, list(row.candidates) or None, aliases_of(row.target()))
            for text in each
        ]
        for row, each in zip(rows, texts, strict=True)
    ]


def _said(rows: Sequence[Row], answers: Answers | None, labels: Labels) -> list[Counter[str]]:
    """How often each answer to each row was sampled: see `_counted`."""
    return [_counted(replies) for replies in _replies(rows, answers, labels)]


def _replies(rows: Sequence[Row], answers: Answers | None, labels: Labels) -> list[list[Reply]]:
    """The sampled replies to each row; failed requests are left out."""
    if answers is None:
        raise UserError(f"labels: {labels.strategy} needs a model")
    read = readers(rows, find_format(labels.format), answers.samples(rows, labels))
    return [[one for one in replies if one is not None] for replies in read]


def _counted(replies: Sequence[Reply]) -> Counter[str]:
    """How often each answer was given; unreadable replies under ""."""
    return Counter("" if one.fault else str(one.answer) for one in replies)


def _counts(said: Counter[str]) -> dict[str, Any]:
    return {"samples": said.total(), "answers": {name: n for name, n in said.most_common() if name}}


def check_new(rows: Sequence[Row], trained: Mapping[str, Sequence[Row]], what: str) -> None:
    """Rows that a model is asked about must not be among those it was trained on: it would remember the label.

    trained: stage -> its rows.  what: the rows' name in the error.

    Raises:
        UserError: some are.
    """
    asked = {row.id for row in rows}
    for stage, seen in trained.items():
        if both := [row.id for row in seen if row.id in asked]:
            raise UserError(
                f"labels: {len(both)} of {len(asked)} rows of {what} were trained on in {stage} (first: {both[0]}), so "
                "the model would remember their labels; take other rows, or strategy votes, constant or given"
            )
