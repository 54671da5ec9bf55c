"""Exact credit: what each digit would pay, and the gradient that follows from it."""

from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
import torch
from peft import get_peft_model

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.models import load
from emocal_rl.models.lora import lora_config
from emocal_rl.recipe_blocks import Lora
from emocal_rl.rewards import FORMATS, Reward
from emocal_rl.train.credit import SegmentGRPOTrainer
from emocal_rl.train.digits import DIGITS, decisions
from emocal_rl.train.exact import ExactGRPOTrainer, deviations, stated_pay
from emocal_rl.train.value_head import last_states

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


@pytest.mark.parametrize("written", ["{0.73}", " 0.73\n", "{ 0.73 }"])
def test_what_a_reader_lets_through_around_a_number_is_no_digit(written):
    """Models copy the braces of a prompt's placeholder, and the reader drops them."""
    assert FORMATS["rlcr"].parse(written) == (0.73, None)
    assert [written[at] for at, _ in decisions(written)] == ["7", "3"]
    assert [each.tolist() for _, each in decisions(written)] == [each.tolist() for _, each in decisions("0.73")]


def test_an_unbounded_rule_pays_what_the_reward_pays():
    """`rlcr` can state 0 and 1, where ln is infinite: both are paid ln 0.01, the lowest of the grid's finite values."""
    reward = Reward({"correct": 1.0, "log": {"weight": 1.0, "eps": 0.0}}, format="rlcr", grader="label")
    rlcr = {"think": "x", "analysis": "x"}
    texts = [reward.format.write(rlcr, "positive", c) for c in (0.0, 0.5, 1.0)]
    for label, correct in (("positive", 1.0), ("negative", 0.0)):
        paid = [row.terms["log"] for row in reward(texts, [{"candidates": CANDIDATES, "label": label}] * 3)]
        assert stated_pay(reward, np.array([0.0, 0.5, 1.0]), correct) == pytest.approx(paid)
    assert stated_pay(reward, np.array([-1.0]), 1.0) == pytest.approx([np.log(0.01)])


def test_the_pay_against_a_group_by_hand():
    """The other three were right once: t = 1/3, and the own outcome does not matter."""
    reward = Reward({"brier": {"target": "leave_one_out"}}, format="emocaliber", grader="label")
    for own in (0.0, 1.0):
        found = stated_pay(reward, np.array([0.5, 0.2]), own, (1.0, 4))
        assert found == pytest.approx([-0.25, -(0.64 / 3 + 0.04 * 2 / 3)])


def trainer(reward: TrlReward, tokenizer, scale: str = "none", size: int = 2) -> ExactGRPOTrainer:
    """One with what its advantages read, and nothing else."""
    bare = object.__new__(ExactGRPOTrainer)
    bare.reward_funcs, bare.processing_class = [reward], SimpleNamespace(tokenizer=tokenizer)
    bare.scale_rewards, bare.num_generations, bare._answers = scale, size, False
    bare.accelerator, bare._weights = SimpleNamespace(num_processes=1), {"answer": 1.0, "confidence": 1.0}
    bare._digits = torch.tensor(tokenizer.convert_tokens_to_ids(list(DIGITS)))
    return bare


def decided(reward: TrlReward, tokenizer, ids: list[int]) -> list:
    made = trainer(reward, tokenizer, size=1)
    return list(made._decided(reward.last[0], ids, made._pays()[0]))


def test_the_digits_are_found_and_priced(tokenizer):
    """Right at 0.80: '.8' against every other first digit (0.00 pays the worst), and 0.80 to 0.89."""
    reward, text = TrlReward(brier()), FORM.write(PARTS, "positive", 0.8)
    reward(completions=[text], candidates=[CANDIDATES], label=["positive"])
    ids = tokenizer(text)["input_ids"]
    found = decided(reward, tokenizer, ids)
    assert [tokenizer.decode([ids[column]]) for column, _ in found] == ["8", "0"]
    tens = [0.0, *(0.9801 - (1 - d / 10) ** 2 for d in range(1, 10))]
    assert found[0][1] == pytest.approx(tens)
    assert found[1][1] == pytest.approx([0.9801 - (0.2 - d / 100) ** 2 for d in range(10)])


def test_an_unreadable_reply_decides_nothing(tokenizer):
    reward = TrlReward(brier())
    reward(completions=["0.80"], candidates=[CANDIDATES], label=["positive"])
    assert decided(reward, tokenizer, tokenizer("0.80")["input_ids"]) == []


