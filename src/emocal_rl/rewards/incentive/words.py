"""Verdicts and biases as lines for people: what `emocal-rl check` and `emocal-rl rewards NAME` print."""

from __future__ import annotations

from collections.abc import Sequence

from emocal_rl.rewards.incentive.bias import SHOWN, Bias
from emocal_rl.rewards.incentive.sentences import rounded_down
from emocal_rl.rewards.incentive.verdict import Verdict


def describe(verdict: Verdict) -> list[str]:
    """Sound, or each problem; the notes; then the numbers behind it.

    >>> from emocal_rl.rewards import Reward, judge
    >>> print(describe(judge(Reward({"correct": 1.0, "brier": 0.5}, format="rlcr", grader="label")))[1])
    total of a readable reply -0.5 to 1, of an unreadable one -0.5
    """
    worst, best = verdict.range
    lines = [f"reward: {line}" for line in str(verdict).splitlines()] + [f"note: {note}" for note in verdict.notes]
    shown = [f"{round(total, 12) + 0.0:.4g}" for total in (worst, best, verdict.floor)]  # zero on every processor
    lines.append(f"total of a readable reply {shown[0]} to {shown[1]}, of an unreadable one {shown[2]}")
    if verdict.elicited:
        lines.append(f"a model that is this sure is paid most for saying: {_pairs(verdict)}")
    return [*lines, *_of_the_answer(verdict)]


def _pairs(verdict: Verdict) -> str:
    shown = (belief for belief in SHOWN if belief in verdict.elicited)
    return ", ".join(f"{belief:.0%} -> {_says(verdict, belief)}" for belief in shown)


def _says(verdict: Verdict, belief: float) -> str:
    """The best-paid confidence, or all that are paid as much."""
    low, below = verdict.tied.get(belief, (None, None))
    if low is None or below is None:
        return f"{verdict.elicited[belief]:.0%}"
    ends = [f"from {low:.0%}"] * (low > 0) + [f"below {below:.0%}"] * (below < float("inf"))
    return " ".join(["any", " to ".join(ends)]).strip()


def _of_the_answer(verdict: Verdict) -> list[str]:
    if not verdict.speed:
        return ["the stated distribution is the answer: there is no other one to give up"]
    hack, slope, factor = verdict.hack_threshold, verdict.slope_threshold, verdict.safe_factor
    never = "a worse answer never pays"
    pays = f"giving up pays below a success rate of {hack:.1%}, a slightly worse answer below {slope:.1%}"
    safe = "at any weight" if factor == float("inf") else f"up to {rounded_down(factor):.3g} times their weights"
    speeds = ", ".join(f"{verdict.speed[p]:.2f} at {p:.0%}" for p in SHOWN)
    return [
        f"{pays if max(hack, slope) > 0 else never}; the calibration terms are safe {safe}",
        f"what a better answer is worth, by success rate: {speeds}",
    ]


def describe_bias(rows: Sequence[Bias]) -> list[str]:
    """A table, one line a setting: what models are paid most for saying, and how far off honest that is at worst.

    >>> print("\\n".join(describe_bias([Bias("group", 8, {0.7: 0.78, 0.9: 0.99}, 0.0)])))
    scale_rewards  generations  70%  90%  off by
    group                    8  78%  99%  0.09
    """
    if not rows:
        return []
    beliefs = "  ".join(f"{belief:.0%}" for belief in rows[0].elicited)
    return [f"scale_rewards  generations  {beliefs}  off by", *map(_setting, rows)]


def _setting(row: Bias) -> str:
    said = "  ".join(f"{confidence:>3.0%}" for confidence in row.elicited.values())
    error = f" (simulated, standard error {row.error:.3f})" if row.scale == "batch" else ""
    return f"{row.scale:13}  {row.generations:11}  {said}  {row.off:.2f}{error}"
