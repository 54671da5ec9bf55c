"""Train a small Qwen2.5-VL with random weights for two steps, sampled by vLLM: `python qwen_vl.py FOLDER`.

It prints the metrics of the steps.  What it writes cannot be read, so its even tokens are paid.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "train")]


def module(path: Path, name: str) -> Any:
    """A file as a module of that name: there can be one called conftest only."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def main(folder: Path) -> None:
    """Build, train, print."""
    import torch

    from emocal_rl.models.load import load, use_threads
    from emocal_rl.run import Run
    from emocal_rl.train.grpo import grpo_plan
    from emocal_rl.train.rl import train_rl
    from emocal_rl.train.run import quieten

    train = module(HERE.parent / "train" / "conftest.py", "conftest_train")
    families = module(HERE.parent / "paper" / "conftest.py", "conftest_paper")
    options = {"max_steps": 2, "learning_rate": 0.01, "max_completion_length": 24, "save_steps": 2}
    rollout = {"engine": "vllm-colocate", "options": {"max_model_len": 512}}
    toy = train.Toy(folder)
    recipe = toy.recipe("grpo", options, rollout=rollout)
    (stage,) = recipe.stages
    plan = grpo_plan(stage)

    class Even(plan.trainer):  # type: ignore[misc,name-defined]
        def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, ids: Any) -> Any:
            super()._calculate_rewards(inputs, prompts, completions, ids)
            return torch.tensor([[sum(1 - token % 2 for token in reply) / len(reply)] for reply in ids])

    quieten()
    use_threads(1)
    model, processor = load(families.qwen2_5_vl(folder / "model"))
    with Run.create(recipe, folder / "run") as run:
        run.start_stage(stage.name)
        train_rl(recipe, stage, run, train.toy_data(), model, processor, plan._replace(trainer=Even))
        run.finish_stage(stage.name, 0.0)
    lines = (run.path / "metrics.jsonl").read_text("utf-8").splitlines()
    print(json.dumps([json.loads(line) for line in lines]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
