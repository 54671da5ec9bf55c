"""The main job over several seeds, and what dividing by the group's deviation does to it.

    python -m benchmarks.main_job [--seeds 5] [--out runs/main_job] [--jobs 2]

For each seed: all three stages of `grpo_brier`, then stage three again from the same stage-two checkpoint with
`trainer.scale_rewards=group`.  Finished runs are kept, interrupted ones are resumed, so the command can be repeated.
Ends with the comparison of before and after, pooled over seeds, and writes it to `benchmarks/results/main_job.json`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emocal_rl.evaluate.runs import compare_runs

RESULTS = Path(__file__).parent / "results" / "main_job.json"


def train(run_dir: Path, *overrides: str) -> Path:
    """Run or resume one training run through the command line; its output goes to a file beside the run."""
    command = [sys.executable, "-m", "emocal_rl", "train"]
    if status(run_dir) == "done":
        return run_dir
    if status(run_dir):
        command += ["--resume", str(run_dir)]
    else:
        command += ["--recipe", "grpo_brier", "--run-dir", str(run_dir), *overrides]
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    with run_dir.with_suffix(".log").open("a") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True)
    return run_dir


def status(run_dir: Path) -> str | None:
    """Where a run stands; None when it has not begun."""
    info = run_dir / "run.json"
    return str(json.loads(info.read_text("utf-8"))["status"]) if info.exists() else None


def one_seed(out: Path, seed: int) -> list[Path]:
    """Both runs of a seed: they share the cold start."""
    sound = train(out / f"none-{seed}", f"seed={seed}")
    start = f"model.checkpoint={sound / 'models' / 'sft_confidence'}"
    group = train(out / f"group-{seed}", f"seed={seed}", start, "trainer.scale_rewards=group", "allow_unsound=true")
    return [sound, group]


def main() -> None:
    """Train every seed, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    options = parser.parse_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        pairs = list(pool.map(lambda seed: one_seed(options.out, seed), range(options.seeds)))
    result = compare_runs([run for pair in zip(*pairs, strict=True) for run in pair], options.out / "comparison.html")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
