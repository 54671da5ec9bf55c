"""The main job over several seeds, and what dividing by the group's deviation does to it.

    python -m benchmarks.main_job [--seeds 5] [--out runs/main_job] [--jobs 2]

The sweep `scale_rewards` without its variant `batch`: for each seed all three stages of `grpo_brier`, then stage three
again with `trainer.scale_rewards=group`.  Finished runs are kept and interrupted ones resumed, so the command can be
repeated.  The pooled comparison's numbers go to `benchmarks/results/main_job.json`, its page to `OUT/comparison.html`.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks import by_sweep
from emocal_rl.sweep import spec


def main() -> None:
    """Train every seed, compare, print, write."""
    given = by_sweep.options(__doc__, "main_job", seeds=5).parse_args()
    plan = spec.load("scale_rewards", seeds=range(given.seeds))
    plan = replace(plan, points=[point for point in plan.points if point.variant in ("none", "group")])
    by_sweep.compare(plan, given, "main_job")


if __name__ == "__main__":
    main()
