"""Does memory grow with what has been scored?  Hundreds of thousands of different texts through one process.

    python -m benchmarks.memory_growth [--batches 400]

Batches of 512 new completions are read, graded and scored by one Reward, and every confidence is measured; caches may
fill at first, so growth is counted from a quarter of the way. Beside it, what keeping the scored rows would take.
Results go to `benchmarks/results/memory_growth.json`.
"""

from __future__ import annotations

import argparse
import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reward_speed import BATCH, completions
from emocal_rl import environment, files
from emocal_rl.evaluate.metrics import brier, ece
from emocal_rl.rewards import Reward

RESULTS = Path(__file__).parent / "results" / "memory_growth.json"


def resident() -> float:
    """Resident memory of this process in MB."""
    gc.collect()
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def score(reward: Reward, number: int) -> list[Any]:
    """One batch of texts that no other batch has."""
    texts, targets = completions("emocaliber", BATCH, length=600, seed=number)
    scored = reward(texts, targets)
    stated = [(row.reply.confidence, row.correct) for row in scored if row.reply.confidence is not None]
    confidence, correct = np.array(stated, float).T
    brier(confidence, correct)
    ece(confidence, correct)
    return scored


def main() -> None:
    """Score, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=400)
    options = parser.parse_args()
    reward = Reward({"correct": 1.0, "brier": 1.0}, format="emocaliber", grader="label")
    warm, levels = options.batches // 4, []
    for number in range(options.batches):
        score(reward, number)
        if (number + 1) % warm == 0:
            levels.append(round(resident(), 2))
    growth = levels[-1] - levels[0]
    kept = [score(reward, number) for number in range(20)]
    keeping = (resident() - levels[-1]) / len(kept) * (options.batches - warm)
    found = {"texts": options.batches * BATCH, "resident_mb": levels, "growth_mb": round(growth, 2),
             "if_all_were_kept_mb": round(keeping, 1)}  # fmt: skip
    print("\n".join(f"{key:22} {value}" for key, value in found.items()))
    where = {"device": environment.device(), "versions": environment.versions(), "date": str(datetime.now(UTC).date())}
    files.write_json(RESULTS, found | where)


if __name__ == "__main__":
    main()
