"""What our trainers add to the step time of TRL's GRPOTrainer with the same reward.

    python -m benchmarks.trainer_overhead [--steps 30]

Each contestant trains the embedded model with grpo_brier's batch, in a thread of its own; they take turns step by step,
so that whatever else the machine does falls on all of them alike. A step is timed by the processor time of its thread
(torch has one thread here), from one step's begin to the next: sampling, reading, reward, advantages, loss, update and
logs. Sampling is real and takes its time; its result is replaced by replies in the format, the same for all, so that
there are confidences to credit. The learning rate is 0, so that all sample the same. Results go to
`benchmarks/results/trainer_overhead.json`.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from emocal_rl import environment, files
from emocal_rl import recipe as recipes
from emocal_rl.adapters.trl import TrlReward
from emocal_rl.data import DataSet, emoji, visits
from emocal_rl.models.load import image_token_ids, load, use_threads
from emocal_rl.preflight import reward_of
from emocal_rl.rewards import FORMATS
from emocal_rl.run import Run
from emocal_rl.train import rl
from emocal_rl.train.examples import dataset, rl_example
from emocal_rl.train.run import quieten
from emocal_rl.train.stage import Plan, arguments

RESULTS = Path(__file__).parent / "results" / "trainer_overhead.json"
GOAL = 0.03
SAMPLED = {"exact_answer": False, "digit_entropy": 0.0, "segment_weights": None}
OURS = {
    "grpo, sequence": {"algorithm": "grpo", "credit": "sequence", **SAMPLED},
    "grpo, segment": {"algorithm": "grpo", "credit": "segment", **SAMPLED},
    "grpo, exact": {"algorithm": "grpo", "credit": "exact"},
    "ppo, segment": {"algorithm": "ppo", "credit": "segment", **SAMPLED},
}
LOADING = threading.Lock()
FORM = FORMATS["emocaliber"]
PARTS = dict.fromkeys(("element", "human", "context", "interaction", "analysis"), "a face")


class Turns(TrainerCallback):  # type: ignore[misc]
    """Lets one contestant at a time make a step, in a fixed order, and takes its time."""

    def __init__(self, mine: threading.Semaphore, following: threading.Semaphore) -> None:
        self.mine, self.following = mine, following
        self.began: list[float] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for the turn; the same random numbers for all."""
        self.mine.acquire()
        torch.manual_seed(state.global_step)
        self.began.append(time.thread_time())

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Pass the turn on."""
        self.following.release()

    @property
    def steps(self) -> np.ndarray:
        """Seconds of each step but the last, whose end is not seen."""
        return np.diff(self.began)


def scripted(trainer: type[Any]) -> type[Any]:
    """The trainer, which samples and then reads its replies from a script."""

    class Scripted(trainer):  # type: ignore[misc, valid-type]
        def _generate_single_turn(self, prompt_ids: Any, images: Any, *rest: Any, **more: Any) -> Any:
            super()._generate_single_turn(prompt_ids, images, *rest, **more)
            tokenizer = self.processing_class.tokenizer
            keys = [(zlib.crc32(picture[0].tobytes()), i) for i, picture in enumerate(images)]
            return [tokenizer(said(*key))["input_ids"] + [tokenizer.eos_token_id] for key in keys], None

    return Scripted


def said(*key: int) -> str:
    """A readable reply, the same for the same key."""
    random = np.random.default_rng(key)
    return FORM.write(PARTS, emoji.CANDIDATES[2][random.integers(2)], random.uniform(0.05, 0.95))


def loaded() -> tuple[Any, Any]:
    """The embedded model; transformers cannot load two at a time."""
    with LOADING:
        return load("tiny")


def recipe(steps: int, changes: dict[str, Any]) -> recipes.Recipe:
    """grpo_brier's last stage, learning nothing."""
    found = recipes.load("grpo_brier", [f"trainer.max_steps={steps}", "trainer.learning_rate=0.0"])
    trainer = found.trainer | {"logging_steps": 1, "save_strategy": "no"}
    return recipes.from_tree(found.model_dump(mode="json") | {"warm_start": [], "trainer": trainer} | changes)


