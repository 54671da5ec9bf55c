"""The verdict on a reward: sound or not, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean
from emocal_rl.rewards.incentive.advantage import SCALES, Group
from emocal_rl.rewards.incentive.check import claims, is_own
from emocal_rl.rewards.incentive.facts import BELIEFS, Facts, gather
from emocal_rl.rewards.incentive.honesty import speed
from emocal_rl.rewards.incentive.sentences import CHECKS, NOTES
from emocal_rl.rewards.reward import Reward


@dataclass(frozen=True)
class Verdict:
    """What a reward, under a trainer's settings, pays a model for.

    sound: nothing in `problems`, each of which is a sentence for a newcomer; `notes` are worth knowing but do no harm.
    proper: stating c = p pays most at every confidence p of the format, before normalisation; strict: and nothing else
    does. elicited: belief -> the confidence that pays most, normalisation included; tied: belief -> (from, below) where
    all confidences from the one to below the other pay that much, `elicited` being the most honest of them.
    hack_threshold: success probability below which a wrong answer on purpose pays more than an honest try;
    slope_threshold: below which a slightly worse one does; 0 is good. speed: belief -> V'(p), the multiplier on the
    accuracy gradient; empty for a stated distribution, where the report is the answer.
    range: worst and best total of a readable reply; floor: the total of a faulty one.
    safe_factor: the largest factor on the weights of the calibration terms at which a worse answer never pays.
    """

    problems: list[str]
    notes: list[str]
    proper: bool
    strict: bool
    elicited: Mapping[float, float]
    hack_threshold: float
    slope_threshold: float
    speed: Mapping[float, float]
    range: tuple[float, float]
    floor: float
    safe_factor: float
    scale_rewards: str
    num_generations: int
    sound: bool = field(init=False)
    tied: Mapping[float, tuple[float, float]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sound", not self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems) if self.problems else "sound: honesty pays most, and so does a better answer."


def judge(
    reward: Reward,
    scale_rewards: Any = "none",
    num_generations: int = 8,
    *,
    batch_prompts: int = 32,
    credit: str = "sequence",
) -> Verdict:
    """Judge a reward before anything is trained; milliseconds, no accelerator.

    scale_rewards: "none", "batch", "group" as trainers have them (True and False as well), "per_reward" or "rank".
    num_generations: rollouts a prompt; batch_prompts: prompts a batch, which matters for "batch" only.
    credit: "sequence" (one advantage for all tokens) or "segment" (calibration terms credit the confidence's tokens
    only, so that they cannot make a wrong answer pay).

    >>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")
    >>> judge(reward).sound
    True
    >>> print(judge(reward, scale_rewards="group"))
    scale_rewards=group with 8 generations undoes honesty: a model that is 90% sure is paid most for saying 99%. Set \
scale_rewards to none.
    """
    if credit not in ("sequence", "segment"):
        raise UserError(f"credit: must be 'sequence' or 'segment', got {credit!r}")
    scale = _scale(scale_rewards, num_generations)
    return _verdict(gather(reward, scale, Group(num_generations, batch_prompts), credit))


def _scale(setting: Any, generations: int) -> str:
    named = {True: "group", False: "none"}[setting] if isinstance(setting, bool) else setting
    if named not in SCALES:
        raise UserError(f"scale_rewards: unknown {setting!r}{did_you_mean(str(setting), SCALES)}")
    if generations < 2:
        raise UserError(f"num_generations must be at least 2, got {generations}")
    return str(named)


def _verdict(facts: Facts) -> Verdict:
    hack, slope = facts.thresholds
    corners = facts.arms.corners()
    verdict = Verdict(
        problems=[*(sentence for check in CHECKS if (sentence := check(facts))), *_false_claims(facts.reward)],
        notes=[sentence for check in NOTES if (sentence := check(facts))],
        proper=facts.proper,
        strict=facts.proper and facts.blur == 0.0,
        elicited=facts.elicited,
        hack_threshold=hack,
        slope_threshold=slope,
        speed=_speed(facts),
        range=(float(corners.min()), float(corners.max())),
        floor=facts.reward.floor,
        safe_factor=facts.factor,
        scale_rewards=facts.scale,
        num_generations=facts.size.generations,
    )
    object.__setattr__(verdict, "tied", facts.tied)
    return verdict


def _false_claims(reward: Reward) -> list[str]:
    """A range or a properness that somebody declared and that is not so: what a fault gets depends on it."""
    own = [term.rule for term in reward.terms if term.weight and is_own(term.rule)]
    return list(dict.fromkeys(sentence for rule in own for sentence in claims(rule).values()))


def _speed(facts: Facts) -> dict[float, float]:
    if facts.distribution:
        return {}
    return dict(zip(BELIEFS, speed(facts.answer, np.array(BELIEFS)).tolist(), strict=True))
