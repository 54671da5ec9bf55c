"""Do RLOO and PPO learn the embedded task as GRPO does, from the same cold starts with equal rollouts?

    python -m benchmarks.algorithms [--seeds 5] [--out runs/algorithms] [--jobs 2]

The sweep `algorithms`.  Finished runs are kept and interrupted ones resumed, so the command can be repeated.  The
numbers of its report go to `benchmarks/results/algorithms.json`, the report to `OUT/report.html`.
"""

from __future__ import annotations

import json

from benchmarks import by_sweep
from emocal_rl.sweep import spec

NAME = "algorithms"


def main() -> None:
    """Train what is missing, compare, print, write."""
    given = by_sweep.options(__doc__, NAME, seeds=5).parse_args()
    lines = by_sweep.trained(spec.load(NAME, seeds=range(given.seeds)), given, NAME)
    numbers = json.loads((given.out / "report.json").read_text("utf-8"))
    print("\n".join([*lines, by_sweep.keep(numbers, NAME)]))


if __name__ == "__main__":
    main()
