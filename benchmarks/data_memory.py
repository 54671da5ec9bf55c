"""How much memory and processor time a large JSONL file takes to check and to read through, in a process of its own.

    python -m benchmarks.data_memory [--rows 1000000]

Results go to `benchmarks/results/data_memory.json`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from emocal_rl import environment, files

RESULTS = Path(__file__).parent / "results" / "data_memory.json"
FILLER = "people on a beach, " * 40
READ = """
import resource, sys, time
from emocal_rl.data import load
from emocal_rl.data.check import look
from emocal_rl.recipe_blocks import Data
facts = look(load(Data(name=sys.argv[1])))
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(memory, sum(split.rows for split in facts.splits), time.process_time())
"""


@dataclass(frozen=True)
class Measured:
    """A file of `rows` rows: its size, the highest memory of the process that read it, and its processor time."""

    rows: int
    file_bytes: int
    memory_bytes: int
    seconds: float


def write(path: Path, rows: int) -> Path:
    """A file of text rows with votes, some 850 bytes each."""
    with path.open("w", encoding="utf-8") as file:
        for i in range(rows):
            row = {"id": i, "split": "test", "question": FILLER, "candidates": ["a", "b"], "votes": [i % 5, 3]}
            file.write(json.dumps(row) + "\n")
    return path


def measure(path: Path, rows: int) -> Measured:
    """Write a file, load and look through it as `emocal-rl data` does, in a new process."""
    write(path, rows)
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    memory, read, seconds = done.stdout.split()
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(int(read), path.stat().st_size, int(memory) * unit, round(float(seconds), 1))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        few, many = (measure(Path(folder) / "rows.jsonl", count) for count in (1_000, args.rows))
    extra = (many.memory_bytes - few.memory_bytes) / (many.rows - few.rows)
    found = {"measured": [asdict(few), asdict(many)], "bytes_a_row": round(extra, 1), "device": environment.device()}
    files.write_json(args.out, found | {"versions": environment.versions()})
    for one in (few, many):
        sizes = f"{one.file_bytes / 1e6:.1f} MB of file, {one.memory_bytes / 1e6:.1f} MB of memory"
        print(f"{one.rows:>9,} rows: {sizes}, {one.seconds:.1f} s")
    print(f"{extra:.0f} bytes of memory a row")


if __name__ == "__main__":
    main()
