"""Do the 95 % intervals hold the truth 95 times out of 100?

    python -m benchmarks.interval_coverage [--trials 400]

Rows are drawn from populations whose metrics are known: a calibrated one, where every stated value is right as often
as it says, and an over-confident one, where it is right at 0.15 + 0.7 c; both state multiples of 0.05, 0 and 1 among
them. Each trial draws n rows, makes the intervals that a report prints (2,000 resamples; percentile, basic for ECE and
its relatives), and notes whether they hold the population's value. "clusters": five rows of an image share one
outcome in half of the images, and the intervals resample images; "ignored" resamples rows of the same data. ECE is
also tested: how often its p-value falls below 0.05. Results go to `benchmarks/results/interval_coverage.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emocal_rl import files
from emocal_rl.evaluate.cells import Cells
from emocal_rl.evaluate.intervals import headline
from emocal_rl.evaluate.measure import MEASURES
from emocal_rl.progress import stage_progress

RESULTS = Path(__file__).parent / "results" / "interval_coverage.json"
METRICS = ("accuracy", "brier", "auroc", "augrc", "nll", "overconfidence", "ece_10", "ece_15", "smece")
VALUES = np.arange(21) / 20
LEVEL = 0.05
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Population:
    """How often each value is stated, and how often it is right."""

    name: str
    chance: Floats
    right: Floats

    def truth(self, metric: str) -> float:
        """The metric of the whole population."""
        one = np.asarray(1.0)
        cells = Cells(VALUES, self.chance, self.chance * self.right, one, np.asarray(self.chance @ self.right), one)
        return float(MEASURES[metric].core(cells))

    def draw(self, rng: np.random.Generator, n: int, image: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Confidence, correctness and image of n rows, `image` rows each; half of the images have one outcome."""
        images = np.arange(n) // image
        value = rng.choice(VALUES.size, n // image, p=self.chance)[images]  # what an image shows decides what is stated
        shared = (rng.random(n // image) < 0.5)[images]
        luck = np.where(shared, rng.random(n // image)[images], rng.random(n))
        return VALUES[value], (luck < self.right[value]).astype(np.float64), images


def populations() -> list[Population]:
    """The two populations, with the peaks that models have."""
    chance = 0.2 + np.arange(21) ** 2 / 100
    chance[[0, 16, 18, 19, 20]] += (1, 6, 14, 10, 8)
    chance /= chance.sum()
    return [Population("calibrated", chance, VALUES), Population("over-confident", chance, 0.15 + 0.7 * VALUES)]


def designs() -> Iterator[tuple[str, int, int, bool]]:
    """(name, rows, rows an image, whether the intervals know of images)."""
    yield from ((f"n = {n}", n, 1, False) for n in (200, 1000, 5000))
    yield "n = 1000, clusters", 1000, 5, True
    yield "n = 1000, clusters ignored", 1000, 5, False


def one_trial(
    population: Population, n: int, image: int, clustered: bool, resamples: int, seed: int
) -> dict[str, tuple[bool, float] | float]:
    """metric -> (held, width), and ece_10_p -> its p-value."""
    c, y, images = population.draw(np.random.default_rng(seed), n, image)
    found = headline(c, y, clusters=images if clustered else None, resamples=resamples, seed=seed)
    held: dict[str, tuple[bool, float] | float] = {}
    for name in METRICS:
        low, high, truth = found[name].low, found[name].high, population.truth(name)
        if low is not None and high is not None:
            held[name] = (low - 1e-9 <= truth <= high + 1e-9, high - low)
    return held | {"ece_10_p": found["ece_10_p"].value}


def cell(trials: list[dict[str, Any]], name: str) -> dict[str, float]:
    """How often the truth was held, and the mean width."""
    known = [trial[name] for trial in trials if name in trial]
    return {"held": float(np.mean([a for a, _ in known])), "width": float(np.mean([b for _, b in known]))}


def simulate(trials: int, resamples: int) -> list[dict[str, Any]]:
    """One row per population and design."""
    plan = [(p, d) for p in populations() for d in designs()]
    rows: list[dict[str, Any]] = []
    with stage_progress("coverage", len(plan) * trials) as tick:
        for population, (name, n, image, clustered) in plan:
            done = []
            for seed in range(trials):
                done.append(one_trial(population, n, image, clustered, resamples, seed))
                tick(len(rows) * trials + seed + 1)
            rejected = float(np.mean([float(t["ece_10_p"]) < LEVEL for t in done]))  # type: ignore[arg-type]
            truth = {metric: population.truth(metric) for metric in METRICS}
            rows.append({"population": population.name, "design": name, "truth": truth, "ece_10_rejected": rejected,
                         "metrics": {metric: cell(done, metric) for metric in METRICS}})  # fmt: skip
    return rows


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Coverage in percent, as the documentation has it."""
    heads = ["population", "rows", *METRICS, "ECE test rejects"]
    found = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        held = [f"{100 * row['metrics'][name]['held']:.0f}" for name in METRICS]
        found.append(
            "| " + " | ".join([row["population"], row["design"], *held, f"{100 * row['ece_10_rejected']:.0f}"]) + " |"
        )
    return found


def main() -> None:
    """Simulate, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    rows = simulate(options.trials, options.resamples)
    files.write_json(RESULTS, {"trials": options.trials, "resamples": options.resamples, "rows": rows})
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
