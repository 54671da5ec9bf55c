"""Do rollouts of transformers and of vLLM train to the same calibration?  The same seeds, from the same cold starts.

    python -m benchmarks.rollout_engines [--seeds 2] [--out runs/rollout_engines] [--jobs 2] [key=value ...]

The sweep `benchmarks/rollout_engines.yaml`; needs vLLM (`make test-vllm` installs it for a CPU). The two sample
from other random numbers, so runs of one seed differ; the interval of the paired difference says whether more does.
Numbers go to `benchmarks/results/rollout_engines.json`, the page to `OUT/comparison.html`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from emocal_rl import environment, files
from emocal_rl.sweep import spec
from emocal_rl.sweep.command import Options, run_sweep
from emocal_rl.sweep.engines import Local

RESULTS = Path(__file__).parent / "results" / "rollout_engines.json"


def main() -> None:
    """Train every point, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/rollout_engines"))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    given = parser.parse_args()
    plan = spec.load(str(Path(__file__).with_suffix(".yaml")), given.overrides, seeds=range(given.seeds))
    lines = run_sweep(plan, Options(given.out, engine=lambda: Local(given.jobs)), ["benchmarks.rollout_engines"])
    numbers = json.loads((given.out / "comparison.json").read_text("utf-8"))
    about = {"overrides": given.overrides, "device": environment.device(), "versions": environment.versions()}
    runs = [run | {"path": Path(run["path"]).name} for run in numbers["runs"]]
    files.write_json(RESULTS, numbers | about | {"runs": runs})
    print("\n".join([*lines, str(RESULTS)]))


if __name__ == "__main__":
    main()