@pytest.mark.parametrize(("scale", "expected"), [("none", [1, 1]), ("group", [0.42436] * 2), ("batch", [0.42436] * 2)])
def test_deviations(scale, expected):
    """-.01 and -.61: sample deviation .6 / sqrt 2 = .42426, plus TRL's 1e-4."""
    assert deviations(np.array([-0.01, -0.61]), 2, scale) == pytest.approx(expected, abs=1e-5)


def test_a_group_that_was_paid_the_same_teaches_nothing_under_group_scaling():
    assert (1 / deviations(np.array([-0.01, -0.01]), 2, "group")).tolist() == [0, 0]


VOCABULARY, TEMPERATURE = 12, 2.0


def loss_side(model, worth: float = 0.0) -> ExactGRPOTrainer:
    """A trainer with what its loss reads, and nothing else."""
    bare = object.__new__(ExactGRPOTrainer)
    bare.accelerator = SimpleNamespace(unwrap_model=lambda given: given)
    bare.temperature, bare.current_gradient_accumulation_steps = TEMPERATURE, 1
    bare._digits, bare._entropy = torch.arange(10), worth
    return bare


def one_reply(decided: bool, ends: int) -> dict[str, torch.Tensor]:
    """Two prompt tokens and three of a completion: a digit that pays k / 10, and token 11 after it."""
    pay, end = torch.zeros(1, 3, 10), torch.zeros(1, 3, dtype=torch.int8)
    pay[0, 1], end[0, 2] = decided * torch.arange(10) / 10, ends
    ids = torch.tensor([[0, 7, 11]])
    return {"digit_pay": pay, "digit_end": end, "prompt_ids": torch.zeros(1, 2), "completion_ids": ids}


def value_and_gradient(inputs: dict[str, torch.Tensor], column: int, worth: float = 0.0):
    """Logits from -1 to 1 where the token in `column` is chosen: its state stands one before."""
    logits = torch.linspace(-1, 1, VOCABULARY).requires_grad_()
    states = torch.zeros(1, 5, VOCABULARY)
    states[0, 2 + column - 1] = 1
    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(model_type="llama"))
    model = SimpleNamespace(get_output_embeddings=lambda: lambda hidden: hidden * logits, config=config)
    value = loss_side(model, worth)._expected_pay(model, states, inputs)
    value.backward()
    return value.item(), logits.grad, torch.softmax(logits.detach() / TEMPERATURE, -1)


@pytest.mark.parametrize("worth", [0.0, 0.3])
def test_the_gradient_is_chance_times_pay_above_the_mean(worth):
    """Among the ten digits d/d logit_k of sum_k p_k (s_k - tau log p_k) is p_k (s_k - tau log p_k - mean).

    The logarithm of their share P of all tokens adds chance / P - chance for a digit and -chance for any other token.
    A temperature of 2 halves both.
    """
    inputs = one_reply(decided=True, ends=0)
    value, gradient, chance = value_and_gradient(inputs, 1, worth)
    share, among = chance[:10].sum(), chance[:10] / chance[:10].sum()
    gain = inputs["digit_pay"][0, 1] - worth * among.log()
    mean = (among * gain).sum()
    assert value == pytest.approx((mean + share.log()).item())
    torch.testing.assert_close(gradient[:10], (among * (gain - mean) + among - chance[:10]) / TEMPERATURE)
    torch.testing.assert_close(gradient[10:], -chance[10:] / TEMPERATURE)


def test_the_token_that_ends_a_number_is_made_more_likely():
    """d log p_11 / d logit_k is 1[k = 11] - p_k, halved by the temperature."""
    value, gradient, chance = value_and_gradient(one_reply(decided=False, ends=1), 2)
    assert value == pytest.approx(chance[11].log().item())
    torch.testing.assert_close(gradient, (torch.nn.functional.one_hot(torch.tensor(11), 12) - chance) / TEMPERATURE)


def test_a_digit_too_many_makes_all_other_tokens_more_likely():
    """d log(1 - P) / d logit_k, P the share of the digits: -p_k for a digit, p_k P / (1 - P) for another token."""
    value, gradient, chance = value_and_gradient(one_reply(decided=False, ends=-1), 2)
    share = chance[:10].sum()
    assert value == pytest.approx((1 - share).log().item())
    expected = torch.cat([-chance[:10], chance[10:] * share / (1 - share)])
    torch.testing.assert_close(gradient, expected / TEMPERATURE)


def test_where_nothing_is_decided_nothing_is_learnt():
    value, gradient, _ = value_and_gradient(one_reply(decided=False, ends=0), 1)
    assert (value, gradient.abs().sum().item()) == (0.0, 0.0)


