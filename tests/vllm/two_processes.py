"""The toy task with batches sampled ahead, as one of the processes that torch's launcher starts."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import conftest  # noqa: F401  which finds the toy


def main(folder: Path) -> None:
    """Train every case of `folder`/cases.json: `folder`/NAME-RANK/run is this process's run."""
    from toys import VllmToy

    for name, case in json.loads((folder / "cases.json").read_text("utf-8")).items():
        toy = VllmToy(folder / f"{name}-{os.environ['RANK']}")
        toy.train(toy.recipe("grpo", case["trainer"], rollout=case["rollout"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
