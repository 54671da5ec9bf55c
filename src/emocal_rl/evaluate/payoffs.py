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
    drawn = numbers(reward, verdict, credit)
    with style():
        figure = sheet(12.0, 5.0)
        pays, says, worth = figure.subplots(1, 3)
        _payoffs(pays, drawn["payoff"])
        _elicited(says, drawn["elicited"], verdict.num_generations)
        _value(worth, drawn["value"], verdict.hack_threshold)
        figure.suptitle(_title(reward, verdict), x=0.008, ha="left", fontsize=12.5, fontweight="bold", color=INK)
        return save(figure, path, {"reward": repr(reward), "sound": verdict.sound, **drawn})


def numbers(reward: Reward, verdict: Verdict, credit: str = "sequence") -> dict[str, dict[str, Any]]:
    """What `draw` shows, by panel: "payoff", "elicited" (empty where every confidence pays the same) and "value"."""
    size, distribution = Group(verdict.num_generations), reward.format.states == "distribution"
    c, arms = _finite(*curves(reward, size, "sequence"))
    true, false = ("it is true", "it is not") if distribution else ("right", "wrong")
    return {
        "payoff": {"confidence": c.tolist(), true: arms.right.tolist(), false: arms.wrong.tolist()},
        "elicited": _said(reward, c, arms, size, credit),
        "value": _earned(_finite(*curves(reward, size, credit))[1], distribution),
    }


def _said(reward: Reward, c: Array, arms: Arms, size: Group, credit: str) -> dict[str, Any]:
    if not any(term.weight and term.rule.uses_confidence for term in reward.terms):
        return {}
    plain = best(expected(arms.right, arms.wrong, BELIEFS), c, BELIEFS)[0]
    group = [[p, said] for p, said in normalised(reward, "group", size, credit).items()]
    return {"belief": BELIEFS.tolist(), "plain": plain.tolist(), "group": group}


def _earned(arms: Arms, distribution: bool) -> dict[str, Any]:
    honest = {"p": BELIEFS.tolist(), "honest": value(arms, BELIEFS).tolist()}
    if distribution:  # there the report is the answer: there is nothing to give up
        return honest
    return honest | {"giving_up": (arms.wrong + BELIEFS[:, None] * arms.others).max(axis=1).tolist()}


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


def _payoffs(ax: Axes, drawn: dict[str, Any]) -> None:
    c, (true, false) = drawn["confidence"], [key for key in drawn if key != "confidence"]
    few = "o" if len(c) <= _FEW else ""
    ax.plot(c, drawn[true], color=AFTER, linewidth=2, marker=few, markersize=4, label=true)
    ax.plot(c, drawn[false], color=BEFORE, linewidth=2, marker=few, markersize=4, dashes=(4, 1.5), label=false)
    _dress(ax, "What is paid", "stated confidence c", "total reward")


def _elicited(ax: Axes, drawn: dict[str, Any], generations: int) -> None:
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, label="honest")
    if drawn:
        label = f"with scale_rewards=group, {generations} generations"
        ax.plot(drawn["belief"], drawn["plain"], color=AFTER, linewidth=2.2, label="as it is")
        ax.plot(*zip(*drawn["group"], strict=True), color=BEFORE, linewidth=1.4, marker="s", markersize=4, label=label)
    else:
        ax.text(0.5, 0.5, "every confidence pays the same", ha="center", color=MUTED, backgroundcolor=PAPER)
    _dress(ax, "What it makes a model say", "belief p: how often it is right", "confidence that pays most")
    ax.set(ylim=(-0.02, 1.02))


def _value(ax: Axes, drawn: dict[str, Any], hack: float) -> None:
    if hack > 0:
        ax.axvspan(0, hack, color=RULE, alpha=0.6, linewidth=0, label=f"giving up pays: p below {hack:.2f}")
    ax.plot(drawn["p"], drawn["honest"], color=BOUND, linewidth=2.2, label="V(p), an honest report")
    if "giving_up" in drawn:
        ax.plot(drawn["p"], drawn["giving_up"], color=BASE, linewidth=1.5, dashes=(1.4, 1.2), label="wrong on purpose")
    title = "What a better answer is worth" if "giving_up" in drawn else "What an honest report earns"
    _dress(ax, title, "success probability p", "most that can be earned")
