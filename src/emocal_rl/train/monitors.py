"""What is watched while a model is rewarded: numbers in every log, and warnings in words when training goes wrong."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import TrainerCallback

from emocal_rl.adapters.trl import TrlReward
from emocal_rl.evaluate.binning import ece
from emocal_rl.rewards import Reward, Scored
from emocal_rl.rewards.scoring import group_sums
from emocal_rl.train.schedule import Scheduled

NEAR_ZERO = 0.05
"""A confidence this low beside a wrong answer counts as giving up: a rule that pays for it is being hacked."""


class MonitoredReward(TrlReward):
    """`TrlReward` that also logs the signs of collapse (`signs`, `by_difficulty`) as `train/...`.

    Args:
        schedule: the reward at each state of the trainer; None pays the same reward throughout.
    """

    def __init__(self, reward: Reward, *args: Any, schedule: Scheduled | None = None, **kwargs: Any) -> None:
        super().__init__(reward, *args, **kwargs)
        self.schedule = schedule

    def __call__(
        self,
        completions: Sequence[Any],
        log_metric: Callable[[str, float], None] | None = None,
        trainer_state: Any = None,
        **columns: Any,
    ) -> list[float | None]:
        """Totals, one for each completion."""
        if self.schedule is not None:
            self.reward = self.schedule(trainer_state)
        totals = super().__call__(completions, log_metric, trainer_state, **columns)
        if log_metric is not None:
            weight = {} if self.schedule is None else {"calibration_factor": self.schedule.factor(trainer_state)}
            for name, value in (signs(self.last) | by_difficulty(self.last, self.generations) | weight).items():
                log_metric(f"train/{name}", value)
        return totals


def signs(scored: Sequence[Scored]) -> dict[str, float]:
    """Signs of collapse in one batch of rollouts; empty where no confidence was stated.

    Returns:
        `levels`: effective number of confidences, exp(entropy), at least 1; `brier_less_ece`: |Brier - ECE|, about 0
        when every confidence is 0 or 1; `hack_rate`: share of the graded replies that are wrong with a confidence of at
        most `NEAR_ZERO`.

    >>> from emocal_rl.rewards import Reward
    >>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="rlcr", grader="label")
    >>> text = "<think>x</think><answer>{}</answer><analysis>x</analysis><confidence>{}</confidence>"
    >>> said = [text.format("a", 0.8), text.format("a", 0.8), text.format("b", 0.0), text.format("b", 0.0)]
    >>> signs(reward(said, [{"candidates": ["a", "b"], "label": "a"}] * 4))
    {'levels': 2.0, 'brier_less_ece': 0.08, 'hack_rate': 0.5}
    """
    pairs = [(row.reply.confidence, row.correct) for row in scored if row.reply.fault is None]
    known = np.array([pair for pair in pairs if None not in pair], float)
    if not len(known):
        return {}
    confidence, correct = known.T
    _, counts = np.unique(confidence, return_counts=True)
    share = counts / counts.sum()
    brier = (correct * (1 - confidence) ** 2 + (1 - correct) * confidence**2).mean()
    values = {
        "levels": np.exp(-(share * np.log(share)).sum()),
        "brier_less_ece": abs(brier - ece(confidence, correct)),
        "hack_rate": ((confidence <= NEAR_ZERO) * (1 - correct)).mean(),
    }
    return {name: round(float(value), 6) for name, value in values.items()}


def by_difficulty(scored: Sequence[Scored], size: int) -> dict[str, float]:
    """Mean confidence minus accuracy on hard, middling and easy questions: above 0 is over-confident.

    How hard a question is, is told by the other replies of the group of `size` (right less than a third, less than two
    thirds, or more often), so that a reply's own luck does not sort it.

    Returns:
        `gap_hard`, `gap_middle`, `gap_easy`, each only where there are such replies.

    >>> from emocal_rl.rewards import Reward
    >>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="rlcr", grader="label")
    >>> text = "<think>x</think><answer>{}</answer><analysis>x</analysis><confidence>0.8</confidence>"
    >>> said = [text.format(answer) for answer in "aabb"]
    >>> by_difficulty(reward(said, [{"candidates": ["a", "b"], "label": "a"}] * 4), 2)
    {'gap_hard': 0.8, 'gap_easy': -0.2}
    """
    others = group_sums([row.correct for row in scored], [i // max(size, 1) for i in range(len(scored))])
    gaps: dict[str, list[float]] = {"gap_hard": [], "gap_middle": [], "gap_easy": []}
    for row, (total, count) in zip(scored, others, strict=True):
        if count > 1 and row.correct is not None and row.reply.fault is None and row.reply.confidence is not None:
            level = min(int(3 * total / (count - 1)), 2)
            list(gaps.values())[level].append(row.reply.confidence - row.correct)
    return {name: round(float(np.mean(each)), 6) for name, each in gaps.items() if each}


@dataclass(frozen=True)
class Alarm:
    """A state that must not last: when a log's numbers show it, and what to say of it, formatted with them."""

    name: str
    shown: Callable[[Mapping[str, float]], bool]
    says: str


