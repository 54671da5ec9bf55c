"""The main job over several seeds, and what dividing by the group's deviation does to it.

    python -m benchmarks.main_job [--seeds 5] [--out runs/main_job] [--jobs 2]

The sweep `benchmarks/main_job.yaml`: for each seed all three stages of `grpo_brier`; then stage three again with every
answer judged by one annotator, drawn from the votes, and once more with `trainer.scale_rewards=group` as well.
Finished runs are kept and interrupted ones resumed, so the command can be repeated.  The pooled comparison's numbers go
to `benchmarks/results/main_job.json`, its page to `OUT/comparison.html`.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import by_sweep
from emocal_rl.sweep import spec


def main() -> None:
    """Train every seed, compare, print, write."""
    given = by_sweep.options(__doc__, "main_job", seeds=5).parse_args()
    plan = spec.load(str(Path(__file__).with_suffix(".yaml")), seeds=range(given.seeds))
    by_sweep.compare(plan, given, "main_job")


if __name__ == "__main__":
    main()
