"""From facts to sentences: each check says what will happen and what to do, or None when all is well."""

from __future__ import annotations

import math

import numpy as np

from emocal_rl.rewards.incentive.facts import Facts
from emocal_rl.rewards.incentive.honesty import elicited, speed
from emocal_rl.rewards.rules.core import Rule

TOLERANCE = 0.02
"""How far normalisation may move the elicited confidence before it is called a problem."""
BLUR = 0.05
"""How far apart equally paid confidences may lie before they are called a problem."""

IMPROPER = (
    "The reward is improper: a model that is {belief:.0%} sure is paid most for saying {says:.0%}. Use a proper rule "
    "such as brier."
)
SILENT = "Every confidence pays the same, so nothing teaches the model how sure to be. Add a proper rule such as brier."
BLURRED = (
    "Confidences {blur:.2f} apart pay exactly the same, so the model learns little more than yes or no. Add a strictly "
    "proper rule such as brier."
)
HACKABLE = (
    "Giving up pays: on a question where the model is right less often than {hack:.0%}, a wrong answer on purpose with "
    "confidence {says:.2f} earns more than an honest try. Multiply the weights of the calibration terms by "
    "{factor:.3g} or less, or the weight of correct by {inverse:.3g} or more."
)
HACKABLE_ALWAYS = (
    "Giving up pays: a wrong answer on purpose with confidence {says:.2f} earns as much as a sure right one, because "
    "nothing pays for being right. Add the term correct."
)
HACKABLE_ALONE = (
    "Giving up pays: on a question where the model is right less often than {hack:.0%}, a wrong answer on purpose with "
    "confidence {says:.2f} earns more than an honest try. Add the term correct."
)
COARSE = (
    "The rule of {name} is improper, only too little to show at the few confidences of this format: with finer ones a "
    "model that is {belief:.0%} sure would be paid most for saying {says:.0%}."
)
WRONG_PAYS = "A wrong answer pays more than a right one. Give correct a positive weight."
SCALED = (
    "scale_rewards={scale} with {size} generations undoes honesty: a model that is {belief:.0%} sure is paid most for "
    "saying {says:.0%}. Set scale_rewards to none."
)
FLOOR = (
    "The floor is inverted: an unreadable reply gets {floor:.3g}, more than the worst readable one ({lowest:.3g}), so "
    "a model that fears being wrong is better off breaking the format. Leave floor unset, or lower it to {lowest:.3g}."
)
UNBOUNDED = (
    "The term {name} has no lower bound; totals are cut at {lowest:.3g}, the worst one on the format's own "
    "confidences. Set its eps to choose that bound yourself."
)
SLOW = (
    "Accuracy is learned slowly on hard questions: where the model is right 10% of the time, a better answer is paid "
    "{share:.0%} as much as where it is always right. Lower the weights of the calibration terms, at least early on."
)
DISTORTED = (
    "The reward is improper: stating the true probabilities of the labels is not what pays most; the best-paid ones "
    "are off by up to {off:.2f}. Use a proper distribution rule such as multiclass_brier alone."
)
SHRINKS = (
    "The group target of {name} makes the confidence {rest:.0%} that of the prompt and {own:.0%} that of this reply: "
    "it tells hard questions from easy ones better than right replies from wrong ones."
)

APART = (
    "It is sound because the answer's tokens are not paid by the calibration terms. With credit: sequence they would "
    "be, and a worse answer would pay at more than {factor:.2g} times these weights."
)


def improper(facts: Facts) -> str | None:
    """The elicited confidence is not the belief."""
    if facts.proper:
        return None
    if facts.off:
        return DISTORTED.format(off=facts.off)
    off = np.abs(facts.honest - facts.c)
    i = int(np.abs(facts.c - 0.7).argmin())  # the belief a reader finds easiest to picture, when it is affected
    i = i if off[i] > 0 else int(off.argmax())
    return IMPROPER.format(belief=facts.c[i], says=facts.honest[i])


