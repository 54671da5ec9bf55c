"""The main job over several seeds, and what dividing by the group's deviation does to it.

    python -m benchmarks.main_job [--seeds 5] [--out runs/main_job] [--jobs 2]

For each seed: all three stages of `grpo_brier`, then the same recipe with `trainer.scale_rewards=group`, which shares
the stages before. Finished runs are kept and interrupted ones resumed, so the command can be repeated. Ends with the
comparison pooled over seeds; its numbers go to `benchmarks/results/main_job.json`, its page to `OUT/comparison.html`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emocal_rl import files
from emocal_rl.evaluate.report import compare_runs, comparison_lines
from emocal_rl.recipe import load
from emocal_rl.run import Run, read_info

RESULTS = Path(__file__).parent / "results" / "main_job.json"
GROUP = ("trainer.scale_rewards=group", "allow_unsound=true")


def begin(run_dir: Path, *overrides: str) -> Path:
    """A new run directory for the recipe, or the one that is there."""
    if not run_dir.exists():
        with Run.create(load("grpo_brier", overrides), run_dir, command=["benchmarks.main_job", *overrides]):
            pass
        mark(run_dir, "interrupted")
    return run_dir


def mark(run_dir: Path, status: str) -> None:
    """Set the status in run.json."""
    files.write_json(run_dir / "run.json", read_info(run_dir) | {"status": status})


def share(source: Path, target: Path) -> None:
    """Give a new run the finished stages before the last one of another run with the same seed."""
    info, done = read_info(target), read_info(source)["stages"][:-1]
    if info["stages"][0]["status"] == "done":
        return
    names = {stage["name"] for stage in done}
    for name in names:
        shutil.copytree(source / "models" / name, target / "models" / name)
        for records in (source / "records").glob(f"{name}-*"):
            (target / "records").mkdir(exist_ok=True)
            shutil.copy2(records, target / "records")
    logged = [row for row in files.read_jsonl(source / "metrics.jsonl") if row["stage"] in names]
    files.write_jsonl(target / "metrics.jsonl", logged)
    files.write_json(target / "run.json", info | {"stages": [*done, info["stages"][-1]]})


def finish(run_dir: Path) -> Path:
    """Train to the end through the command line; what it prints goes to a file beside the run."""
    if read_info(run_dir)["status"] != "done":
        command = [sys.executable, "-m", "emocal_rl", "train", "--resume", str(run_dir)]
        with run_dir.with_suffix(".log").open("a") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
    return run_dir


def one_seed(out: Path, seed: int) -> list[Path]:
    """Both runs of a seed."""
    sound = finish(begin(out / f"none-{seed}", f"seed={seed}"))
    group = begin(out / f"group-{seed}", f"seed={seed}", *GROUP)
    share(sound, group)
    return [sound, finish(group)]


def main() -> None:
    """Train every seed, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    options = parser.parse_args()
    with ThreadPoolExecutor(options.jobs) as pool:
        pairs = list(pool.map(lambda seed: one_seed(options.out, seed), range(options.seeds)))
    numbers = compare_runs([run for runs in zip(*pairs, strict=True) for run in runs], options.out)
    files.write_json(RESULTS, numbers | {"runs": [run | {"path": Path(run["path"]).name} for run in numbers["runs"]]})
    print("\n".join(comparison_lines(numbers)))
    print(f"{RESULTS}\n{options.out / 'comparison.html'}")


if __name__ == "__main__":
    main()
