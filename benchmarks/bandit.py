"""Does training end at the honest confidence?  Every sound rule under every algorithm, on a bandit whose best is known.

    python -m benchmarks.bandit [--jobs 2] [--rules brier log_unit]

Writes `docs/bandit.md`; with --rules only prints.  About ten minutes on one core.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from benchmarks import hacking
from emocal_rl import files
from emocal_rl.train.bandit import ALGORITHMS, CHANCES, LEVELS, Setup, reward_with, sound_rules, train, worst

PAGE = Path(__file__).parents[1] / "docs" / "bandit.md"
NEAR = 0.03
Ends = dict[float, float]
Cell = tuple[str, str, bool]

TEXT = """# The bandit

Made by `python -m benchmarks.bandit`; a part of it is a test (`tests/train/test_bandit.py`).

A policy that is nothing but a table learns which confidence to state: for four questions, which it answers rightly
with probability {chances}, it has logits over {levels}.
Rewards come from the real `Reward` (correctness + the rule, each at weight 1), advantages from the functions that the
trainers use; tests hold those of GRPO and RLOO against what TRL computes in a real step. {steps} steps of Adam,
{groups} groups of {generations} replies a question and step, outcomes drawn anew for every reply. PPO has a value for
each question and token, learnt along.

The number is the largest distance of the mean stated confidence from the true probability over the four questions, in
the end: 0 is honest. Beyond {near} it is **bold**.

{table}

`none`, `batch` and `group` are what advantages are divided by (`trainer.scale_rewards`); `segment` and `exact` are the
credit that pays the confidence's tokens for their own terms, `exact` by the expected score of every level.

Where each of them leads with correctness + Brier, also when all replies of a group are right or wrong together (as
forecasts of one event are):

{where}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rules", nargs="+", default=[])
    options = parser.parse_args()
    rules = options.rules or sound_rules()
    names = list(ALGORITHMS)
    cells = [(rule, name, False) for rule in rules for name in names] + [("brier", name, True) for name in names]
    with ProcessPoolExecutor(options.jobs) as pool:
        ends = dict(zip(cells, pool.map(run, cells), strict=True))
    page = TEXT.format(
        chances=", ".join(map(str, CHANCES)), levels=f"the confidences {LEVELS[0]}, {LEVELS[1]}, ..., {LEVELS[-1]}",
        steps=f"{Setup().steps:,}", groups=Setup().prompts, generations=Setup().generations, near=NEAR,
        table=distances(rules, names, ends), where=places(names, ends),
    )  # fmt: skip
    print(page)
    if not options.rules:
        files.write_text(PAGE, page + "\n" + hacking.section())


def run(cell: Cell) -> Ends:
    """One rule under one algorithm."""
    rule, algorithm, shared = cell
    return train(reward_with(rule), algorithm, replace(Setup(), shared=shared))


def distances(rules: list[str], names: list[str], ends: dict[Cell, Ends]) -> str:
    rows = [[f"`{rule}`", *(marked(worst(ends[rule, name, False])) for name in names)] for rule in rules]
    return table(["rule", *names], rows)


def places(names: list[str], ends: dict[Cell, Ends]) -> str:
    rows = [
        [name, kind, *(f"{ends['brier', name, shared][p]:.2f}" for p in CHANCES)]
        for name in names
        for kind, shared in (("each its own", False), ("shared", True))
        if ("brier", name, shared) in ends
    ]
    return table(["algorithm", "outcomes of a group", *(f"right {p:.0%}" for p in CHANCES)], rows)


def marked(distance: float) -> str:
    return f"**{distance:.3f}**" if distance >= NEAR else f"{distance:.3f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
