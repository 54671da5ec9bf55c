"""What benchmarks that are sweeps share: their options, and a comparison kept as a result."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from emocal_rl import environment, files
from emocal_rl.sweep.command import Options, run_sweep
from emocal_rl.sweep.engines import Local
from emocal_rl.sweep.spec import Plan

RESULTS = Path(__file__).parent / "results"


def options(doc: str | None, name: str, seeds: int) -> argparse.ArgumentParser:
    """A parser with --seeds, --out and --jobs."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--out", type=Path, default=Path("runs") / name)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one core each")
    return parser


def trained(plan: Plan, given: argparse.Namespace, name: str) -> list[str]:
    """Train every point that is not finished, and write the sweep's report; what to print."""
    return run_sweep(plan, Options(given.out, engine=lambda: Local(given.jobs)), [f"benchmarks.{name}"])


def keep(numbers: dict[str, Any], name: str) -> str:
    """Write `results/NAME.json` with where it was measured; its path."""
    where = {"device": environment.device(), "versions": environment.versions()}
    files.write_json(RESULTS / f"{name}.json", numbers | where)
    return str(RESULTS / f"{name}.json")


def compare(plan: Plan, given: argparse.Namespace, name: str, **about: Any) -> None:
    """Train every point, compare, print, write `results/NAME.json`."""
    lines = trained(plan, given, name)
    numbers = json.loads((given.out / "comparison.json").read_text("utf-8"))
    runs = [run | {"path": Path(run["path"]).name} for run in numbers["runs"]]
    print("\n".join([*lines, keep(numbers | about | {"runs": runs}, name)]))
