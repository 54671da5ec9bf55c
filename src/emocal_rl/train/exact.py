"""Exact credit: the confidence is learnt from its expected score, not only from the one that happened to be sampled.

A stated confidence such as 0.73 is two decisions over ten digits.  Their probabilities are known to the policy, so the
expected score of each decision (the other digit as sampled) can be differentiated directly: every reply then teaches
about all ten alternatives at once, and the noise of which digit was drawn is gone (Rao-Blackwellisation).  Chances are
taken among the ten digits only.  That says nothing about how likely a digit is at all in its place, or that the number
ends where it should, and both drift while the digits change; so the logarithms of those chances are learnt along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.models.load import tokenizer_of
from emocal_rl.rewards import Reward, Rule, Scored
from emocal_rl.rewards.incentive.advantage import EPSILON
from emocal_rl.rewards.rules.core import extrapolated
from emocal_rl.rewards.scoring import group_sums
from emocal_rl.train.credit import SegmentGRPOTrainer, parts, token_range
from emocal_rl.train.digits import DIGITS, decisions, ending, require_digits
from emocal_rl.train.exact_answer import choice, expected_pay, shared, stacked
from emocal_rl.train.value_head import last_states


def stated_pay(
    reward: Reward, confidence: np.ndarray, correct: float, others: tuple[float, int] = (0.0, 1)
) -> np.ndarray:
    """What the terms on the confidence pay for stating each of `confidence` (N,), in (N,); worst where unreadable.

    others: the sum of the other outcomes of the group and the group's size, for terms with a group target.
    """
    grid = np.array(reward.format.grid)
    terms = [(term, term.rule) for term in reward.terms if isinstance(term.rule, Rule) and term.weight]
    terms = [(term, rule) for term, rule in terms if rule.uses_confidence]

    def pay(c: np.ndarray, against: list[float]) -> np.ndarray:
        columns = [
            term.weight * extrapolated(rule, c, np.full(len(c), y), reward.lows[term.name])
            for (term, rule), y in zip(terms, against, strict=True)
        ]
        return np.asarray(sum(columns, np.zeros(len(c))))

    worst = min(pay(grid, [y] * len(terms)).min() for y in (0.0, 1.0))
    readable = (confidence > grid[0] - 1e-9) & (confidence < grid[-1] + 1e-9)
    paid = pay(np.clip(confidence, grid[0], grid[-1]), [term.target.of(correct, *others) for term, _ in terms])
    return np.where(readable, paid, worst)


def deviations(values: np.ndarray, size: int, scale: str) -> np.ndarray:
    """What each of `values` (N,) is divided by: 1, or the deviation within its group of `size` or of all (`scale`).

    Infinite in a group without a deviation: there TRL's advantages are zero as well.

    >>> deviations(np.array([1.0, 0.0, 2.0, 2.0]), 2, "group").round(3)
    array([0.707, 0.707,   inf,   inf])
    """
    if scale == "group":
        spread = values.reshape(-1, size).std(1, ddof=1)
        return np.repeat(np.where(spread > EPSILON, spread + EPSILON, np.inf), size)
    return np.full(len(values), values.std(ddof=1) + EPSILON if scale == "batch" else 1.0)


def as_configured(logits: Any, config: Any) -> Any:
    """What a model makes of its output layer's values: scaled, then softly capped, where its configuration says so.

    TRL 1.16 does the same inside `add_fused_lm_head`, and offers no function for it.

    >>> from types import SimpleNamespace
    >>> as_configured(torch.tensor([2.0, -4.0]), SimpleNamespace(model_type="granite", logits_scaling=8.0))
    tensor([ 0.2500, -0.5000])
    """
    named = ("logit_scale", "output_multiplier", "lm_head_multiplier")  # Cohere, Muse Glimmer, Falcon-H1
    scale = next((found for name in named if (found := getattr(config, name, None)) is not None), None)
    if scale is None and (given := getattr(config, "logits_scaling", None)) is not None:
        scale = given if config.model_type == "hyperclovax" else 1 / given  # Granite and MiniCPM3 divide
    logits = logits if scale is None else logits * scale
    cap = getattr(config, "final_logit_softcapping", None)  # Gemma
    return logits if cap is None else cap * torch.tanh(logits / cap)


def importance(inputs: Any, row: Any) -> Any:
    """TRL's importance weights (N, 1) of the replies in `row` (N,): 1 where their sampler had the trainer's weights.

    1 as well where TRL weighs tokens one by one: a digit that was not sampled has no such weight.

    >>> importance({"digit_pay": torch.zeros(2), "importance_sampling_ratio": torch.tensor([[0.5], [2.0]])}, [1, 0])
    tensor([[2.0000],
            [0.5000]])
    """
    ratio = inputs.get("importance_sampling_ratio")
    whole = ratio is not None and ratio.shape[1] == 1
    return ratio[row] if whole else torch.ones(len(row), 1, device=inputs["digit_pay"].device)


class ExactGRPOTrainer(SegmentGRPOTrainer):
    """Segment credit, with the expected score on the digits of the confidence.  A digit must be one token.

    Args:
        digit_entropy: what a nat of entropy of a decision is worth, in units of the scoring rule.  It keeps the
            decisions open until they have learnt to differ between prompts.
        exact_answer: credit the choice between the row's candidates in the same way.

    Raises:
        UserError: the tokenizer does not write a confidence digit by digit.
    """

    def __init__(self, *args: Any, digit_entropy: float = 0.0, exact_answer: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._entropy, self._answers = digit_entropy, exact_answer
        tokenizer = tokenizer_of(self.processing_class)
        require_digits(tokenizer)
        self._digits = torch.tensor(tokenizer.convert_tokens_to_ids(list(DIGITS)), device=self.accelerator.device)

    def _token_advantages(self, output: Any) -> Any:
        advantages = super()._token_advantages(output)
        scored, pays = self.reward_funcs[0].last, self._pays()
        pay = torch.zeros(*advantages.shape, len(DIGITS))  # (B, T, 10); all zero where no digit is decided
        ends = torch.zeros(advantages.shape, dtype=torch.int8)  # (B, T): see `ending`
        digits = set(self._digits.tolist())
        for row, (reply, scale) in enumerate(zip(scored, self._deviations(scored), strict=True)):
            ids = output["completion_ids"][row].tolist()
            if not output["completion_mask"][row].any():  # left out by `mask_truncated_completions`: no token sees it
                continue
            for decimal, (column, values) in enumerate(self._decided(reply, ids, pays[row]), 1):
                pay[row, column] = torch.from_numpy(values / scale).float()
                advantages[row, column] = 0.0
                goes_on = bool(set(ids[column + 1 : column + 2]) & digits)
                ends[row, column + 1 : column + 2] = ending(decimal, goes_on)
        output["digit_pay"], output["digit_end"] = pay.to(advantages.device), ends.to(advantages.device)
        if self._answers:
            self._add_choices(output, advantages)
        return advantages

    def _add_choices(self, output: Any, advantages: Any) -> None:
        """Write the decisions between candidates into `output`, and clear their tokens' advantages (B, T)."""
        scorer, tokenizer = self.reward_funcs[0], tokenizer_of(self.processing_class)
        rows = zip(scorer.last, scorer.targets, output["completion_ids"].tolist(), strict=True)
        kept = output["completion_mask"].any(1).tolist()
        choices = [
            choice(scorer.reward, *row, tokenizer, self._decode) if seen else None
            for row, seen in zip(rows, kept, strict=True)
        ]
        for row, one in enumerate(choices):
            if one:
                advantages[row, one.column] = 0.0
        made = stacked(choices, self._deviations(scorer.last, 0))
        output |= {name: value.to(advantages.device) for name, value in made.items()}

    def _pays(self) -> list[Callable[[np.ndarray], np.ndarray]]:
        """For each reply, what every confidence (N,) would have paid it."""
        scorer: TrlReward = self.reward_funcs[0]
        outcomes = [row.correct for row in scorer.last]
        others = group_sums(outcomes, [i // self.num_generations for i in range(len(outcomes))])
        return [
            partial(stated_pay, scorer.reward, correct=right or 0.0, others=mates)
            for right, mates in zip(outcomes, others, strict=True)
        ]

    def _decided(
        self, reply: Scored, ids: list[int], pays: Callable[[np.ndarray], np.ndarray]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """The columns that hold a digit of the confidence, with what each digit would pay beyond being unreadable."""
        span = reply.reply.confidence_span
        if reply.reply.fault is not None or span is None or reply.correct is None:
            return
        number, worst = reply.reply.text[slice(*span)], pays(np.array([-1.0]))
        for place, confidences in decisions(number):
            tokens = token_range(ids, (span[0] + place, span[0] + place + 1), self._decode)
            if len(tokens) == 1 and ids[tokens.start] == self._digits[int(number[place])]:
                yield tokens.start, pays(confidences) - worst

    def _deviations(self, scored: list[Scored], part: int = 1) -> np.ndarray:
        """What to divide each reply's pay for its outcome (part 0) or its confidence (1) by.

        That is 1, or the deviation within its group or the batch (`scale_rewards`).

        A group that was paid the same throughout teaches nothing then, as in TRL, where its advantages are zero.
        """
        earned = np.array([parts(row, self.reward_funcs[0].reward)[part] for row in scored])
        return self._over_all(lambda values: deviations(values, self.num_generations, self.scale_rewards), earned)

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        with last_states(self.accelerator.unwrap_model(model), detach=False) as seen:
            loss = super()._compute_loss(model, inputs)
        states = torch.cat(seen)
        loss = loss - self._weights["confidence"] * self._expected_pay(model, states, inputs)
        return loss - self._weights["answer"] * self._expected_choice(model, states, inputs) if self._answers else loss

    def _expected_pay(self, model: Any, states: Any, inputs: Any) -> Any:
        """Expected pay of every decision plus the worth of its entropy, and what holds its place; a mean over replies.

        TRL's loss is a mean over tokens, of which a reply has dozens and two are these digits; they would hardly move.
        """
        pay = inputs["digit_pay"]
        row, column = torch.nonzero(pay.abs().sum(-1), as_tuple=True)
        chances = self._log_chances(model, states, inputs, row, column)[:, self._digits]
        among, share = shared(chances)
        value = among.exp() * (pay[row, column] - self._entropy * among)
        weight = importance(inputs, row)
        total = (weight * value).sum() + (weight * share).sum() + self._ending(model, states, inputs).sum()
        return total / (len(pay) * self.current_gradient_accumulation_steps)

    def _expected_choice(self, model: Any, states: Any, inputs: Any) -> Any:
        """The same of the choice between candidates."""
        (row,) = torch.nonzero(inputs["answer_column"] >= 0, as_tuple=True)
        chances = self._log_chances(model, states, inputs, row, inputs["answer_column"][row])
        pays = expected_pay(chances, inputs["answer_tokens"][row], inputs["answer_pay"][row])
        total = (importance(inputs, row)[:, 0] * pays).sum()
        return total / (len(inputs["answer_pay"]) * self.current_gradient_accumulation_steps)

    def _ending(self, model: Any, states: Any, inputs: Any) -> Any:
        """Log-chance of each token that ends a number, or where a digit goes on of any that would have, (N, 1)."""
        row, column = torch.nonzero(inputs["digit_end"], as_tuple=True)
        chances = self._log_chances(model, states, inputs, row, column)
        ended = chances.gather(1, inputs["completion_ids"][row, column, None])
        other = chances.index_fill(1, self._digits, -torch.inf).logsumexp(-1, keepdim=True)
        return importance(inputs, row) * torch.where(inputs["digit_end"][row, column, None] > 0, ended, other)

    def _log_chances(self, model: Any, states: Any, inputs: Any, row: Any, column: Any) -> Any:
        """Log-probabilities (N, V) of what could stand at `column` of the completions in `row`, both (N,)."""
        # the state that predicts completion token t stands just before it
        before = states[row, inputs["prompt_ids"].shape[1] + column - 1]
        whole = self.accelerator.unwrap_model(model)
        logits = as_configured(whole.get_output_embeddings()(before).float(), whole.config.get_text_config())
        return torch.log_softmax(logits / self.temperature, -1)