def bare(made: recipes.Recipe, run: Run, turns: Turns) -> None:
    """TRL's trainer and a `TrlReward`, as in a script of one's own."""
    (stage,) = made.stages
    model, processor = loaded()
    ours = {"shuffle_dataset": False, "generation_kwargs": {"suppress_tokens": image_token_ids(model, processor)}}
    args = GRPOConfig(**arguments(stage, run, 0, **ours))
    reward = reward_of(stage)
    rows = visits(emoji.load(2)["stage_three"], rl.prompts_needed(args), 0)
    scripted(GRPOTrainer)(
        model=model,
        reward_funcs=TrlReward(reward, annotator_seed=0, generations=args.num_generations),
        args=args,
        train_dataset=dataset(rows, lambda row: rl_example(row, reward.format), stage.augment, 0),
        processing_class=processor,
        callbacks=[turns],
    ).train()


def ours(made: recipes.Recipe, run: Run, turns: Turns) -> None:
    """The whole of our stage three: trainer, reward with monitors, callbacks, logs."""
    (stage,) = made.stages
    model, processor = loaded()
    with run:
        run.start_stage(stage.name)
        plan = with_turns(rl.PLANS[stage.algorithm](stage), turns)
        rl.train_rl(made, stage, run, DataSet("emoji", emoji.load(2)), model, processor, plan)


def with_turns(plan: Plan, turns: Turns) -> Plan:
    """The plan, with a scripted trainer that takes turns."""
    return plan._replace(trainer=scripted(plan.trainer), extra=plan.extra | {"callbacks": [turns]})


def race(steps: int, folder: Path) -> dict[str, np.ndarray]:
    """Seconds of every step of every contestant, the first two (allocation) left out."""
    entries: dict[str, Callable[..., None]] = {"bare TRL": bare} | dict.fromkeys(OURS, ours)
    gates = [threading.Semaphore(int(i == 0)) for i in range(len(entries))]
    turns = {name: Turns(gates[i], gates[(i + 1) % len(gates)]) for i, name in enumerate(entries)}
    threads = []
    for name, run in entries.items():
        made = recipe(steps, OURS.get(name, OURS["grpo, sequence"]))
        where = Run.create(made, folder / name.replace(", ", "-"))
        threads.append(threading.Thread(target=run, args=(made, where, turns[name]), name=name))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: turn.steps[2:] for name, turn in turns.items()}


def summary(seconds: dict[str, np.ndarray]) -> dict[str, Any]:
    """Means, and the overhead over bare TRL with a 95 % bootstrap interval over the steps, paired."""
    base, random = seconds["bare TRL"], np.random.default_rng(0)
    rows = random.integers(len(base), size=(2000, len(base)))
    found: dict[str, Any] = {"bare TRL": {"seconds": float(base.mean())}}
    for name in OURS:
        drawn = seconds[name][rows].mean(1) / base[rows].mean(1) - 1
        low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
        overhead = float(seconds[name].mean() / base.mean() - 1)
        found[name] = {"seconds": float(seconds[name].mean()), "overhead": overhead, "low": low, "high": high}
    return found


def main() -> None:
    """Race, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    quieten()
    use_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = summary(race(options.steps, Path(folder)))
    for name, row in found.items():
        more = f"  {row['overhead']:+.1%} [{row['low']:+.1%}, {row['high']:+.1%}]" if "overhead" in row else ""
        print(f"{name:16} {row['seconds']:.3f} s a step{more}")
    print(f"goal: at most {GOAL:.0%} over bare TRL")
    where = {"device": environment.device(), "versions": environment.versions()}
    files.write_json(RESULTS, {"steps": options.steps - 3, "goal": GOAL, "trainers": found} | where)


if __name__ == "__main__":
    main()
