"""Processor time of imports in fresh interpreters, against numpy alone.

    python -m benchmarks.import_time [--turns 7]

Each module is imported in a new process; what a bare interpreter takes is subtracted, and the smallest of several turns
counts (whatever else the machine does only adds). Processor time, so that a busy machine matters less. Compiled once,
as an installed package is. torch is there for scale: nothing that scores text may need it. Results go to
`benchmarks/results/import_time.json`.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from emocal_rl import environment, files

RESULTS = Path(__file__).parent / "results" / "import_time.json"
MODULES = ("numpy", "emocal_rl.rewards", "emocal_rl.adapters.trl", "emocal_rl.cli", "emocal_rl.recipe", "torch")


def seconds(code: str, compiled: str) -> float:
    """Processor time of one fresh interpreter that runs this. compiled: a folder for what Python compiles."""
    settings = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, env=settings)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    codes = {"nothing": "", **{name: f"import {name}" for name in MODULES}}
    taken: dict[str, list[float]] = {name: [] for name in codes}
    with tempfile.TemporaryDirectory() as compiled:
        for _ in range(options.turns):
            for name, code in codes.items():
                taken[name].append(seconds(code, compiled))
    least = {name: min(times) for name, times in taken.items()}
    found = {name: round(least[name] - least["nothing"], 4) for name in MODULES}
    ratios = {name: round(value / found["numpy"], 2) for name, value in found.items()}
    print("\n".join(f"{name:24} {found[name]:7.3f} s  {ratios[name]:6.2f} x numpy" for name in MODULES))
    where = {"device": environment.device(), "versions": environment.versions(), "date": str(datetime.now(UTC).date())}
    files.write_json(RESULTS, {"seconds": found, "of_numpy": ratios, "turns": options.turns} | where)


if __name__ == "__main__":
    main()
