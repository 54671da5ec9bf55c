"""A finished run directory around the embedded model, and an engine that answers well, both without training."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from emocal_rl import files, recipe
from emocal_rl.data import emoji
from emocal_rl.evaluate.engines import Completion, Decoding, Request
from emocal_rl.evaluate.generate import records
from emocal_rl.models.sources import TINY
from emocal_rl.rewards import FORMATS, Reward

PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "seen")


class Careful:
    """Answers with the majority label and, hot, sometimes with the other; states a share near the votes'."""

    model = "careful"

    def __init__(self, fail: Sequence[str] = ()) -> None:
        self.fail = set(fail)

    def complete(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        for request in requests:
            random = np.random.default_rng(request.seed(decoding))
            row = request.row
            shares = np.array(row.votes) / sum(row.votes)
            which = random.choice(len(shares), p=shares) if decoding.temperature else int(shares.argmax())
            stated = float(np.clip(shares[which] + random.normal(0, 0.05), 0.01, 0.99))
            text = request.form.write(PARTS, row.candidates[which], stated)
            failed = row.id in self.fail
            yield Completion(request, None, "out of luck") if failed else Completion(request, text)

    def close(self) -> None:
        """Nothing is held."""


def write_small_run(path: Path, limit: int = 20) -> Path:
    """recipe.yaml, run.json, models/ and validation records of a run whose stage has the embedded weights."""
    made = recipe.load("grpo_brier", ["data.limit=20", "evaluation.bootstrap=50"])
    stage = made.stages[-1].name
    (path / "records").mkdir(parents=True)
    shutil.copytree(TINY, path / "models" / stage)
    files.write_text(path / "recipe.yaml", recipe.dump(made))
    stages = [{"name": s.name, "algorithm": s.algorithm, "status": "done", "seconds": 1.0} for s in made.stages]
    files.write_json(path / "run.json", {"status": "done", "stages": stages, "versions": {}, "seed": 0})
    rows = emoji.load(2)["validation"][:limit]
    requests = [Request(row, FORMATS["emocaliber"]) for row in rows]
    texts = [one.text or "" for one in Careful().complete(requests, Decoding())]
    reward = Reward({"correct": 1.0, "brier": 0.0}, format="emocaliber", grader="votes")
    files.write_jsonl(path / "records" / f"{stage}-validation.jsonl", records(rows, texts, reward, stage, "validation"))
    return path
