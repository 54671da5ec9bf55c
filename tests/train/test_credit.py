"""Segment credit: which tokens state the confidence, and what each token is paid."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.models import load
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.train.credit import SegmentGRPOTrainer, centred, parts, token_range

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "naïve ☺ x")
CANDIDATES = ["negative", "positive"]


@pytest.fixture(scope="module")
def tokenizer():
    return load.load("tiny")[1].tokenizer


def test_a_term_is_about_the_confidence_by_its_rule_and_not_by_its_name():
    reward = Reward({"hit": {"use": "correct", "weight": 2.0}, "correct": {"use": "brier"}}, "emocaliber", "label")
    (row,) = reward([FORM.write(PARTS, "positive", 0.8)], [{"candidates": CANDIDATES, "label": "positive"}])
    assert parts(row, reward) == pytest.approx((2.0, -0.04))


@pytest.mark.parametrize("confidence", [0.01, 0.5, 0.85, 0.99])
def test_the_tokens_of_the_confidence_and_no_others(tokenizer, confidence):
    text = FORM.write(PARTS, "positive", confidence)
    ids = tokenizer(text)["input_ids"] + [tokenizer.eos_token_id]
    found = token_range(
        ids, FORM.read(text, CANDIDATES).confidence_span, lambda part: tokenizer.decode(part, skip_special_tokens=True)
    )
    assert tokenizer.decode(ids[found.start : found.stop]) == f"{confidence:.2f}"


def test_a_token_that_straddles_the_boundary_counts_as_confidence():
    """Tokens 'c>0', '.8', '5<': the span '0.85' (2 to 6) touches all three."""
    pieces = ["c>0", ".8", "5<", "/c"]
    assert token_range(range(4), (2, 6), lambda ids: "".join(pieces[i] for i in ids)) == range(3)


def test_the_parts_add_up_to_the_total():
    reward = Reward({"correct": 1.0, "brier": 0.5}, format="emocaliber", grader="label")
    rows = reward(
        [FORM.write(PARTS, a, 0.8) for a in CANDIDATES] + ["no tags"],
        [{"candidates": CANDIDATES, "label": "positive"}] * 3,
    )
    # wrong at .8: 0 and .5 * -.64; right at .8: 1 and .5 * -.04; unreadable: 0 and .5 * -1
    found = np.array([parts(row, reward) for row in rows])
    assert found == pytest.approx(np.array([(0, -0.32), (1, -0.02), (0, -0.5)]))
    assert [sum(parts(row, reward)) for row in rows] == pytest.approx([row.total for row in rows])


def test_division_by_the_group_deviation():
    """1 and 0 around .5: sample deviation sqrt(.5) = .7071, so +-.7070 after TRL's epsilon."""
    values, kept = np.array([1.0, 0.0]), np.array([True, True])
    assert centred(values, kept, 2, "group") == pytest.approx([0.70701, -0.70701], abs=1e-4)


def test_division_by_the_batch_deviation():
    """Groups (1, 0) and (3, 3): +-.5 and 0, over the deviation of 1 0 3 3, which is 1.5."""
    values = np.array([1.0, 0.0, 3.0, 3.0])
    assert centred(values, np.ones(4, bool), 2, "batch") == pytest.approx([1 / 3, -1 / 3, 0, 0], abs=1e-4)


def trainer(reward: TrlReward, tokenizer, **weights: float) -> SegmentGRPOTrainer:
    """One with what its advantages read, and nothing else."""
    bare = object.__new__(SegmentGRPOTrainer)
    bare.reward_funcs, bare.processing_class = [reward], SimpleNamespace(tokenizer=tokenizer)
    bare.scale_rewards, bare.num_generations = "none", 4
    bare.accelerator = SimpleNamespace(num_processes=1)
    bare._weights = {"answer": 1.0, "confidence": 1.0} | weights
    return bare


