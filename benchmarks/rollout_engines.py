"""Do rollouts of transformers and of vLLM train to the same calibration?  The same seeds, from the same cold starts.

    python -m benchmarks.rollout_engines [--seeds 5] [--out runs/rollout_engines] [--jobs 2] [key=value ...]

The sweep `benchmarks/rollout_engines.yaml`; needs vLLM (`make test-vllm` installs it for a CPU). The two sample
from other random numbers, so runs of one seed differ; the interval of the paired difference says whether more does.
Numbers go to `benchmarks/results/rollout_engines.json`, the page to `OUT/comparison.html`.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import by_sweep
from emocal_rl.sweep import spec


def main() -> None:
    """Train every point, compare, print, write."""
    parser = by_sweep.options(__doc__, "rollout_engines", seeds=5)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_args()
    plan = spec.load(str(Path(__file__).with_suffix(".yaml")), given.overrides, seeds=range(given.seeds))
    by_sweep.compare(plan, given, "rollout_engines", overrides=given.overrides)


if __name__ == "__main__":
    main()
