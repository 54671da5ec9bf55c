"""The verdict on a reward: sound or not, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean
from emocal_rl.rewards.incentive import words
from emocal_rl.rewards.incentive.advantage import SCALES, Group, scaled
from emocal_rl.rewards.incentive.honesty import best, expected, finite, safe_factor, slope, thresholds
from emocal_rl.rewards.reward import Reward
from emocal_rl.rewards.rules.core import Array
from emocal_rl.rewards.terms import Term, payoffs

BELIEFS = tuple(round(0.05 * i, 2) for i in range(1, 20))
TOLERANCE = 0.02
"""How far normalisation may move the elicited confidence before it is called a problem."""
BLUR = 0.05
"""How far apart equally paid confidences may lie before they are called a problem."""


@dataclass(frozen=True)
class Verdict:
    """What a reward, under a trainer's settings, pays a model for.

    sound: nothing in `problems`, each of which is a sentence for a newcomer; `notes` are worth knowing but do no harm.
    proper: stating c = p pays most at every confidence p of the format, before normalisation; strict: and nothing else
    does. elicited: belief -> the confidence that pays most, normalisation included.
    hack_threshold, slope_threshold: see `thresholds`; 0 is good. speed: belief -> V'(p), the multiplier on the accuracy
    gradient. range: worst and best total of a readable reply; floor: the total of a faulty one.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "sound", not self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems) if self.problems else "sound: honesty pays most, and so does a better answer."


def judge(
    reward: Reward, scale_rewards: Any = "none", num_generations: int = 8, *, batch_prompts: int = 32
) -> Verdict:
    """Judge a reward before anything is trained; milliseconds, no accelerator.

    scale_rewards: "none", "batch", "group" as trainers have them (True and False as well), "per_reward" or "rank".
    num_generations: rollouts a prompt; batch_prompts: prompts a batch, which matters for "batch" only.

    >>> reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="votes")
    >>> judge(reward).sound
    True
    >>> print(judge(reward, scale_rewards="group"))
    scale_rewards=group with 8 generations undoes honesty: a model that is 90% sure is paid most for saying 99%. Set \
scale_rewards to none.
    """
    scale = _scale(scale_rewards, num_generations)
    c = reward.stated
    right, wrong, c = finite(*payoffs(reward.terms, c), c)
    states = bool(reward.format.grid)
    honest, blur = best(expected(right, wrong, c), c, c)
    proper = not states or bool(np.all(honest == c))
    size = Group(num_generations, batch_prompts)
    hack, low_slope = thresholds(right, wrong)
    facts = Facts(
        reward=reward, c=c, right=right, wrong=wrong, honest=honest, blur=float(blur.max()), proper=proper,
        elicited=_elicited(reward, c, scale, size) if states else {}, hack=hack, slope=low_slope,
        factor=_safe_factor(reward, c), scale=scale, generations=num_generations,
    )  # fmt: skip
    return _verdict(facts)


def _scale(setting: Any, generations: int) -> str:
    named = {True: "group", False: "none"}.get(setting, setting) if isinstance(setting, bool) else setting
    if named not in SCALES:
        raise UserError(f"scale_rewards: unknown {setting!r}{did_you_mean(str(setting), SCALES)}")
    if generations < 2:
        raise UserError(f"num_generations must be at least 2, got {generations}")
    return str(named)


@dataclass(frozen=True)
class Facts:
    """What was computed, on its way into sentences."""

    reward: Reward
    c: Array
    right: Array
    wrong: Array
    honest: Array
    blur: float
    proper: bool
    elicited: Mapping[float, float]
    hack: float
    slope: float
    factor: float
    scale: str
    generations: int


def _elicited(reward: Reward, c: Array, scale: str, size: Group) -> dict[float, float]:
    terms = [term for term in reward.terms if term.weight]
    functions = [partial(_arms, term) for term in terms]
    chosen = scaled(functions, c, BELIEFS, scale, size, [term.weight for term in terms])
    return dict(zip(BELIEFS, chosen.tolist(), strict=True))


