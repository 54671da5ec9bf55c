import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from emocal_rl import trainer_keys


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", trainer_keys.CONFIGS)
def test_the_names_are_those_of_the_class(algorithm: str) -> None:
    import trl

    config = getattr(trl, trainer_keys.CONFIGS[algorithm][1])
    assert set(trainer_keys.options(algorithm) or {}) == {field.name for field in dataclasses.fields(config)}


def test_no_torch_is_imported(python: Callable[..., Any]) -> None:
    code = "import sys; from emocal_rl.trainer_keys import options; options('grpo'); sys.exit('torch' in sys.modules)"
    assert python("-c", code).code == 0


@pytest.mark.parametrize("key", trainer_keys.OWN)
def test_the_keys_we_set_are_real_options(key: str) -> None:
    every = (trainer_keys.options("sft") or {}) | (trainer_keys.options("grpo") or {})
    assert key in every


def test_without_trl_names_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_keys, "find_spec", lambda name: None)
    trainer_keys.options.cache_clear()
    try:
        assert list(trainer_keys.problems("grpo", {"num_generation": 3})) == []
        ((key, message),) = trainer_keys.problems("grpo", {"output_dir": "x"})
        assert (key, message.split(":")[0]) == ("output_dir", "set by emocal-rl")
    finally:
        trainer_keys.options.cache_clear()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("learning_rate", 1),  # a whole number is a number
        ("save_steps", 0.1),
        ("num_generations", None),
        ("scale_rewards", False),  # TRL takes booleans here though it says str
        ("report_to", ["trackio", "wandb"]),
        ("lr_scheduler_kwargs", {"num_cycles": 1}),
        ("optim", "adamw_torch"),  # an annotation that is not made of simple types is not judged
        ("generation_kwargs", {"top_k": 3}),
    ],
)
def test_values_that_fit(key: str, value: object) -> None:
    assert list(trainer_keys.problems("grpo", {key: value})) == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("max_steps", "ten", "expected a whole number (got 'ten')"),
        ("max_steps", True, "expected a whole number (got True)"),
        ("num_generations", "x", "expected a whole number or null (got 'x')"),
        ("loss_type", 3, "expected a text (got 3)"),
        ("report_to", 3, "expected null or a text or a list (got 3)"),
        ("report_to", "wandbb", "unknown tracker 'wandbb'; did you mean 'wandb'?"),
        ("report_to", ["wandb", "tensorbord"], "unknown tracker 'tensorbord'; did you mean 'tensorboard'?"),
    ],
)
def test_values_that_do_not(key: str, value: object, message: str) -> None:
    assert list(trainer_keys.problems("grpo", {key: value})) == [(key, message)]