def test_the_place_after_the_last_digit_is_the_end(tokenizer):
    """Of 0.80 the first token of the closing tag, not the second digit; of 0.805 the third decimal should have been."""
    reward = TrlReward(brier())
    texts = [FORM.write(PARTS, "positive", 0.8), FORM.write(PARTS, "positive", 0.8).replace("0.80", "0.805"), "hm"]
    reward(completions=texts, candidates=[CANDIDATES] * 3, label=["positive"] * 3)
    ids = tokenizer(texts, padding=True, padding_side="right", return_tensors="pt")["input_ids"]
    output = {"completion_ids": ids, "completion_mask": torch.ones_like(ids)}
    advantages = trainer(reward, tokenizer, size=3)._token_advantages(output)
    ends = [
        [tokenizer.decode(row[end == kind]) for kind in (1, -1)]
        for row, end in zip(ids, output["digit_end"], strict=True)
    ]
    written = [tokenizer.decode(row[pay.any(-1)]) for row, pay in zip(ids, output["digit_pay"], strict=True)]
    after = tokenizer.convert_ids_to_tokens(ids[0])[int(output["digit_end"][0].nonzero()) - 1]
    assert (after, written) == ("0", ["80", "80", ""])
    assert ends == [[tokenizer.decode(ids[0][output["digit_end"][0] == 1]), ""], ["", "5"], ["", ""]]
    assert advantages[output["digit_pay"].any(-1)].tolist() == [0.0] * 4  # nothing is credited twice


@pytest.mark.parametrize("wrapped", [False, True], ids=["whole", "lora"])
def test_the_chances_are_those_of_the_model_that_is_trained(wrapped):
    """Those of a full forward pass, adapters included, with a gradient into what is trained."""
    model, processor = load.load("tiny")
    if wrapped:
        model = get_peft_model(model, lora_config(model, Lora(rank=2)))
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.5, generator=torch.Generator().manual_seed(len(name)))
    ids = torch.tensor([processor.tokenizer.encode("Is it so? <confidence>0.73</confidence>")])
    inputs = {"prompt_ids": ids[:, :4], "completion_ids": ids[:, 4:]}
    row, column = torch.tensor([0, 0]), torch.tensor([0, ids.shape[1] - 6])
    with last_states(model, detach=False) as seen:
        logits = model(input_ids=ids).logits
    chances = loss_side(model)._log_chances(model, torch.cat(seen), inputs, row, column)
    expected = torch.log_softmax(logits[0, 4 + column - 1] / TEMPERATURE, -1)
    torch.testing.assert_close(chances, expected)
    chances.sum().backward()
    learnt = [w for name, w in model.named_parameters() if "lora_B" in name or (not wrapped and "q_proj" in name)]
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in learnt)
    if wrapped:
        with torch.no_grad(), model.disable_adapter(), last_states(model) as bare:
            model(input_ids=ids)
        assert (loss_side(model)._log_chances(model, bare[0], inputs, row, column) - chances).abs().max() > 0.01


def test_a_step_of_exact_credit_trains_adapters(tmp_path):
    """TRL's whole step on a LoRA model: the loss reads the states of the adapted model."""
    model, processor = load.load("tiny")
    adapted = get_peft_model(model, lora_config(model, Lora(rank=2)))
    trainer = object.__new__(ExactGRPOTrainer)
    trainer.accelerator = SimpleNamespace(unwrap_model=lambda given: given)
    trainer._weights, trainer._answers = {"confidence": 1.0, "answer": 1.0}, False
    trainer.temperature, trainer.current_gradient_accumulation_steps = 1.0, 1
    trainer._digits = torch.tensor(processor.tokenizer.convert_tokens_to_ids(list(DIGITS)))
    trainer._entropy = 0.0
    ids = torch.tensor([processor.tokenizer.encode("Is it so? <confidence>0.73</confidence>")])
    inputs = {"prompt_ids": ids[:, :4], "completion_ids": ids[:, 4:]}
    inputs["digit_pay"] = torch.zeros(*inputs["completion_ids"].shape, 10)
    inputs["digit_pay"][0, 3] = torch.arange(10) / 10
    inputs["digit_end"] = torch.zeros(inputs["completion_ids"].shape, dtype=torch.bool)
    with patch.object(
        SegmentGRPOTrainer, "_compute_loss", lambda self, model, inputs: model(input_ids=ids).logits[0, 0, 0] * 0
    ):
        loss = trainer._compute_loss(adapted, inputs)
    loss.backward()
    assert all(
        w.grad.abs().sum() > 0 for name, w in adapted.named_parameters() if "lora_B" in name and "layers.0" in name
    )
