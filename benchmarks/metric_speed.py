"""Every headline metric with its interval, against one ECE and one AUROC of other libraries, on the same rows.

    make test-oracles        (once: it makes the environment with netcal and torchmetrics)
    PYTHONPATH=src .venv-oracles/bin/python -m benchmarks.metric_speed [--rows 1000000]

Rows state multiples of 0.05. Ours: `headline`, every metric of `HEADLINE` with 95 % intervals from 2,000 resamples, and
the noise floors of ECE (10 and 15 bins) and smECE. Theirs: netcal's ECE and torchmetrics' binary AUROC, one number
each. Medians of several turns, taken by turns so that a busy machine is busy for all. One thread each. Results go to
`benchmarks/results/metric_speed.json`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from netcal.metrics import ECE
from torchmetrics.functional.classification import binary_auroc

from emocal_rl import environment, files
from emocal_rl.evaluate.intervals import headline
from emocal_rl.evaluate.metrics import HEADLINE

RESULTS = Path(__file__).parent / "results" / "metric_speed.json"


def rows(n: int, seed: int = 0) -> tuple[Any, Any]:
    """Confidences on a grid of 0.05 with peaks, and whether they were right."""
    rng = np.random.default_rng(seed)
    chance = 0.2 + np.arange(21) ** 2 / 100
    c = rng.choice(np.arange(21) / 20, n, p=chance / chance.sum())
    return c, (rng.random(n) < 0.15 + 0.7 * c).astype(np.float64)


def contestants(n: int) -> dict[str, Callable[[], Any]]:
    """What is timed; input in the type that each wants, made beforehand."""
    c, y = rows(n)
    whole, tensor_c, tensor_y = y.astype(int), torch.tensor(c), torch.tensor(y.astype(int))
    return {
        f"ours, {len(HEADLINE)} metrics with intervals": lambda: headline(c, y, resamples=2000),
        "netcal, one ECE": lambda: ECE(10).measure(c, whole),
        "torchmetrics, one AUROC": lambda: binary_auroc(tensor_c, tensor_y),
    }


def seconds(call: Callable[[], Any]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    """Time, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    calls = contestants(options.rows)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(options.turns + 1):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    medians = {name: float(np.median(times[1:])) for name, times in taken.items()}  # the first turn warms up
    ours, *others = medians.values()
    print("\n".join(f"{name:34} {value:8.3f} s" for name, value in medians.items()))
    print(f"ours takes {ours / sum(others):.2f} of the other two together")
    found = {"rows": options.rows, "turns": options.turns, "seconds": medians, "share": ours / sum(others)}
    files.write_json(RESULTS, found | {"device": environment.device(), "versions": environment.versions()})


if __name__ == "__main__":
    main()
