"""Exact credit for the answer: among the row's candidates every answer's reward is known, not only the sampled one's.

Which candidate is named is decided by the first token of the answer.  The chance of each is known to the policy and
what each would earn is known to the grader, so the expected reward of the choice can be differentiated.  Under a label
drawn from people's votes this teaches both ways at each visit, where sampling waits for a group that disagrees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from emocal_rl.rewards import Reward, Scored
from emocal_rl.rewards.formats.reply import answered
from emocal_rl.rewards.graders.core import grade
from emocal_rl.rewards.targets import Target, candidates_of
from emocal_rl.train.credit import parts, token_range


class Choice(NamedTuple):
    """One answer as a decision: where its first token stands, and the first token and the pay of every candidate.

    column: of the completion. tokens, pays: both of shape (K,), in the order of the row's candidates.
    """

    column: int
    tokens: list[int]
    pays: np.ndarray


def answer_pays(reward: Reward, scored: Scored, target: Target) -> np.ndarray:
    """What each candidate would have earned in this reply by the terms without a confidence, (K,), higher is better."""
    replies = [scored.reply._replace(answer=name) for name in candidates_of(target) or ()]
    # terms with a group target are about the confidence; whatever group they get here is not paid for
    groups = [0] * len(replies) if reward.needs_groups else None
    grades = [grade(reward.grader, reply, target, reward.format.states) for reply in replies]
    return np.array([parts(one, reward)[0] for one in reward.score(replies, grades, groups)])


def choice(
    reward: Reward, scored: Scored, target: Target, ids: Sequence[int], tokenizer: Any, decode: Callable[..., str]
) -> Choice | None:
    """The decision between the row's candidates in one readable reply; None where their first tokens do not differ."""
    reply, candidates = scored.reply, candidates_of(target)
    if reply.fault is not None or reply.answer_span is None or scored.correct is None or not candidates:
        return None
    column = token_range(ids, reply.answer_span, decode).start
    before, texts = list(ids[:column]), answered(reply.text, reply.answer_span, candidates)
    written = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    if any(one[:column] != before for one in written):  # the sampled tokens are not how the tokenizer writes the text
        return None
    tokens = [one[column] for one in written]
    if len(set(tokens)) < len(tokens) or ids[column] not in tokens:
        return None
    return Choice(column, tokens, answer_pays(reward, scored, target))


def stacked(choices: Sequence[Choice | None], scales: np.ndarray) -> dict[str, torch.Tensor]:
    """Tensors of a batch: column (B,), -1 where nothing is decided; tokens (B, K), -1 for none; pay (B, K)."""
    width = max([len(one.tokens) for one in choices if one] or [1])
    column = torch.full((len(choices),), -1)
    tokens, pay = torch.full((len(choices), width), -1), torch.zeros(len(choices), width)
    for row, one in enumerate(choices):
        if one:
            column[row] = one.column
            tokens[row, : len(one.tokens)] = torch.tensor(one.tokens)
            pay[row, : len(one.tokens)] = torch.from_numpy(one.pays / scales[row]).float()
    return {"answer_column": column, "answer_tokens": tokens, "answer_pay": pay}


def expected_pay(log_chances: torch.Tensor, tokens: torch.Tensor, pay: torch.Tensor) -> torch.Tensor:
    """Expected pay of each decision, (N,), and the log-chance that one of its candidates is named at all.

    log_chances: (N, V) of every token. tokens, pay: (N, K), -1 and 0 where there are fewer candidates.
    """
    theirs = log_chances.gather(1, tokens.clamp(min=0)).masked_fill(tokens < 0, -torch.inf)
    among, share = shared(theirs)
    return (among.exp() * pay).sum(-1) + share[:, 0]


def shared(log_chances: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-chances (N, K) among some tokens alone, and the logarithm of their share of all tokens, (N, 1).

    What is decided between them is learnt from the former; the latter is learnt along, so that it stays one of them.
    """
    share = torch.logsumexp(log_chances, -1, keepdim=True)
    return log_chances - share, share
