"""Exact credit for the answer: what each candidate would earn, where it is decided, and the gradient that follows."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from emocal_rl import recipe
from emocal_rl.adapters.trl import TrlReward
from emocal_rl.errors import UserError
from emocal_rl.models import load
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.train.digits import DIGITS
from emocal_rl.train.exact import ExactGRPOTrainer
from emocal_rl.train.exact_answer import Choice, answer_pays, choice, expected_pay, stacked

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
CANDIDATES = ["negative", "positive"]
BY_LABEL = {"candidates": CANDIDATES, "label": "positive"}


@pytest.fixture(scope="module")
def tokenizer():
    return load.load("tiny")[1].tokenizer


def scored(answer: str = "positive", grader: str = "label", **target):
    """A reward and one reply that it has scored at confidence .8."""
    target = BY_LABEL | target
    reward = Reward({"correct": 2.0, "brier": 1.0}, format="emocaliber", grader=grader)
    return reward, reward([FORM.write(PARTS, answer, 0.8)], [target])[0], target


@pytest.mark.parametrize("answer", CANDIDATES)
def test_every_candidate_is_paid_as_if_it_had_been_said(answer):
    """Correctness weighs 2; the confidence is another segment's."""
    assert answer_pays(*scored(answer)).tolist() == [0.0, 2.0]


def test_votes_pay_their_shares():
    """One against three: twice a quarter, twice three quarters."""
    assert answer_pays(*scored(grader="votes", votes=[1, 3])).tolist() == [0.5, 1.5]


def found(tokenizer, reward, one, target):
    ids = tokenizer(one.reply.text)["input_ids"]
    decode = lambda part: tokenizer.decode(part, skip_special_tokens=True)  # noqa: E731
    return ids, choice(reward, one, target, ids, tokenizer, decode)


def test_the_choice_stands_where_the_answer_begins(tokenizer):
    ids, made = found(tokenizer, *scored())
    assert tokenizer.decode([ids[made.column]]) == "positive"
    assert [tokenizer.decode([token]) for token in made.tokens] == CANDIDATES
    assert made.pays.tolist() == [0.0, 2.0]


def test_an_unreadable_reply_chooses_nothing(tokenizer):
    reward = scored()[0]
    assert found(tokenizer, reward, reward(["positive"], [BY_LABEL])[0], BY_LABEL)[1] is None


def test_candidates_that_begin_alike_are_not_told_apart(tokenizer):
    alike = {"candidates": ["positive face", "positive hand"], "label": "positive face"}
    assert found(tokenizer, *scored("positive face", **alike))[1] is None


def test_rows_of_a_batch_are_padded():
    """The second row has three candidates, the third decides nothing; the first one's pay is halved."""
    rows = [Choice(4, [7, 8], np.array([0.0, 1.0])), Choice(2, [5, 6, 9], np.array([1.0, 0.0, 0.5])), None]
    made = {name: value.tolist() for name, value in stacked(rows, np.array([2.0, 1.0, 1.0])).items()}
    assert made["answer_column"] == [4, 2, -1]
    assert made["answer_tokens"] == [[7, 8, -1], [5, 6, 9], [-1, -1, -1]]
    assert made["answer_pay"] == [[0.0, 0.5, 0.0], [1.0, 0.0, 0.5], [0.0, 0.0, 0.0]]


def test_the_gradient_is_chance_times_pay_above_the_mean():
    """d/d logit_k of sum_k p_k s_k is p_k (s_k - mean); the log-share P of both adds chance / P - chance."""
    logits = torch.linspace(-1, 1, 6).requires_grad_()
    tokens, pay = torch.tensor([[1, 4, -1]]), torch.tensor([[0.2, 0.9, 0.0]])
    value = expected_pay(torch.log_softmax(logits, -1)[None], tokens, pay).sum()
    value.backward()
    chance = torch.softmax(logits.detach(), -1)
    share = chance[1] + chance[4]
    among = chance[[1, 4]] / share
    mean = (among * pay[0, :2]).sum()
    assert value.item() == pytest.approx((mean + share.log()).item())
    torch.testing.assert_close(logits.grad[[1, 4]], among * (pay[0, :2] - mean) + among - chance[[1, 4]])
    others = [0, 2, 3, 5]
    torch.testing.assert_close(logits.grad[others], -chance[others])


def two_replies(tokenizer):
    """A trainer that has scored both candidates at .8, the second of which is right, and its output so far."""
    reward = TrlReward(Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label"))
    texts = [FORM.write(PARTS, answer, 0.8) for answer in CANDIDATES]
    reward(completions=texts, candidates=[CANDIDATES] * 2, label=["positive"] * 2)
    bare = object.__new__(ExactGRPOTrainer)
    bare.reward_funcs, bare.processing_class = [reward], SimpleNamespace(tokenizer=tokenizer)
    bare.scale_rewards, bare.num_generations, bare._answers = "none", 2, True
    bare.accelerator, bare._weights = SimpleNamespace(num_processes=1), {"answer": 1.0, "confidence": 1.0}
    bare._digits = torch.tensor(tokenizer.convert_tokens_to_ids(list(DIGITS)))
    ids = tokenizer(texts, return_tensors="pt")["input_ids"]
    return bare, {"completion_ids": ids, "completion_mask": torch.ones_like(ids)}


def test_the_sampled_answer_is_not_credited_twice(tokenizer):
    """One of two is right: every token of the answer's segment gets +-.5 of it but the one that was decided exactly."""
    bare, output = two_replies(tokenizer)
    advantages = bare._token_advantages(output)
    column = output["answer_column"].tolist()
    assert [advantages[row, at].item() for row, at in enumerate(column)] == [0.0, 0.0]
    assert [advantages[row, at - 1].item() for row, at in enumerate(column)] == [-0.5, 0.5]
    assert output["answer_pay"].tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_a_reply_that_is_masked_out_decides_nothing(tokenizer):
    """`mask_truncated_completions` hides its tokens from the model, so what stands before them is not its own text."""
    bare, output = two_replies(tokenizer)
    output["completion_mask"][0] = 0
    bare._token_advantages(output)
    assert output["digit_pay"].abs().sum((1, 2)).gt(0).tolist() == [False, True]
    assert output["digit_end"].ne(0).any(1).tolist() == [False, True]
    assert output["answer_column"].ge(0).tolist() == [False, True]


def test_only_exact_credit_has_it():
    with pytest.raises(
        UserError, match="exact_answer: only credit: exact has it; set exact_answer to false, or credit"
    ):
        recipe.load("grpo_brier", ["credit=segment", "digit_entropy=0", "exact_answer=true"])
