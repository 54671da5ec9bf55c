"""The main job's models on every labelled picture of the two test styles: the same question, a narrower interval.

    python -m benchmarks.all_pictures [--seeds 5] [--out runs/main_job]

Reports balance the majority labels by leaving pictures out: 188 of the 666 are kept.  Here all of them count, weighted
so that in each style both labels count alike, and so do all of validation, which the constant confidence is fitted on.
Needs the finished runs of `python -m benchmarks.main_job`.  Numbers go to `benchmarks/results/all_pictures.json`.

For the Brier score (lower is better) of stage two, of stage two with that constant, and of stage three: the mean over
seeds and 95 % intervals, over clusters of pictures (2,000 resamples) crossed with seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import by_sweep
from emocal_rl.data import Row, emoji
from emocal_rl.evaluate.contrasts import pooled
from emocal_rl.evaluate.generate import complete, measuring
from emocal_rl.evaluate.resample import Resampler
from emocal_rl.models.load import load, use_threads
from emocal_rl.recipe import load as load_recipe
from emocal_rl.train.run import quieten

TEST, FIT = "unseen_style", "validation"


@dataclass(frozen=True)
class Said:
    """A model's replies to n rows: confidence (n,), NaN where none can be read, and the share who agree (n,)."""

    confidence: np.ndarray
    agree: np.ndarray

    def brier(self, constant: float | None = None) -> np.ndarray:
        """Expected Brier score of each row, (n,), of a constant confidence where one is given; NaN if unreadable."""
        stated = self.confidence if constant is None else np.where(np.isnan(self.confidence), np.nan, constant)
        return self.agree * (1 - stated) ** 2 + (1 - self.agree) * stated**2


def weights(rows: Sequence[Row]) -> np.ndarray:
    """(n,): in each style every majority label counts alike."""
    often = Counter((row.style, row.label) for row in rows)
    return np.array([1 / often[row.style, row.label] for row in rows])


def said(model_dir: Path, form: str, *asked: Sequence[Row]) -> list[Said]:
    """Greedy replies to each of these sequences of rows, scored as evaluations are, against all votes."""
    model, processor = load(str(model_dir))
    reward = measuring(form, None)
    found = []
    for rows in asked:
        scored = reward(complete(model, processor, rows, reward.format), [row.target() for row in rows])
        confidence = [np.nan if one.reply.fault else one.reply.confidence for one in scored]
        found.append(Said(np.array(confidence), np.array([one.correct or 0.0 for one in scored])))
    return found


def mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted means over what is not NaN: values (n,), weight (..., n)."""
    known = ~np.isnan(values)
    return np.asarray((weight[..., known] * values[known]).sum(-1) / weight[..., known].sum(-1))


def main() -> None:
    """Ask every model about every picture, compare, print, write."""
    given = by_sweep.options(__doc__, "main_job", seeds=5).parse_args()
    quieten()
    use_threads("auto")
    splits = emoji.labelled(2)
    rows, weight = splits[TEST], weights(splits[TEST])
    resampler = Resampler.clustered([row.cluster for row in rows])
    drawn = np.concatenate(list(resampler.counts()))[:, resampler.unit] * weight  # (B, n)
    briers = [brier(given.out / f"grpo_brier-{seed}", splits) for seed in range(given.seeds)]
    values = {name: [float(mean(one[name], weight)) for one in briers] for name in briers[0]}
    replicates = {name: [mean(one[name], drawn) for one in briers] for name in briers[0]}
    numbers: dict[str, Any] = {"rows": len(rows), "clusters": len(resampler.chance), "seeds": given.seeds}
    numbers["brier"] = {name: pooled(values[name], replicates[name]) for name in values}
    for rival in ("before", "constant"):
        differences = [after - other for after, other in zip(values["after"], values[rival], strict=True)]
        between = [after - other for after, other in zip(replicates["after"], replicates[rival], strict=True)]
        numbers[f"after minus {rival}"] = pooled(differences, between, "brier")
    print("\n".join([*lines(numbers), by_sweep.keep(numbers, "all_pictures")]))


def brier(run: Path, splits: dict[str, list[Row]]) -> dict[str, np.ndarray]:
    """The Brier score of every test row, (n,): before, before with a constant confidence, after."""
    recipe = load_recipe(str(run / "recipe.yaml"))
    before, after = recipe.stages[-2:]
    models = run / "models"
    fitted, first = said(models / before.name, before.format, splits[FIT], splits[TEST])
    known = np.where(np.isnan(fitted.confidence), np.nan, fitted.agree)
    constant = float(mean(known, weights(splits[FIT])))
    (last,) = said(models / after.name, after.format, splits[TEST])
    return {"before": first.brier(), "constant": first.brier(constant), "after": last.brier()}


def lines(numbers: dict[str, Any]) -> list[str]:
    """What to print."""
    found = [f"{numbers['rows']} pictures, {numbers['clusters']} emojis, {numbers['seeds']} seeds; Brier score:"]
    for name, score in numbers["brier"].items():
        found.append(f"  {name:10} {score['value']:.4f} [{score['low']:.4f}, {score['high']:.4f}]")
    for rival in ("before", "constant"):
        gap = numbers[f"after minus {rival}"]
        found.append(
            f"  after minus {rival:10} {gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}], "
            f"lower in {gap['better_runs']} of {gap['runs']} seeds"
        )
    return found


if __name__ == "__main__":
    main()