def _arms(term: Term, c: Array) -> tuple[Array, Array]:
    return np.asarray(term.rule(c, 1.0)), np.asarray(term.rule(c, 0.0))


def _safe_factor(reward: Reward, c: Array) -> float:
    """Of the terms that use the confidence, beside those that do not."""
    fixed = payoffs(tuple(term for term in reward.terms if not term.rule.uses_confidence), c)
    calibration = payoffs(tuple(term for term in reward.terms if term.rule.uses_confidence), c)
    return safe_factor(*calibration, gain=float((fixed[0] - fixed[1]).min()))


def _verdict(facts: Facts) -> Verdict:
    beliefs = np.array(BELIEFS)
    return Verdict(
        problems=[sentence for check in CHECKS if (sentence := check(facts))],
        notes=[sentence for check in NOTES if (sentence := check(facts))],
        proper=facts.proper,
        strict=facts.proper and facts.blur == 0.0,
        elicited=facts.elicited,
        hack_threshold=facts.hack,
        slope_threshold=facts.slope,
        speed=dict(zip(BELIEFS, slope(facts.right, facts.wrong, beliefs).tolist(), strict=True)),
        range=(float(min(facts.right.min(), facts.wrong.min())), float(max(facts.right.max(), facts.wrong.max()))),
        floor=facts.reward.floor,
        safe_factor=facts.factor,
        scale_rewards=facts.scale,
        num_generations=facts.generations,
    )


def _improper(facts: Facts) -> str | None:
    if facts.proper:
        return None
    off = np.abs(facts.honest - facts.c)
    i = int(np.abs(facts.c - 0.7).argmin())  # the belief a reader finds easiest to picture, when it is affected
    i = i if off[i] > 0 else int(off.argmax())
    return words.IMPROPER.format(belief=facts.c[i], says=facts.honest[i])


def _flat(facts: Facts) -> str | None:
    if not facts.proper or not facts.reward.format.grid or facts.blur <= BLUR:
        return None
    silent = not any(term.weight and term.rule.uses_confidence for term in facts.reward.terms)
    return words.SILENT if silent else words.BLURRED.format(blur=facts.blur)


def _scaling(facts: Facts) -> str | None:
    if facts.scale == "none" or not facts.proper:
        return None
    plain = {p: facts.c[np.abs(facts.c - p).argmin()] for p in facts.elicited}
    off = {p: abs(said - plain[p]) for p, said in facts.elicited.items()}
    if not off or max(off.values()) <= TOLERANCE + 1e-9:
        return None
    belief = 0.9 if off[0.9] > TOLERANCE else max(off, key=lambda p: off[p])
    return words.SCALED.format(scale=facts.scale, size=facts.generations, belief=belief, says=facts.elicited[belief])


def _hackable(facts: Facts) -> str | None:
    if facts.hack == 0.0:
        return None
    if facts.right.size == 1:
        return words.WRONG_PAYS
    values = {"hack": facts.hack, "says": facts.c[facts.wrong.argmax()], "factor": facts.factor,
              "inverse": 1 / facts.factor if facts.factor else 0.0}
    return (words.HACKABLE_ALWAYS if facts.factor == 0 else words.HACKABLE).format(**values)


def _floor(facts: Facts) -> str | None:
    lowest = float(min(facts.right.min(), facts.wrong.min()))
    if facts.reward.floor <= lowest + 1e-12:
        return None
    return words.FLOOR.format(floor=facts.reward.floor, lowest=lowest)


def _unbounded(facts: Facts) -> str | None:
    endless = [term.name for term in facts.reward.terms if term.weight and not np.isfinite(term.rule.low)]
    return words.UNBOUNDED.format(name=endless[0], lowest=facts.reward.worst) if endless else None


def _slow(facts: Facts) -> str | None:
    full = float((facts.right - facts.wrong).max())
    speed = float(slope(facts.right, facts.wrong, np.array([0.1]))[0])
    return words.SLOW.format(share=speed / full) if facts.hack == 0 and full > 0 and speed < 0.25 * full else None


CHECKS = (_improper, _flat, _hackable, _scaling, _floor)
NOTES = (_unbounded, _slow)