def flat(facts: Facts) -> str | None:
    """Very different confidences pay the same."""
    if not facts.proper or not facts.reward.format.grid or facts.blur <= BLUR:
        return None
    silent = not any(term.weight and term.rule.uses_confidence for term in facts.reward.terms)
    return SILENT if silent else BLURRED.format(blur=facts.blur)


def hackable(facts: Facts) -> str | None:
    """A worse answer pays."""
    hack = facts.thresholds[0]
    if hack == 0.0:
        return None
    if facts.c.size == 1 or facts.credit == "segment":
        return WRONG_PAYS
    values = {"hack": hack, "says": facts.c[facts.arms.wrong.argmax()]}
    if facts.factor == 0:
        return (HACKABLE_ALWAYS if hack > 0.999 else HACKABLE_ALONE).format(**values)
    return HACKABLE.format(**values, factor=rounded_down(facts.factor), inverse=-rounded_down(-1 / facts.factor))


def rounded_down(value: float) -> float:
    """The next number of three digits that is not larger: a bound that is rounded up is none. -1.001 -> -1.01.

    >>> rounded_down(0.99867), rounded_down(0.5), rounded_down(-9.1912)
    (0.998, 0.5, -9.2)
    """
    if not value or not math.isfinite(value):
        return value
    digits = 2 - math.floor(math.log10(abs(value)))
    # a little more than the value: 0.5 that came out as 0.49999999999999994 is 0.5
    return math.floor(round(value * 10.0**digits, 9)) / 10.0**digits


def scaling(facts: Facts) -> str | None:
    """Normalising the advantages moves the elicited confidence."""
    if facts.scale == "none" or not facts.proper:
        return None
    # only beliefs that the format can state: between two of its confidences either one is fine
    off = {p: abs(said - p) for p, said in facts.elicited.items() if np.abs(facts.c - p).min() < 1e-9}
    moved = {p: by for p, by in off.items() if by > TOLERANCE + 1e-9}
    if not moved:
        return None
    belief = 0.9 if 0.9 in moved else max(moved, key=lambda p: moved[p])
    says = facts.elicited[belief]
    return SCALED.format(scale=facts.scale, size=facts.size.generations, belief=belief, says=says)


def floor(facts: Facts) -> str | None:
    """A faulty reply beats a readable one."""
    lowest = float(facts.arms.corners().min())
    return FLOOR.format(floor=facts.reward.floor, lowest=lowest) if facts.reward.floor > lowest + 1e-9 else None


def unbounded(facts: Facts) -> str | None:
    """A rule has no lower bound."""
    endless = [term.name for term in facts.reward.terms if term.weight and not np.isfinite(term.rule.low)]
    return UNBOUNDED.format(name=endless[0], lowest=facts.reward.worst) if endless else None


def slow(facts: Facts) -> str | None:
    """Hard questions hardly pay."""
    full, low = float(facts.answer.own.max()), float(speed(facts.answer, np.array([0.1]))[0])
    hacked = facts.thresholds[0] > 0 or facts.distribution
    return SLOW.format(share=low / full) if not hacked and full > 0 and low < 0.25 * full else None


def apart(facts: Facts) -> str | None:
    """Weights that are safe only while the answer is credited apart from the confidence."""
    safe = facts.credit != "segment" or facts.factor >= 1 or facts.thresholds[0] > 0
    return None if safe else APART.format(factor=facts.factor)


def shrinks(facts: Facts) -> str | None:
    """A group target mixes this reply's confidence with the prompt's."""
    for term in facts.reward.terms:
        if term.weight and term.target.needs_group:
            own = term.target.own_share(facts.size.generations)
            return SHRINKS.format(name=term.name, own=own, rest=1 - own)
    return None


def coarse(facts: Facts) -> str | None:
    """The format's steps hide that a rule is improper."""
    for term in facts.reward.terms:
        rule = term.rule
        if facts.proper and term.weight and isinstance(rule, Rule) and rule.elicits is not None:
            return COARSE.format(name=term.name, belief=0.7, says=float(elicited(rule, [0.7])[0]))
    return None


CHECKS = (improper, flat, hackable, scaling, floor)
NOTES = (unbounded, slow, apart, shrinks, coarse)
