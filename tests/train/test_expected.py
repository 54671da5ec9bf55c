"""Expected credit: what each digit would pay, and the gradient that follows from it."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.models import load
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.train.expected import DIGITS, ExpectedGRPOTrainer, decisions, stated_pay

FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "x")
CANDIDATES = ["negative", "positive"]


@pytest.fixture(scope="module")
def tokenizer():
    return load.load("tiny")[1].tokenizer


def brier(weight: float = 1.0) -> Reward:
    return Reward({"correct": 1.0, "brier": weight}, format="emocaliber", grader="label")


def test_pay_by_hand():
    """Right: -(1-c)^2; wrong: -c^2; half right: the mean; 0 and 1 cannot be stated and pay the worst, -.99^2."""
    c = np.array([0.2, 0.9, 0.0, 1.0])
    assert stated_pay(brier(), c, 1.0) == pytest.approx([-0.64, -0.01, -0.9801, -0.9801])
    assert stated_pay(brier(), c, 0.0) == pytest.approx([-0.04, -0.81, -0.9801, -0.9801])
    assert stated_pay(brier(0.5), c, 0.5)[:2] == pytest.approx([0.5 * -0.34, 0.5 * -0.41])


def test_correctness_is_not_part_of_the_pay():
    both = Reward({"correct": 5.0, "brier": 1.0}, format="emocaliber", grader="label")
    assert stated_pay(both, np.array([0.3]), 1.0) == pytest.approx(stated_pay(brier(), np.array([0.3]), 1.0))


def test_every_digit_after_the_point_is_a_decision():
    (first, tens), (second, units) = decisions("0.73")
    assert (first, second) == (2, 3)
    assert tens == pytest.approx([d / 10 + 0.03 for d in range(10)])
    assert units == pytest.approx([0.7 + d / 100 for d in range(10)])
    assert decisions("1") == []


def trainer(reward: TrlReward, tokenizer, scale: str = "none", size: int = 2) -> SimpleNamespace:
    digits = torch.tensor(tokenizer.convert_tokens_to_ids(list(DIGITS)))
    decode = lambda ids: tokenizer.decode(ids, skip_special_tokens=True)  # noqa: E731
    return SimpleNamespace(
        reward_funcs=[reward], scale_rewards=scale, num_generations=size, _digits=digits, _decode=decode
    )


def test_the_digits_are_found_and_priced(tokenizer):
    """Right at 0.80: '.8' against every other first digit (0.00 pays the worst), and 0.80 to 0.89."""
    reward, text = TrlReward(brier()), FORM.write(PARTS, "positive", 0.8)
    reward(completions=[text], candidates=[CANDIDATES], label=["positive"])
    ids = tokenizer(text)["input_ids"]
    found = list(ExpectedGRPOTrainer._decided(trainer(reward, tokenizer), reward.last[0], ids))
    assert [tokenizer.decode([ids[column]]) for column, _ in found] == ["8", "0"]
    tens = [0.0, *(0.9801 - (1 - d / 10) ** 2 for d in range(1, 10))]
    assert found[0][1] == pytest.approx(tens)
    assert found[1][1] == pytest.approx([0.9801 - (0.2 - d / 100) ** 2 for d in range(10)])


def test_an_unreadable_reply_decides_nothing(tokenizer):
    reward = TrlReward(brier())
    reward(completions=["0.80"], candidates=[CANDIDATES], label=["positive"])
    assert (
        list(ExpectedGRPOTrainer._decided(trainer(reward, tokenizer), reward.last[0], tokenizer("0.80")["input_ids"]))
        == []
    )


@pytest.mark.parametrize(("scale", "expected"), [("none", [1, 1]), ("group", [0.42436] * 2), ("batch", [0.42436] * 2)])
def test_deviations(tokenizer, scale, expected):
    """Brier -.01 and -.61 (right at .9; wrong at .781): sample deviation .6 / sqrt 2 = .42426, plus TRL's 1e-4."""
    reward = TrlReward(brier())
    texts = [FORM.write(PARTS, "positive", 0.9), FORM.write(PARTS, "negative", 0.78)]
    reward(completions=texts, candidates=[CANDIDATES] * 2, label=["positive"] * 2)
    found = ExpectedGRPOTrainer._deviations(trainer(reward, tokenizer, scale), reward.last)
    assert found == pytest.approx(expected, abs=2e-3)


def test_a_group_that_was_paid_the_same_teaches_nothing_under_group_scaling(tokenizer):
    reward = TrlReward(brier())
    texts = [FORM.write(PARTS, "positive", 0.9)] * 2
    reward(completions=texts, candidates=[CANDIDATES] * 2, label=["positive"] * 2)
    found = ExpectedGRPOTrainer._deviations(trainer(reward, tokenizer, "group"), reward.last)
    assert (1 / found).tolist() == [0, 0]


@pytest.mark.parametrize("worth", [0.0, 0.3])
def test_the_gradient_is_chance_times_pay_above_the_mean(worth):
    """d/d logit_k of sum_k p_k (s_k - tau log p_k) is p_k (s_k - tau log p_k - mean) over the ten digits.

    Other tokens get none.  A temperature of 2 halves it.
    """
    vocabulary, temperature = 12, 2.0
    logits = torch.linspace(-1, 1, vocabulary).requires_grad_()
    pay = torch.zeros(1, 3, 10)
    pay[0, 1] = torch.arange(10) / 10
    states = torch.zeros(1, 5, vocabulary)
    states[0, 2] = 1  # two prompt tokens, and column 1 of the completion: its state stands at 2 + 1 - 1
    model = SimpleNamespace(get_output_embeddings=lambda: lambda hidden: hidden * logits)
    stub = SimpleNamespace(
        accelerator=SimpleNamespace(unwrap_model=lambda given: given),
        temperature=temperature,
        _digits=torch.arange(10),
        _entropy=worth,
        current_gradient_accumulation_steps=1,
    )
    inputs = {"digit_pay": pay, "prompt_ids": torch.zeros(1, 2)}
    value = ExpectedGRPOTrainer._expected_pay(stub, model, states, inputs)
    value.backward()
    chance = torch.softmax(logits.detach()[:10] / temperature, -1)
    gain = pay[0, 1] - worth * chance.log()
    mean = (chance * gain).sum()
    assert value.item() == pytest.approx(mean.item())
    torch.testing.assert_close(logits.grad[:10], chance * (gain - mean) / temperature)
    assert logits.grad[10:].tolist() == [0, 0]
