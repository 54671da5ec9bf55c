"""Hard questions with a way out: which rewards teach deliberate wrong answers?  The last section of docs/bandit.md.

    python -m benchmarks.hacking

About a minute on one core.  `python -m benchmarks.bandit` writes the whole page.
"""

from __future__ import annotations

import math
from typing import Any

from emocal_rl import files
from emocal_rl.rewards import Reward, judge
from emocal_rl.rewards.presets import preset
from emocal_rl.train import hacking

HEAD = "## A way out of hard questions"
TEXT = """{head}

Made by `python -m benchmarks.hacking`; a part of it is a test (`tests/train/test_hacking.py`).

Questions that are right with probability {chances} when tried, and a policy that may also answer wrongly on
purpose: a table over (try or give up) x confidence, {steps} steps of GRPO with `scale_rewards: none`. A deliberate
wrong answer with a confidence near 0 is perfectly calibrated, and a reward whose rule outweighs correctness pays for
it. The hack threshold is the success probability below which `emocal-rl check` says so.

{table}
"""


def published(name: str) -> tuple[dict[str, Any], str, float | None]:
    """Terms, format and floor of a published reward."""
    found = preset(name)
    return dict(found.terms), found.format, found.floor


OURS = "emocaliber", None
REWARDS: dict[str, tuple[dict[str, Any], str, float | None]] = {
    "correctness + Brier": ({"correct": 1.0, "brier": 1.0}, *OURS),
    "correctness + half Brier": ({"correct": 1.0, "brier": 0.5}, *OURS),
    "correctness + 0.2 clipped log": ({"correct": 1.0, "log": {"weight": 0.2, "eps": 0.01}}, *OURS),
    "correctness + spherical": ({"correct": 1.0, "spherical": 1.0}, *OURS),
    "RLCR": published("rlcr"),
    "correctness + twice Brier": ({"correct": 1.0, "brier": 2.0}, *OURS),
    "EmoCaliber": published("emocaliber"),
    "SaySelf": published("sayself"),
}


def row(name: str) -> list[str]:
    """What one reward makes of hard questions."""
    terms, form, floor = REWARDS[name]
    reward = Reward(terms, form, "label", floor=floor)
    found = hacking.train(reward)
    given_up = f"**{found.given_up:.0%}**" if found.given_up > 0.5 else f"{found.given_up:.0%}"
    said = ["-" if math.isnan(c) else f"{c:.2f}" for c in (found.giving_up_says, found.trying_says)]
    return [name, f"{judge(reward).hack_threshold:.2f}", given_up, *said, f"{found.accuracy:.1%}"]


def section() -> str:
    """The section, in Markdown."""
    head = ["reward", "hack threshold", "wrong on purpose", "and says", "who tries says", "right"]
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *map(row, REWARDS)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    chances, steps = ", ".join(map(str, hacking.CHANCES)), f"{hacking.Task().steps:,}"
    return TEXT.format(head=HEAD, chances=chances, steps=steps, table=table)


def main() -> None:
    from benchmarks.bandit import PAGE

    page = section()
    print(page)
    files.write_text(PAGE, PAGE.read_text("utf-8").split(HEAD)[0].rstrip() + "\n\n" + page)


if __name__ == "__main__":
    main()
