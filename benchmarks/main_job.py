"""The main job over several seeds, and what dividing by the group's deviation does to it.

    python -m benchmarks.main_job [--seeds 5] [--out runs/main_job] [--jobs 2]

The sweep `scale_rewards` without its variant `batch`: for each seed all three stages of `grpo_brier`, then stage three
again with `trainer.scale_rewards=group`.  Finished runs are kept and interrupted ones resumed, so the command can be
repeated.  The pooled comparison's numbers go to `benchmarks/results/main_job.json`, its page to `OUT/comparison.html`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from emocal_rl import files
from emocal_rl.sweep import spec
from emocal_rl.sweep.command import Options, run_sweep
from emocal_rl.sweep.engines import Local

RESULTS = Path(__file__).parent / "results" / "main_job.json"


def main() -> None:
    """Train every seed, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    given = parser.parse_args()
    plan = spec.load("scale_rewards", seeds=range(given.seeds))
    plan = replace(plan, points=[point for point in plan.points if point.variant in ("none", "group")])
    lines = run_sweep(plan, Options(given.out, engine=lambda: Local(given.jobs)), ["benchmarks.main_job"])
    numbers = json.loads((given.out / "comparison.json").read_text("utf-8"))
    files.write_json(RESULTS, numbers | {"runs": [run | {"path": Path(run["path"]).name} for run in numbers["runs"]]})
    print("\n".join([*lines, str(RESULTS)]))


if __name__ == "__main__":
    main()
