"""What every stage hands to TRL: rows in whole batches, checkpoints between them, one GPU, tokens never sampled."""

import importlib.util
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from trl import SFTConfig
from trl.trainer.utils import RepeatSampler

from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.models.load import image_token_ids, load
from emocal_rl.train import rl, rollout, stage
from emocal_rl.train.faults import StopNotFinite


def options(**changes: Any) -> Any:
    """A config of TRL's as far as batches go, its derived numbers filled in as TRL does."""
    found = SimpleNamespace(
        max_steps=8, per_device_train_batch_size=16, gradient_accumulation_steps=1, steps_per_generation=1,
        num_iterations=1, num_generations=8, world_size=1, save_steps=2,
    )  # fmt: skip
    vars(found).update(changes)
    found.generation_batch_size = found.per_device_train_batch_size * found.steps_per_generation * found.world_size
    return found


LONG = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 32, "steps_per_generation": 64,
        "num_generations": 32}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "prompts"),
    [
        ({}, 16),  # 8 batches of 16 replies, 8 to a prompt
        ({"num_iterations": 2, "max_steps": 1}, 2),  # half a batch is learnt from, and a whole one is sampled
        ({"num_iterations": 2, "max_steps": 5}, 6),
        ({"steps_per_generation": 3, "gradient_accumulation_steps": 2, "max_steps": 4}, 18),  # 8 passes: 3 x 48 replies
        (LONG | {"max_steps": 1}, 16),  # rlcr_lora
        (LONG | {"max_steps": 624}, 4992),
        ({"per_device_train_batch_size": 8, "steps_per_generation": 2, "max_steps": 3, "world_size": 4}, 16),
    ],
)
def test_there_are_prompts_for_every_step(changes: dict[str, Any], prompts: int) -> None:
    args = options(**changes)
    assert rl.prompts_needed(args) == prompts
    whole = args.generation_batch_size // args.num_generations
    repeats = args.num_iterations * args.steps_per_generation
    sampler = RepeatSampler(range(prompts), args.num_generations, whole, repeats)
    passes = len(sampler) / (args.per_device_train_batch_size * args.steps_per_generation * args.world_size)
    needed = args.max_steps * args.gradient_accumulation_steps
    assert needed <= passes < needed + repeats


@pytest.mark.parametrize("name", ["grpo_brier", "grpo_distribution", "ppo_brier", "rlcr_lora", "emocaliber_sound"])
def test_packaged_recipes_train_on_as_many_prompts_as_ever(name: str) -> None:
    """One for each group of replies that is learnt from: their results stay what they were."""
    found = recipes.load(name)
    given = {key: value for key, value in found.trainer.items() if key in vars(options())}
    given.setdefault("steps_per_generation", given.get("gradient_accumulation_steps", 1))
    args = options(**given, world_size=found.launch.processes)
    replies = args.max_steps * args.gradient_accumulation_steps * args.per_device_train_batch_size * args.world_size
    assert rl.prompts_needed(args) == replies / args.num_generations


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"save_steps": 5}, 5),
        ({"save_steps": 0.3, "max_steps": 10}, 3),
        ({"save_steps": 0.3, "max_steps": 10, "num_iterations": 4}, 4),
        # three passes a batch and two an update: a batch ends with an update after three of them
        ({"save_steps": 1, "steps_per_generation": 3, "gradient_accumulation_steps": 2}, 3),
        ({"save_steps": 4, "steps_per_generation": 3, "gradient_accumulation_steps": 2}, 6),
        ({"save_steps": 3, "steps_per_generation": 1, "gradient_accumulation_steps": 4}, 3),
    ],
)
def test_checkpoints_lie_between_sampled_batches(changes: dict[str, Any], steps: int) -> None:
    args = options(**changes)
    assert rl.whole_generations(args) == steps
    passes = steps * args.gradient_accumulation_steps
    assert passes % (args.steps_per_generation * args.num_iterations) == 0


def test_one_process_trains_on_one_of_two_gpus(tmp_path) -> None:
    class OnTwo(SFTConfig):
        def __post_init__(self) -> None:
            super().__post_init__()
            self._n_gpu = 2

    given = {"output_dir": str(tmp_path), "use_cpu": True, "bf16": False, "report_to": "none"}
    assert OnTwo(**given).n_gpu == 2
    args = stage.configured(OnTwo, given)
    assert (args.n_gpu, args.train_batch_size) == (1, args.per_device_train_batch_size)
    assert stage.configured(SFTConfig, given).n_gpu == 0


def test_what_the_recipe_samples_with_keeps_picture_tokens_out(toy, monkeypatch) -> None:
    class Configured(Exception):  # noqa: N818 (ends the stage, no error)
        pass

    def configured(kind: type[Any], given: dict[str, Any]) -> None:
        raise Configured(given["generation_kwargs"])

    monkeypatch.setattr(rl, "configured", configured)
    silent = image_token_ids(*load("tiny"))
    mine = {"top_k": 3, "suppress_tokens": [1, silent[0]]}
    with pytest.raises(Configured) as seen:
        toy.train(toy.recipe("grpo", {"generation_kwargs": mine}))
    assert seen.value.args[0] == {"top_k": 3, "suppress_tokens": sorted({1, *silent})}
    assert rl.never_sampled({"generation_kwargs": None}, silent) == {"suppress_tokens": silent}


def test_a_stage_that_made_no_step_is_not_finished(tmp_path) -> None:
    trainer = SimpleNamespace(
        train=lambda resume_from_checkpoint: None, is_world_process_zero=lambda: False,
        add_callback=lambda callback: None, remove_callback=lambda kind: None, state=SimpleNamespace(global_step=0),
    )  # fmt: skip
    run = SimpleNamespace(last_checkpoint=lambda name: None)
    with pytest.raises(UserError) as error:
        stage.fit(trainer, SimpleNamespace(name="toy"), run)
    assert str(error.value) == (
        "stage toy: nothing was trained: its rows do not fill one batch; lower trainer.per_device_train_batch_size, or "
        "raise trainer.max_steps"
    )


@pytest.mark.parametrize(("most", "named"), [(0.0, "0.bias"), (1.0, "the loss")])
def test_a_parameter_is_blamed_only_where_the_others_are_numbers(most: float, named: str) -> None:
    """Cutting the gradients to a length that is no number makes none of them one."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model(torch.ones(1, 2)).sum().backward()
    model[0].bias.grad[0] = math.nan
    if most:
        torch.nn.utils.clip_grad_norm_(model.parameters(), most)
    watch = StopNotFinite("toy", SimpleNamespace(last_checkpoint=lambda name: None))
    with pytest.raises(UserError, match=f"stopped at step 3: the gradient of {named} is not a number; nothing was"):
        watch.on_pre_optimizer_step(None, SimpleNamespace(global_step=2), None, model=model)


def test_packed_weights_are_sampled_from_in_the_trainer(monkeypatch) -> None:
    """`auto` takes vLLM on a GPU, except for weights of four bits."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    plain = SimpleNamespace(name="toy", rollout=None)
    assert rollout.engine_of(plain) == "vllm-colocate"
    assert rollout.engine_of(plain, bits=4) == "hf"
    trainer, run = SimpleNamespace(), SimpleNamespace(recipe=SimpleNamespace(model=SimpleNamespace(bits=4)))
    rollout.set_engine(trainer, plain, run, None)
    assert vars(trainer) == {}  # the trainer's own sampler stays
