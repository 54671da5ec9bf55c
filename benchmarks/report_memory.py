"""Memory and time of `score --report` and of `report` on a million saved completions, each in a process of its own.

    python -m benchmarks.report_memory [--rows 1000000] [--kind votes]

Rows of some 700 bytes with eight labels. "label": independent rows. "votes": nine tasks, two splits, four rows an image
and what ten people said about it, so that every part of the report has something to do. Results go to
`benchmarks/results/report_memory.json`, one entry a kind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl import environment, files

RESULTS = Path(__file__).parent / "results" / "report_memory.json"
LABELS = ["amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"]
PARTS = ("element", "human", "context", "interaction", "analysis")
WORDS = "people stand on a beach under a grey sky and look away from us "
KINDS = ("label", "votes")


@dataclass(frozen=True)
class Measured:
    """A command on a file: its highest resident memory, its seconds, and the size of the page it wrote."""

    command: str
    memory_bytes: int
    seconds: float
    processor_seconds: float
    page_bytes: int


def rows(count: int, kind: str) -> Iterator[dict[str, Any]]:
    """Replies in the format of stage three, over-confident by a tenth."""
    rng = np.random.default_rng(0)
    truth, other = rng.integers(0, len(LABELS), (2, count))
    stated = rng.integers(50, 101, count) / 100
    right = rng.random(count) < stated - 0.1
    for i in range(count):
        answer = truth[i] if right[i] else other[i]
        row = {"id": f"row-{i}", "candidates": LABELS, "label": LABELS[truth[i]], "text": reply(i, answer, stated[i])}
        yield row | (seen_by_people(i, int(truth[i]), rng) if kind == "votes" else {})


def reply(number: int, answer: int, confidence: float) -> str:
    """A reply with words of its own."""
    parts = "".join(f"<{name}>{WORDS}({number})</{name}>" for name in PARTS)
    return f"<think>{parts}</think><answer>{LABELS[answer]}</answer><confidence>{confidence:.2f}</confidence>"


def seen_by_people(number: int, truth: int, rng: np.random.Generator) -> dict[str, Any]:
    """Task, split, picture and the votes of ten people, half of whom agree for certain."""
    votes = rng.multinomial(5, np.full(len(LABELS), 1 / len(LABELS)))
    votes[truth] += 5
    split = "validation" if number % 40 < 8 else "test"
    image = f"{number % 9}-{number // 36}.jpg"
    return {"votes": votes.tolist(), "task": f"task {number % 9}", "split": split, "image": image}


def measure(arguments: Sequence[str], page: Path) -> Measured:
    """Run the command line in a new process."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "emocal_rl", *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"emocal-rl {arguments[0]} failed")
    unit = 1 if sys.platform == "darwin" else 1024
    seconds = (time.perf_counter() - began, usage.ru_utime + usage.ru_stime)
    return Measured(arguments[0], usage.ru_maxrss * unit, *(round(s, 1) for s in seconds), page.stat().st_size)


def main() -> None:
    """Write the rows, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kind", default="label", choices=KINDS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder) / "completions.jsonl", Path(folder) / "out"
        with file.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows(args.rows, args.kind))
        report = out / "report"
        commands = (["score", str(file), "--out", str(out), "--report"], ["report", str(report)])
        found = [measure(command, report / "report.html") for command in commands]
        size = file.stat().st_size
    for one in found:
        memory, page = f"{one.memory_bytes / 1e9:.2f} GB of memory", f"a page of {one.page_bytes / 1e6:.1f} MB"
        print(f"{one.command:8} {memory}, {one.seconds:.0f} s ({one.processor_seconds:.0f} s of a processor), {page}")
    before = json.loads(args.out.read_text(encoding="utf-8")) if args.out.exists() else {}
    entry = {"rows": args.rows, "file_bytes": size, "measured": [asdict(one) for one in found]}
    where = {"device": environment.device(), "versions": environment.versions()}
    files.write_json(args.out, before | {args.kind: entry | where})


if __name__ == "__main__":
    main()
