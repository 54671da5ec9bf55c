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


@every_reward
def test_a_megabyte_of_anything_is_read_in_linear_time(reward):
    for text in attacks(1_000_000):
        started = time.process_time()
        check(reward, [text])
        # a quadratic reader would take minutes
        assert time.process_time() - started < 2.0, text[:60]


@pytest.mark.slow
@every_reward
def test_a_hundred_thousand_shuffles(reward):
    draw = random.Random(2)
    for _ in range(100):
        check(reward, ["".join(draw.choices(PIECES, k=draw.randint(0, 40))) for _ in range(1000)])