ALARMS = (
    Alarm(
        "one_confidence",
        lambda log: log["train/levels"] < 1.2,
        "nearly every reply states the same confidence (mean {train/confidence:.2f}), so it tells no question from "
        "another; raise trainer.temperature or digit_entropy, or start from confidences that differ",
    ),
    Alarm(
        "all_or_nothing",
        lambda log: log["train/brier_less_ece"] < 0.01 and log["train/brier"] > 0.05,
        "confidences have gone to 0 and 1 (Brier {train/brier:.3f} equals ECE); see what the reward pays for with "
        "emocal-rl check, and keep trainer.scale_rewards at none",
    ),
    Alarm(
        "giving_up",
        lambda log: log["train/hack_rate"] > 0.2,
        "{train/hack_rate:.0%} of the replies are wrong with a confidence near 0: a wrong answer on purpose seems to "
        "pay; see the hack threshold with emocal-rl check, and give correct more weight",
    ),
    Alarm(
        "losing_the_format",
        lambda log: log["train/parsed"] < 0.5,
        "only {train/parsed:.0%} of the replies can be read; lower trainer.learning_rate or trainer.temperature",
    ),
    Alarm(
        "another_sampler",
        lambda log: log["sampling/sampling_logp_difference/mean"] > 0.1 and not log.get("sampling/staleness"),
        "the sampler's log-probabilities are {sampling/sampling_logp_difference/mean:.2f} nats a token from the "
        "trainer's, so replies come from another model than the one that is trained; look at dtype and quantization in "
        "rollout.options, and at what rollout.servers serve, or set rollout.engine=hf",
    ),
    Alarm(
        "old_replies",
        lambda log: log["sampling/sampling_logp_difference/mean"] > 0.1 and log["sampling/staleness"] > 0,
        "replies come from weights {sampling/staleness:.0f} updates old, {sampling/sampling_logp_difference/mean:.2f} "
        "nats a token from the trainer's, so little of them is learnt; lower trainer.learning_rate, or set "
        "rollout.ahead=0",
    ),
)


class Watch(TrainerCallback):  # type: ignore[misc]
    """Warns once when an alarm has sounded in `patience` logs in a row: on standard error, and `alert` keeps it.

    Args:
        alert: called with {"stage", "step", "name", "text"}.
    """

    def __init__(self, stage: str, alert: Callable[[dict[str, Any]], None], patience: int = 5) -> None:
        self.stage, self.alert, self.patience = stage, alert, patience
        self.sounding = {alarm.name: 0 for alarm in ALARMS}

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Count for each alarm the logs in a row that show it."""
        for alarm in ALARMS:
            try:
                shown = alarm.shown(logs or {})
            except (KeyError, TypeError):  # a log without these numbers says nothing
                continue
            self.sounding[alarm.name] = self.sounding[alarm.name] + 1 if shown else 0
            if self.sounding[alarm.name] == self.patience:
                self._say(alarm, state.global_step, logs or {})

    def _say(self, alarm: Alarm, step: int, logs: dict[str, Any]) -> None:
        # str.format reads "{train/levels:.2f}" as the key "train/levels"
        text = alarm.says.format(**logs)
        line = f"warning: stage {self.stage}, step {step}: {text}"
        print(line, file=sys.stderr, flush=True)
        logging.getLogger("emocal_rl").warning(line)
        self.alert({"stage": self.stage, "step": step, "name": alarm.name, "text": text})
