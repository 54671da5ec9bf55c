"""Labels from the answer's own probability: batches agree with one row at a time, and with every token of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from emocal_rl.data import Row, emoji
from emocal_rl.evaluate.engines import Request
from emocal_rl.evaluate.token_readouts import log_probabilities, next_log_probabilities
from emocal_rl.models.load import load, tokenizer_of
from emocal_rl.rewards import FORMATS
from emocal_rl.train.label_shares import fork_of, label_shares, whole_shares

FORM = FORMATS["emocaliber_answer"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "A face.")


@pytest.fixture(scope="module")
def tiny() -> tuple[Any, Any]:
    model, processor = load("tiny")
    return model.eval(), processor


@pytest.fixture(scope="module")
def rows() -> Sequence[Row]:
    return emoji.load(2)["validation"][:5]


def texts(rows: Sequence[Row]) -> list[str]:
    """Replies of different lengths, each answered with the row's other candidate."""
    replies = [FORM.write(PARTS, next(name for name in row.candidates if name != row.label)) for row in rows]
    return [reply.replace("A face.", "A face, seen from near.", place) for place, reply in enumerate(replies)]


def test_a_batch_of_begun_replies_is_as_one_at_a_time(tiny, rows):
    model, processor = tiny
    begun = [tokenizer_of(processor)("What I see" * k, add_special_tokens=False)["input_ids"] for k in (1, 2, 3, 2, 1)]
    found = next_log_probabilities(model, processor, [Request(row, FORM) for row in rows], begun)
    for row, tokens, logs in zip(rows, begun, found, strict=True):
        (alone,) = next_log_probabilities(model, processor, [Request(row, FORM)], [tokens])
        assert logs.tolist() == pytest.approx(alone.tolist(), abs=2e-4)


def test_shares_are_those_of_all_tokens_of_the_answers(tiny, rows):
    model, processor = tiny
    written = texts(rows)
    found = label_shares(model, processor, rows, written, FORM, batch_size=3)
    for row, text, share in zip(rows, written, found, strict=True):
        span = FORM.read(text, list(row.candidates)).answer_span
        assert span is not None
        assert share is not None
        by_all = whole_shares(model, processor, Request(row, FORM), text, span)
        assert share == pytest.approx(by_all, abs=0.02)  # what follows the first token is nearly certain
        before, tokens = fork_of(tokenizer_of(processor), text, span, row.candidates)
        logs, cut, _ = log_probabilities(model, processor, Request(row, FORM), text)
        assert cut[: len(before)] == before
        odds = logs[len(before)].exp()[tokens]
        assert share == pytest.approx((odds / odds.sum()).tolist(), abs=1e-4)


def test_a_reply_without_an_answer_has_no_share(tiny, rows):
    model, processor = tiny
    assert label_shares(model, processor, rows[:2], ["", "no answer"], FORM, 2) == [None, None]


def test_candidates_that_no_token_tells_apart_are_compared_whole(tiny, rows):
    """ "negative" and "negative negative" go on alike, and only what ends the first tells the two apart."""
    model, processor = tiny
    names = ("negative", "negative negative", "positive")
    row = replace(rows[0], candidates=names, votes=(1, 0, 0))
    text = FORM.write(PARTS, "negative")
    span = FORM.read(text, list(names)).answer_span
    assert span is not None
    assert fork_of(tokenizer_of(processor), text, span, names) is None
    [share] = label_shares(model, processor, [row], [text], FORM, 4)
    assert share == pytest.approx(whole_shares(model, processor, Request(row, FORM), text, span))
    assert share is not None
    assert min(share) > 0
    assert sum(share) == pytest.approx(1)