def advantages(terms, texts, labels, tokenizer, **weights: float) -> torch.Tensor:
    """(B, T) of replies to one picture."""
    reward = TrlReward(Reward(terms, format="emocaliber", grader="label"), generations=len(texts))
    reward(completions=texts, candidates=[CANDIDATES] * len(texts), label=labels)
    ids = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")["input_ids"]
    return trainer(reward, tokenizer, **weights)._token_advantages({"completion_ids": ids})


def test_a_segment_weight_scales_its_segment_only(tokenizer):
    """Confidences at half, answers at none: what cannot be read has no segments and keeps its own."""
    texts = [FORM.write(PARTS, answer, 0.9) for answer in ("positive", "negative", "positive")] + ["hm"]
    given = ({"correct": 1.0, "brier": 1.0}, texts, ["positive"] * 4, tokenizer)
    whole, halved = advantages(*given), advantages(*given, answer=0.0, confidence=0.5)
    stated = halved[:3] != 0
    assert stated.sum(1).tolist() == [4, 4, 4]
    torch.testing.assert_close(halved[:3][stated], whole[:3][stated] / 2)
    torch.testing.assert_close(halved[3], whole[3])


def test_a_reply_that_cannot_be_graded_is_paid_nothing_and_is_in_no_mean(tokenizer):
    texts = [FORM.write(PARTS, answer, 0.9) for answer in ("positive", "negative", "positive", "positive")]
    found = advantages({"correct": 1.0}, texts, ["positive", "positive", None, None], tokenizer)
    assert sorted(set(found[:2, 0].tolist())) == [-0.5, 0.5]
    assert found[2:].abs().sum() == 0


def test_the_confidence_can_be_scored_against_the_others_of_its_group(tokenizer):
    """Right at .9, wrong at .5, right at .5, wrong at .9: the others are right 1/3, 2/3, 1/3, 2/3 of the time.

    Brier at t is -(t (1-c)^2 + (1-t) c^2): -.54333 -.25 -.25 -.27667, mean -.33.
    """
    texts = [FORM.write(PARTS, *said) for said in zip(CANDIDATES[::-1] * 2, (0.9, 0.5, 0.5, 0.9), strict=True)]
    terms = {"correct": 1.0, "brier": {"weight": 1.0, "target": "leave_one_out"}}
    found = advantages(terms, texts, ["positive"] * 4, tokenizer)
    stated = [float(row[(row.abs() != 0.5).nonzero()[0]]) for row in found]
    assert stated == pytest.approx([-0.21333, 0.08, 0.08, 0.05333], abs=1e-4)


def test_advantages_of_a_group_by_hand(tokenizer):
    """Four replies to one picture: right at .9, wrong at .9, right at .5, unreadable.

    Outcomes 1 0 1 0 (mean .5): +.5 -.5 +.5.
    Brier -.01 -.81 -.25 over the readable (mean -.35667): +.34667 -.45333 +.10667.
    The unreadable one answers with its whole total: -1 against the mean of .99, -.81, .75 and -1, -.0175: -.9825.
    """
    reward = TrlReward(Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label"))
    texts = [
        FORM.write(PARTS, "positive", 0.9),
        FORM.write(PARTS, "negative", 0.9),
        FORM.write(PARTS, "positive", 0.5),
        "hm",
    ]
    reward(completions=texts, candidates=[CANDIDATES] * 4, label=["positive"] * 4)
    ids = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")["input_ids"]
    found = trainer(reward, tokenizer)._token_advantages({"completion_ids": ids})
    assert found.shape == ids.shape
    assert found.dtype == torch.float32
    expected = [(0.5, 0.34667), (-0.5, -0.45333), (0.5, 0.10667)]
    for row, (rest, confidence) in enumerate(expected):
        values, counts = np.unique(found[row].double().numpy().round(4), return_counts=True)
        assert (
            dict(zip(values.tolist(), counts.tolist(), strict=True))[round(confidence, 4)] == 4
        )  # '0', '.', two digits
        assert sorted(values.tolist()) == pytest.approx(sorted([rest, round(confidence, 4)]))
    assert found[3].tolist() == pytest.approx([-0.9825] * ids.shape[1], abs=1e-4)
