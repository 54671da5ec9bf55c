"""Segment credit: each term of the reward is credited to the tokens it is about.

With one advantage for the whole reply, the noise of being right or wrong drowns the small differences between
confidences.  Here the terms that depend on the stated confidence credit its tokens, and all others (correctness, being
well formed) credit the rest.  Each part is compared with the mean of its group, so a proper rule stays proper.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from trl import GRPOTrainer

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.models.load import tokenizer_of
from emocal_rl.rewards import Reward, Scored
from emocal_rl.rewards.incentive.advantage import EPSILON

DECODED = 4096  # decodings kept at a time: some dozen a reply, those of a few batches


def parts(scored: Scored, reward: Reward) -> tuple[float, float]:
    """What a reply earned by its outcome and by its confidence; they add up to its total on the format's grid.

    Both are 0 for a reply that cannot be graded.
    """
    earned = {True: 0.0, False: 0.0}
    for term in reward.terms if scored.terms else ():
        if term.weight:
            earned[term.rule.uses_confidence] += term.weight * scored.terms[term.name]
    return earned[False], earned[True]


def token_range(ids: Sequence[int], span: tuple[int, int], decode: Callable[[Sequence[int]], str]) -> range:
    """The tokens that write any of the characters of `span` (start, end), found with a few decodings.

    >>> token_range([0, 1, 2, 3], (2, 4), lambda ids: "ab-cd-ef-gh"[: 3 * len(ids)])
    range(0, 2)
    """
    lengths = _PrefixLengths(ids, decode)
    first = bisect_right(lengths, span[0])
    last = bisect_left(lengths, span[1])
    return range(first, min(last + 1, len(ids)))


def confidence_tokens(
    scored: Sequence[Scored], ids: Sequence[Sequence[int]], decode: Callable[[Sequence[int]], str]
) -> np.ndarray:
    """(B, T): which tokens of `ids` state the confidence; none in an unreadable reply."""
    found = np.zeros((len(ids), len(ids[0])), dtype=bool)
    for row, (reply, tokens) in enumerate(zip(scored, ids, strict=True)):
        if reply.reply.fault is None and reply.reply.confidence_span is not None:
            place = token_range(tokens, reply.reply.confidence_span, decode)
            found[row, place.start : place.stop] = True
    return found


class _PrefixLengths(Sequence[int]):
    """How many characters the first n+1 tokens write: never falling, so it can be bisected."""

    def __init__(self, ids: Sequence[int], decode: Callable[[Sequence[int]], str]) -> None:
        self.ids, self.decode = ids, decode

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: Any) -> Any:
        return len(self.decode(self.ids[: index + 1]))


def centred(values: np.ndarray, kept: np.ndarray, size: int, scale: str = "none") -> np.ndarray:
    """Values (N,) minus the mean of the `kept` ones in their group of `size`, divided as `scale` says; 0 if not kept.

    scale: "none"; "group", by the deviation of the group's kept values; "batch", by that of all kept values.

    >>> centred(np.array([1.0, 0.0, 5.0, 5.0]), np.array([True, True, True, False]), 2)
    array([ 0.5, -0.5,  0. ,  0. ])
    """
    groups, present = values.reshape(-1, size), kept.reshape(-1, size)
    count = np.maximum(present.sum(1, keepdims=True), 1)
    mean = np.where(present, groups, 0).sum(1, keepdims=True) / count
    away = np.where(present, groups - mean, 0.0)  # what is left out of the mean is paid nothing
    if scale == "group":
        away = away / (
            np.sqrt(np.where(present, away**2, 0).sum(1, keepdims=True) / np.maximum(count - 1, 1)) + EPSILON
        )
    elif scale == "batch":
        away = away / (values[kept].std(ddof=1) + EPSILON if kept.sum() > 1 else 1.0)
    return np.asarray(away.reshape(-1))


def leave_one_out(values: np.ndarray, kept: np.ndarray, size: int) -> np.ndarray:
    """Values (N,) minus the mean of the other `kept` ones in their group of `size`: what RLOO pays.  0 if not kept.

    It is the distance from the group's mean times k / (k - 1), for k kept values: the own one is not in the baseline.

    >>> leave_one_out(np.array([1.0, 0.0, 5.0, 5.0]), np.array([True, True, True, False]), 2)
    array([ 1., -1.,  0.,  0.])
    """
    count = np.repeat(kept.reshape(-1, size).sum(1), size)
    share = np.where(kept & (count > 1), count / np.maximum(count - 1, 1), 0.0)
    return np.asarray(centred(values, kept, size) * share + 0.0)


class SegmentGRPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """TRL's GRPOTrainer with an advantage for each token.  One `TrlReward`; any number of processes.

    Args:
        segment_weights: how much the gradient of the `answer` (reasoning and answer) and of the `confidence` counts.
            What either is paid for is not changed by it, so neither is the confidence that pays best.
    """

    def __init__(self, *args: Any, segment_weights: Mapping[str, float] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._weights = {"answer": 1.0, "confidence": 1.0} | dict(segment_weights or {})

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        output["advantages"] = self._token_advantages(output)
        return output

    def _token_advantages(self, output: Any) -> Any:
        """(B, T): the outcome's advantage on every token, the confidence's on the tokens that state it."""
        scorer: TrlReward = self.reward_funcs[0]
        scored = scorer.last
        outcome, stated = np.array([parts(row, scorer.reward) for row in scored]).T
        graded = np.array([row.total is not None for row in scored])
        readable = np.array([row.reply.fault is None for row in scored])
        rest = self._weights["answer"] * self._centred(outcome, graded)
        confidence = self._weights["confidence"] * self._centred(stated, graded & readable)
        # an unreadable reply has no confidence to credit: all its tokens answer for the whole loss
        rest = np.where(readable, rest, self._centred(outcome + stated, graded))
        states = confidence_tokens(scored, output["completion_ids"].tolist(), self._decode)
        advantages = np.where(states, confidence[:, None], rest[:, None])
        return torch.tensor(advantages, dtype=torch.float32, device=output["completion_ids"].device)

    def _centred(self, values: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """`centred` over the groups of all processes, of which this one has some rows."""
        return self._over_all(lambda v, k: centred(v, k > 0, self.num_generations, self.scale_rewards), values, kept)

    def _over_all(self, function: Callable[..., np.ndarray], *columns: np.ndarray) -> np.ndarray:
        """This process's rows of a function of columns (N,) that needs the rows of all processes."""
        if self.accelerator.num_processes == 1:
            return function(*columns)
        sent = torch.tensor(np.stack(columns, -1), dtype=torch.float32, device=self.accelerator.device)
        whole = function(*self.accelerator.gather(sent).double().cpu().numpy().T)
        first = self.accelerator.process_index * len(columns[0])
        return np.asarray(whole[first : first + len(columns[0])])

    def _decode(self, ids: Sequence[int]) -> str:
        return self._decoded(tuple(ids))

    @cached_property
    def _decoded(self) -> Callable[[tuple[int, ...]], str]:
        """The text of some first tokens of a reply; its spans ask for the same ones again and again."""
        tokenizer = tokenizer_of(self.processing_class)
        return lru_cache(DECODED)(lambda part: str(tokenizer.decode(list(part), skip_special_tokens=True)))
