"""How probable each candidate is to a model, where the answer of its own reply stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from emocal_rl.data import Row
from emocal_rl.evaluate.engines import Request
from emocal_rl.evaluate.token_readouts import answer_probability, log_probabilities, next_log_probabilities
from emocal_rl.models.load import tokenizer_of
from emocal_rl.progress import stage_progress
from emocal_rl.rewards import Format
from emocal_rl.rewards.formats.reply import Span, answered
from emocal_rl.train.labelers import readers


class Fork(NamedTuple):
    """Where a reply's answer is decided: the tokens before, and the token that each candidate goes on with."""

    before: list[int]
    tokens: list[int]


def label_shares(
    model: Any, processor: Any, rows: Sequence[Row], texts: Sequence[str], form: Format, batch_size: int
) -> list[list[float] | None]:
    """The probability of each of a row's candidates, summing to 1; None where the reply has no answer.

    One forward pass over `batch_size` replies, up to the token by which all candidates differ.  Where no single token
    tells them apart, one pass for every candidate, with all of its tokens.
    """
    found: list[list[float] | None] = [None] * len(rows)
    forks, others = [], []
    for place, (row, text, span) in enumerate(zip(rows, texts, answer_spans(rows, texts, form), strict=True)):
        if span is not None:
            fork = fork_of(tokenizer_of(processor), text, span, row.candidates)
            forks.append((place, fork)) if fork else others.append((place, span))
    with stage_progress("label probability", len(forks) + len(others), "readouts") as tick:
        for start in range(0, len(forks), batch_size):
            batch = forks[start : start + batch_size]
            asked = [Request(rows[place], form) for place, _ in batch]
            logs = next_log_probabilities(model, processor, asked, [fork.before for _, fork in batch])
            for (place, fork), chances in zip(batch, logs, strict=True):
                found[place] = chances[fork.tokens].softmax(-1).tolist()
            tick(start + len(batch))
        for done, (place, span) in enumerate(others, 1):
            found[place] = whole_shares(model, processor, Request(rows[place], form), texts[place], span)
            tick(len(forks) + done)
    return found


def answer_spans(rows: Sequence[Row], texts: Sequence[str], form: Format) -> list[Span | None]:
    """Where the answer stands in each reply; None in one that has no answer."""
    read = readers(rows, form, [[text] for text in texts])
    return [reply.answer_span if reply else None for (reply,) in read]


def fork_of(tokenizer: Any, text: str, span: Span, candidates: Sequence[str]) -> Fork | None:
    """The first token at which replies with these candidates differ; None unless all of them differ there."""
    texts = answered(text, span, candidates)
    written = [tokenizer(one, add_special_tokens=False)["input_ids"] for one in texts]
    columns = enumerate(zip(*written, strict=False))
    column = next((at for at, tokens in columns if len(set(tokens)) > 1), None)
    if column is None:
        return None
    tokens = [one[column] for one in written]
    return Fork(written[0][:column], tokens) if len(set(tokens)) == len(tokens) else None


def whole_shares(model: Any, processor: Any, request: Request, text: str, span: Span) -> list[float] | None:
    """Each candidate's part of the probability that all have together, each with all of its tokens."""
    chances = []
    names = request.row.candidates
    for name, written in zip(names, answered(text, span, names), strict=True):
        logs, tokens, offsets = log_probabilities(model, processor, request, written)
        chances.append(answer_probability(logs, tokens, offsets, (span[0], span[0] + len(name))) or 0.0)
    total = sum(chances)
    return [chance / total for chance in chances] if total else None
