"""One reward as a picture: what it pays, which confidence it elicits, and what a better answer is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from emocal_rl.evaluate.theme import AFTER, BASE, BEFORE, BOUND, INK, MUTED, PAPER, RULE, grid, save, sheet, style
from emocal_rl.rewards import Reward, Verdict
from emocal_rl.rewards.incentive import Group, curves, normalised, value
from emocal_rl.rewards.incentive.honesty import best, expected
from emocal_rl.rewards.rules.core import Array
from emocal_rl.rewards.terms import Arms

BELIEFS = np.arange(101) / 100
_FEW = 21
"""Formats with no more confidences than this get a marker at each."""


def draw(reward: Reward, verdict: Verdict, path: Path, credit: str = "sequence") -> bytes:
    """Write three panels as a PNG and the plotted numbers as JSON beside it; returns the PNG.

    Payoff of a right and of a wrong answer against the stated confidence; the confidence that pays most against the
    belief, without division and under group scaling; V(p), the most an honest model earns, against what giving up does.
    credit: as in `judge`; under "segment" V(p) is of the terms that the answer is credited with.
    """
    size, distribution = Group(verdict.num_generations), reward.format.states == "distribution"
    c, arms = _finite(*curves(reward, size, "sequence"))
    with style():
        figure = sheet(12.0, 5.0)
        pays, says, worth = figure.subplots(1, 3)
        numbers = {
            "payoff": _payoffs(pays, c, arms, ("it is true", "it is not") if distribution else ("right", "wrong")),
            "elicited": _elicited(says, reward, c, arms, size, credit),
            "value": _value(worth, _finite(*curves(reward, size, credit))[1], verdict.hack_threshold, distribution),
        }
        figure.suptitle(_title(reward, verdict), x=0.008, ha="left", fontsize=12.5, fontweight="bold", color=INK)
        return save(figure, path, {"reward": repr(reward), "sound": verdict.sound, **numbers})


def _finite(c: Array, arms: Arms) -> tuple[Array, Arms]:
    """Only the confidences at which every payoff is finite."""
    keep = np.isfinite(arms.wrong) & np.isfinite(arms.own) & np.isfinite(arms.others)
    return c[keep], Arms(arms.wrong[keep], arms.own[keep], arms.others[keep])


def _title(reward: Reward, verdict: Verdict) -> str:
    terms = " + ".join(f"{weight:g} {name}" for name, weight in reward.weights.items())
    name = "" if reward.__name__ in reward.weights else f"{reward.__name__}: "
    return f"{name}{terms}  ·  {'sound' if verdict.sound else 'unsound'}"


def _dress(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set(title=title, xlabel=x, ylabel=y, xlim=(-0.02, 1.02))
    grid(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.14))


def _payoffs(ax: Axes, c: Array, arms: Arms, outcomes: tuple[str, str]) -> dict[str, Any]:
    few = "o" if len(c) <= _FEW else ""
    ax.plot(c, arms.right, color=AFTER, linewidth=2, marker=few, markersize=4, label=outcomes[0])
    ax.plot(c, arms.wrong, color=BEFORE, linewidth=2, marker=few, markersize=4, dashes=(4, 1.5), label=outcomes[1])
    _dress(ax, "What is paid", "stated confidence c", "total reward")
    return {"confidence": c.tolist(), outcomes[0]: arms.right.tolist(), outcomes[1]: arms.wrong.tolist()}


def _elicited(ax: Axes, reward: Reward, c: Array, arms: Arms, size: Group, credit: str) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, label="honest")
    if any(term.weight and term.rule.uses_confidence for term in reward.terms):
        plain = best(expected(arms.right, arms.wrong, BELIEFS), c, BELIEFS)[0]
        group = normalised(reward, "group", size, credit)
        label = f"with scale_rewards=group, {size.generations} generations"
        ax.plot(BELIEFS, plain, color=AFTER, linewidth=2.2, label="as it is")
        ax.plot([*group], [*group.values()], color=BEFORE, linewidth=1.4, marker="s", markersize=4, label=label)
        numbers = {
            "belief": BELIEFS.tolist(),
            "plain": plain.tolist(),
            "group": [[p, said] for p, said in group.items()],
        }
    else:
        ax.text(0.5, 0.5, "every confidence pays the same", ha="center", color=MUTED, backgroundcolor=PAPER)
    _dress(ax, "What it makes a model say", "belief p: how often it is right", "confidence that pays most")
    ax.set(ylim=(-0.02, 1.02))
    return numbers


def _value(ax: Axes, arms: Arms, hack: float, distribution: bool) -> dict[str, Any]:
    honest = value(arms, BELIEFS)
    numbers = {"p": BELIEFS.tolist(), "honest": honest.tolist()}
    if hack > 0:
        ax.axvspan(0, hack, color=RULE, alpha=0.6, linewidth=0, label=f"giving up pays: p below {hack:.2f}")
    ax.plot(BELIEFS, honest, color=BOUND, linewidth=2.2, label="V(p), an honest report")
    if not distribution:  # there the report is the answer: there is nothing to give up
        giving_up = (arms.wrong + BELIEFS[:, None] * arms.others).max(axis=1)
        numbers["giving_up"] = giving_up.tolist()
        ax.plot(BELIEFS, giving_up, color=BASE, linewidth=1.5, dashes=(1.4, 1.2), label="wrong on purpose")
    title = "What an honest report earns" if distribution else "What a better answer is worth"
    _dress(ax, title, "success probability p", "most that can be earned")
    return numbers
