"""Any text at all: no exception, no NaN, no quadratic blow-up."""

import math
import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emocal_rl.rewards import FAULTS, FORMATS, Reward

LABELS = ["negative", "positive"]
TARGET = {"candidates": LABELS, "votes": [3, 17], "label": "positive"}
PIECES = [
    "<think>", "</think>", "<element>", "</element>", "<human>", "</human>", "<context>", "</context>",
    "<interaction>", "</interaction>", "<analysis>", "</analysis>", "<answer>", "</answer>", "<confidence>",
    "</confidence>", "<answer1>", "</answer1>", "<confidence1>", "</confidence1>", "<distribution>", "</distribution>",
    "Answer:", "Confidence:", '"answer"', '"confidence"', "positive", "negative", "0.5", "1", "0", "7", "85%", ":", ",",
    "{", "}", "[", "]", '"', "\\", "\n", " ", "nan", "1e999", "-", "\x00", "\ud800", "İ", "ﬁ", "\u2028", "🙂",
    "a" * 50, "9" * 50, "probably",
]  # fmt: skip


def rewards():
    for name, form in FORMATS.items():
        if form.states == "distribution":
            terms = {"multiclass_brier": 1.0, "correct": 0.5}
        elif form.grid:
            terms = {"correct": 1.0, "brier": 1.0, "log": {"weight": 1.0, "eps": 0.0}, "well_formed": 0.5}
        else:
            terms = {"correct": 1.0}
        yield pytest.param(Reward(terms, format=name, grader="votes"), id=name)


every_reward = pytest.mark.parametrize("reward", list(rewards()))


def check(reward, texts):
    for row in reward(texts, [TARGET] * len(texts)):
        assert row.reply.fault is None or row.reply.fault in FAULTS
        assert math.isfinite(row.total)
        assert row.total >= reward.floor
        assert all(math.isfinite(value) for value in row.terms.values())
        if row.reply.fault is None:
            assert row.total >= reward.worst
            assert row.reply.confidence is None or 0 <= row.reply.confidence <= 1


@every_reward
def test_shuffled_pieces_of_the_formats(reward):
    draw = random.Random(0)
    check(reward, ["".join(draw.choices(PIECES, k=draw.randint(0, 40))) for _ in range(3000)])


@every_reward
def test_good_replies_with_one_piece_damaged(reward):
    form = reward.format
    parts = dict.fromkeys(("element", "human", "context", "interaction", "analysis", "think"), "x")
    form = FORMATS["emocaliber"] if form.states in ("distribution", "guesses") else form
    good = form.write(parts, "positive", form.snap(0.5) if form.grid else None)
    draw = random.Random(1)
    cuts = [sorted(draw.choices(range(len(good) + 1), k=2)) for _ in range(2000)]
    check(reward, [good[:start] + draw.choice(PIECES) + good[end:] for start, end in cuts])


@every_reward
@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_any_unicode(reward, text):
    check(reward, [text])


def attacks(size):
    for unit in (
        "<think>",
        "<element>",
        "</think>",
        "<answer>",
        "<answer></answer>",
        "<think></think>",
        "{",
        "[",
        " ",
        '"answer"',
        '{"answer":',
        '"answer":{',
        "Answer:",
        "Confidence:",
        "Answer: x, ",
        "<",
        "0",
        "a:",
        ",",
        "\n",
    ):
        yield unit * (size // len(unit))
    inner = "".join(f"<{name}>x</{name}>" for name in ("element", "human", "context", "interaction", "analysis"))
    yield f"<think>{inner}</think><answer>{'a ' * (size // 2)}</answer><confidence>0.5</confidence>"
    yield f"<think>{inner}</think><answer>positive</answer><confidence>{'9' * size}</confidence>"
    yield f"<think>{inner}</think><answer>positive</answer>{' ' * size}<confidence>0.5</confidence>"
    yield f"<think>{inner}{'<element>' * (size // 9)}</think><answer>positive</answer><confidence>0.5</confidence>"
    yield '{"answer": ' + "[" * size
    yield '{"answer": "x", "confidence": ' + "9" * size + "}"
    yield "<think>x</think><distribution>" + "negative: 0.5," * (size // 14) + "</distribution>"


def seconds(reward, text):
    started = time.process_time()
    check(reward, [text])
    return time.process_time() - started


@every_reward
def test_a_megabyte_of_anything_is_read_in_linear_time(reward):
    for text in attacks(1_000_000):
        # a quadratic reader would take minutes
        assert seconds(reward, text) < 2.0, text[:60]


@pytest.mark.slow
@every_reward
def test_eight_times_the_text_takes_no_more_than_about_eight_times_as_long(reward):
    for small, large in zip(attacks(125_000), attacks(1_000_000), strict=True):
        short = min(seconds(reward, small) for _ in range(3))
        # a quadratic reader would take 64 times as long; below a few milliseconds only the clock is measured
        assert seconds(reward, large) < 32 * max(short, 0.002), large[:60]


def good_reply(form):
    parts = dict.fromkeys(("element", "human", "context", "interaction", "analysis", "think"), "x " * 50)
    stated = {"positive": 0.6, "negative": 0.4} | ({"neutral": 0.0} if form.states == "guesses" else {})
    return form.write(parts, "positive", form.snap(0.6) if form.grid else None, distribution=stated)


def fuzz(draw, good):
    """One text: a good reply with two pieces in it, or pieces alone, once or over and over up to a megabyte."""
    pieces = "".join(draw.choices(PIECES, k=draw.randint(0, 40)))
    kind = draw.random()
    if kind < 0.3:
        first, second = sorted(draw.choices(range(len(good) + 1), k=2))
        return good[:first] + draw.choice(PIECES) + good[first:second] + draw.choice(PIECES) + good[second:]
    if kind < 0.6:
        return pieces
    length = int(1_000_000 ** (draw.random() ** 0.2)) if draw.random() < 0.01 else draw.randint(1, 3000)
    opening, ending = ("".join(draw.choices(PIECES, k=draw.randint(0, 6))) for _ in range(2))
    return opening + (pieces * (length // max(len(pieces), 1) + 1))[:length] + ending


@pytest.mark.slow
@every_reward
def test_a_hundred_thousand_fuzzed_completions_up_to_a_megabyte(reward):
    draw, good, longest, started = random.Random(2), good_reply(reward.format), 0, time.process_time()
    for _ in range(1000):
        texts = [fuzz(draw, good) for _ in range(100)]
        longest = max(longest, *map(len, texts))
        check(reward, texts)
    assert longest > 950_000
    assert time.process_time() - started < 300
