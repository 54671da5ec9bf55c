"""Our rewards as TRL reward functions: GRPO, RLOO, AsyncGRPO, and what keeps TRL's contract (axolotl, Unsloth).

Every rule and preset by name, for configuration files and the command line: `emocal_rl.adapters.trl.brier`; and
`emocal_rl.adapters.trl.reward`, which pays what EMOCAL_REWARD says. In your own script: `TrlReward(reward)`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from emocal_rl.adapters.columns import groups_of, rows_of
from emocal_rl.adapters.core import Adapter, instance
from emocal_rl.adapters.unread import FirstReplies
from emocal_rl.errors import UserError
from emocal_rl.rewards import Reward, Scored


class TrlFunction(Adapter):
    """A reward function for configurations and command lines: mapped onto [0, 1], never None, never raises.

    The data set's columns are the target. All rewards log the calibration of the batch, and the numbers of each
    completion into the completions table, where the trainer has room for them. Completions to equal prompts, pictures
    included, are the groups of a group target; where each prompt has one only, all get the floor, which is logged.

    >>> TrlFunction(Reward({"correct": 1.0, "brier": 1.0}, format="rlcr", grader="label"))(
    ...     prompts=["?"], completions=["no tags"], completion_ids=[[1]], label=["positive"]
    ... )
    [0.0]
    """

    host = "TRL"
    sees_groups = True

    def __call__(
        self,
        prompts: Sequence[Any] | None = None,
        completions: Sequence[Any] = (),
        completion_ids: Any = None,
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **columns: Any,
    ) -> list[float]:
        """One number for each completion, higher is better."""
        count = len(completions)
        groups = groups_of(prompts, count) if self.scorer.reward.needs_groups else None
        outcomes = self.scorer(completions, rows_of(columns, count), groups)
        if log_metric is not None:
            for name, value in monitor([one.scored for one in outcomes]).items():
                log_metric(f"{self.__name__}/{name}", value)
        if log_extra is not None and outcomes:
            for name in outcomes[0].components:
                log_extra(f"{self.__name__}/{name}", [one.components[name] for one in outcomes])
        return [one.value for one in outcomes]


def __getattr__(name: str) -> TrlFunction:
    return instance(TrlFunction, name, "reward")


class TrlReward:
    """A Reward of your own as it is, for GRPOTrainer and RLOOTrainer: raw totals, and mistakes in the data raise.

    The data set's columns make the target, all but prompts, pictures and completions: `candidates`, `votes`, `label`,
    `aliases`, `taxonomy`, and what a grader of your own looks for. The calibration of the batch is logged as
    `train/...`; it is never part of the reward. Where none of the first replies can be read, a warning says so, with
    one of them.

    Examples:
        >>> reward = TrlReward(Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label"))
        >>> reward(completions=["no tags"], candidates=[["negative", "positive"]], label=["positive"])
        [-1.0]
    """

    def __init__(
        self, reward: Reward, annotator_seed: int | None = None, *, held_out: bool = False, generations: int = 1
    ) -> None:
        """How the row's votes judge a completion, and what forms a group.

        annotator_seed: judge every completion by one annotator drawn from its row's votes, not by `label`. The draw
        depends on the seed, the trainer's step, the row's id and the place in its group only, so that it is the same
        for a resumed run, on several processes and for any split into batches.
        held_out: leave that annotator out instead, and judge by the votes of all others.
        generations: completions of one prompt, which stand together; for terms with a group target.
        """
        self.reward, self.annotator_seed = reward, annotator_seed
        self.held_out, self.generations = held_out, generations
        # of the latest call: what segment credit, exact credit and record files need
        self.last: list[Scored] = []
        self.targets: list[dict[str, Any]] = []
        self.__name__ = reward.__name__
        self._first = FirstReplies()

    def __call__(
        self,
        completions: Sequence[Any],
        log_metric: Callable[[str, float], None] | None = None,
        trainer_state: Any = None,
        **columns: Any,
    ) -> list[float | None]:
        """Totals, one for each completion; None (left out by TRL) where the row cannot be graded."""
        targets = _targets(columns, len(completions))
        if self.annotator_seed is not None:
            step = 0 if trainer_state is None else trainer_state.global_step
            names = columns.get("id") or range(len(targets))
            targets = [
                self._judged(target, [self.annotator_seed, step, *self._place(i, name)])
                for i, (target, name) in enumerate(zip(targets, names, strict=True))
            ]
        self.targets = targets
        scored = self.last = self.reward(completions, targets, self._groups(len(targets)))
        self._first.look(scored, targets, self.reward.format)
        if log_metric is not None:
            for name, value in monitor(scored).items():
                log_metric(f"train/{name}", value)
        return [row.total for row in scored]

    def _judged(self, target: dict[str, Any], key: Sequence[int]) -> dict[str, Any]:
        drawn = drawn_label(target["candidates"], target["votes"], np.random.default_rng(key))
        return all_but(drawn, target) if self.held_out else target | {"label": drawn}

    def _place(self, index: int, name: Any) -> tuple[int, int]:
        """A number for the row and the place of a completion in its group."""
        return zlib.crc32(str(name).encode()), index % self.generations

    def _groups(self, count: int) -> list[int] | None:
        """The number of each completion's group; None where no term needs groups."""
        if not self.reward.needs_groups:
            return None
        if self.generations < 2 or count % self.generations:
            raise UserError(
                f"reward: a term has a group target, and {count} completions do not split into groups of "
                f"{self.generations}; make a process's batch a multiple of num_generations, which is at least 2"
            )
        return [index // self.generations for index in range(count)]


_NO_TARGET = ("prompt", "prompts", "image", "images", "completion", "completion_ids")


def _targets(columns: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """The rows of the columns, without those that hold no target.

    A row without a label is one that cannot be graded; any other None is Arrow's, for a column of other rows.
    """
    rows = rows_of({name: column for name, column in columns.items() if name not in _NO_TARGET}, count)
    return [{key: value for key, value in row.fields.items() if value is not None or key == "label"} for row in rows]


def drawn_label(candidates: Sequence[str], votes: Sequence[float], random: np.random.Generator) -> str:
    """The label of one annotator, drawn at random: unbiased for the whole distribution under any scoring rule."""
    share = np.array(votes, float)
    return str(random.choice(candidates, p=share / share.sum()))


def all_but(label: str, target: Mapping[str, Any]) -> dict[str, Any]:
    """The target with one vote for `label` taken away.

    Over the annotators, each taken away once, the shares of the others' votes average to the shares of all votes.  A
    lone annotator is kept: there would be nobody left to judge. So are shares, of which there is no one vote to take.

    >>> all_but("b", {"candidates": ["a", "b"], "votes": [1, 2]})["votes"]
    [1, 1]
    """
    votes, at = list(target["votes"]), list(target["candidates"]).index(label)
    if votes[at] >= 1 and sum(votes) > 1:
        votes[at] -= 1
    return {**target, "votes": votes}


def monitor(scored: Sequence[Scored]) -> dict[str, float]:
    """Calibration of one batch of rollouts.

    Returns:
        `parsed` (share of readable replies) and, over those that could be graded: `accuracy`, `confidence` (both
        means), `gap` (confidence - accuracy: above zero is over-confident), `brier` (lower is better), `distinct` (how
        many different confidences were said); empty where nothing applies.
    """
    values = {"parsed": float(np.mean([row.reply.fault is None for row in scored]))} if scored else {}
    pairs = [
        (row.reply.confidence, row.correct)
        for row in scored
        if row.reply.confidence is not None and row.correct is not None
    ]
    if pairs:
        confidence, correct = np.array(pairs, float).T
        values |= {
            "accuracy": float(correct.mean()),
            "confidence": float(confidence.mean()),
            "gap": float((confidence - correct).mean()),
            "brier": float((correct * (1 - confidence) ** 2 + (1 - correct) * confidence**2).mean()),
            "distinct": float(len(set(confidence.tolist()))),
        }
    return values
