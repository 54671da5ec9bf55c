"""Which reward should one train with?  The sweep `reward_ablation` to the end, and how soon the default is there.

    python -m benchmarks.reward_ablation [--seeds 5] [--out runs/reward_ablation] [--jobs 2]

Ten rewards from the same cold starts with the same rollouts, half as many as the default recipe has, every answer
judged by one annotator (`FIXED`; `emocal-rl sweep reward_ablation` is by the recipe as it is).  Finished runs are kept
and interrupted ones resumed, so the command can be repeated.  The numbers go to
`benchmarks/results/reward_ablation.json`; the report, every run before and after, and a table of them to
`docs/results/reward_ablation/`.

`sample_efficiency`, for each seed: the replies that the baseline had sampled when the Brier score of its rollouts was
down to that of RLCR's reward at its end, as a share of all replies that RLCR's sampled (null: it never was).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from benchmarks import by_sweep
from emocal_rl.sweep import spec
from emocal_rl.sweep.evidence import curve, reached

NAME, RIVAL = "reward_ablation", "rlcr"
FIXED = (
    "target=annotator",
    "augment=2.0",
    "trainer.max_steps=110",
    "trainer.num_generations=4",
    "warm_start.sft_confidence.labels.samples=8",
)
PAGES = Path(__file__).parent.parent / "docs" / "results" / NAME


def sample_efficiency(plan: spec.Plan, out: Path) -> dict[str, Any]:
    """Seed -> replies until the baseline is where the rival ends, those of the rival, and their ratio."""
    recipes = {point.name: point.recipe for point in plan.points}
    found = {}
    for seed in sorted({point.seed for point in plan.points}):
        ours, theirs = (curve(out / name, recipes[name]) for name in (f"{plan.baseline}-{seed}", f"{RIVAL}-{seed}"))
        needed, all_of_them = reached(ours, float(theirs[1][-1])), float(theirs[0][-1])
        ratio = None if needed is None else needed / all_of_them
        found[str(seed)] = {"brier": float(theirs[1][-1]), "needed": needed, "rival": all_of_them, "ratio": ratio}
    return found


def copy_pages(out: Path) -> None:
    """Put what people read beside the documentation."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for name in ("report.html", "comparison.html", "points.csv"):
        shutil.copy(out / name, PAGES / name)


def main() -> None:
    """Train what is missing, compare, print, write."""
    given = by_sweep.options(__doc__, NAME, seeds=5).parse_args()
    plan = spec.load(NAME, FIXED, seeds=range(given.seeds))
    lines = by_sweep.trained(plan, given, NAME)
    numbers = json.loads((given.out / "report.json").read_text("utf-8"))
    kept = by_sweep.keep(numbers | {"sample_efficiency": sample_efficiency(plan, given.out)}, NAME)
    copy_pages(given.out)
    print("\n".join([*lines, kept, str(PAGES / "report.html")]))


if __name__ == "__main__":
    main()
