"""Segment credit: each term of the reward is credited to the tokens it is about.

With one advantage for the whole reply, the noise of being right or wrong drowns the small differences between
confidences.  Here the terms that depend on the stated confidence credit its tokens, and all others (correctness, being
well formed) credit the rest.  Each part is compared with the mean of its group, so a proper rule stays proper.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from trl import GRPOTrainer

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.rewards import Scored

OUTCOME_TERMS = ("correct", "well_formed")


def parts(scored: Scored, weights: dict[str, float]) -> tuple[float, float]:
    """What a reply earned by its outcome and by its confidence; they add up to its total on the format's grid."""
    outcome = sum(weights[name] * value for name, value in scored.terms.items() if name in OUTCOME_TERMS)
    stated = sum(weights[name] * value for name, value in scored.terms.items() if name not in OUTCOME_TERMS)
    return outcome, stated


def token_range(ids: Sequence[int], span: tuple[int, int], decode: Callable[[Sequence[int]], str]) -> range:
    """The tokens that write any of the characters of `span` (start, end), found with a few decodings.

    >>> token_range([0, 1, 2, 3], (2, 4), lambda ids: "ab-cd-ef-gh"[: 3 * len(ids)])
    range(0, 2)
    """
    lengths = _PrefixLengths(ids, decode)
    first = bisect_right(lengths, span[0])
    last = bisect_left(lengths, span[1])
    return range(first, min(last + 1, len(ids)))


class _PrefixLengths(Sequence[int]):
    """How many characters the first n+1 tokens write: never falling, so it can be bisected."""

    def __init__(self, ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> None:
        self.ids, self.decode = ids, decode

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Any) -> Any:
        return len(self.decode(self.ids[: index + 1]))


def centred(values: np.ndarray, kept: np.ndarray, size: int, divide: bool) -> np.ndarray:
    """Values (N,) minus the mean of the `kept` ones in their group of `size`; divided by their deviation if asked.

    >>> centred(np.array([1.0, 0.0, 5.0, 5.0]), np.array([True, True, True, False]), 2, divide=False)
    array([ 0.5, -0.5,  0. ,  0. ])
    """
    groups, present = values.reshape(-1, size), kept.reshape(-1, size)
    count = np.maximum(present.sum(1, keepdims=True), 1)
    mean = np.where(present, groups, 0).sum(1, keepdims=True) / count
    away = groups - np.where(present.any(1, keepdims=True), mean, groups)
    if divide:
        deviation = np.sqrt(np.where(present, away**2, 0).sum(1, keepdims=True) / np.maximum(count - 1, 1))
        away = away / (deviation + 1e-4)  # TRL's own epsilon
    return np.asarray(away.reshape(-1))


class SegmentGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPOTrainer with an advantage for each token.  One process, one `TrlReward`."""

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        output["advantages"] = self._token_advantages(output)
        return output

    def _token_advantages(self, output: Any) -> Any:
        """(B, T): the outcome's advantage on every token, the confidence's on the tokens that state it."""
        import torch

        scorer: TrlReward = self.reward_funcs[0]
        scored, weights = scorer.last, scorer.reward.weights
        outcome, stated = np.array([parts(row, weights) for row in scored]).T
        readable = np.array([row.reply.fault is None for row in scored])
        divide, size = self.scale_rewards == "group", self.num_generations
        rest = centred(outcome, np.ones_like(readable), size, divide)
        confidence = centred(stated, readable, size, divide)
        # an unreadable reply has no confidence to credit: all its tokens answer for the whole loss
        rest = np.where(readable, rest, centred(outcome + stated, np.ones_like(readable), size, divide))
        advantages = np.repeat(rest[:, None], output["completion_ids"].shape[1], axis=1)
        for row, (reply, ids) in enumerate(zip(scored, output["completion_ids"].tolist(), strict=True)):
            if readable[row] and reply.reply.confidence_span is not None:
                tokens = token_range(ids, reply.reply.confidence_span, self._decode)
                advantages[row, tokens.start : tokens.stop] = confidence[row]
        return torch.tensor(advantages, dtype=torch.float32, device=output["completion_ids"].device)

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self.processing_class.tokenizer.decode(ids, skip_special_tokens=True))
