"""verl: its own configuration, its loader of reward functions, its reward manager."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from said import CANDIDATES, PAID
from verl import DataProto
from verl.trainer.ppo.reward import load_reward_manager

from emocal_rl import recipe as recipes
from emocal_rl.export import settings
from emocal_rl.plugins import packaged

PLACES = {"pkg://emocal_rl.adapters.verl": ("brier", "compute_score"), str(packaged()["verl"]): ("compute_score",)}


def results(path, name, *keywords):
    custom = "reward.custom_reward_function"
    overrides = [f"{custom}.path={path}", f"{custom}.name={name}", *(f"+{custom}.reward_kwargs.{k}" for k in keywords)]
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", overrides)
    texts = list(PAID)
    tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: texts[int(ids[0])])

    async def run():
        manager = load_reward_manager(config, tokenizer)
        return [await manager.run_single(row(i)) for i in range(len(texts))]

    return asyncio.run(run())


def row(i):
    plain = {
        "data_source": "emotions",
        "reward_model": {"ground_truth": "joy", "style": "rule"},
        "extra_info": {"candidates": np.array(CANDIDATES, object), "index": i, "split": None},
    }
    tensors = {"responses": torch.tensor([[i, 0]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}
    return DataProto.from_dict(tensors, {name: np.array([value], object) for name, value in plain.items()})


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in PLACES.items() for name in names])
def test_what_is_paid(path, name, monkeypatch):
    monkeypatch.setenv("EMOCAL_REWARD", "brier")
    given = results(path, name, *(["reward=brier"] if path.endswith(".py") else []))
    assert [one["reward_score"] for one in given] == pytest.approx(list(PAID.values()))
    extra = [one["reward_extra_info"] for one in given]
    assert all(list(one) == list(extra[0]) for one in extra)  # else assembling a batch fails
    assert all(isinstance(value, float) for one in extra for value in one.values())


@pytest.mark.parametrize(("recipe", "gpus"), [("emocaliber/stage_three", 8), ("emocaliber/lora", 1), ("rlcr", 8)])
def test_an_exported_recipe_is_a_configuration(recipe, gpus, tmp_path):
    """Every key that `emocal-rl export verl` writes is one of verl's."""
    written = [f"{key}={value}" for key, value in settings(recipes.load(recipe), tmp_path, gpus)]
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", written)
    assert config.reward.custom_reward_function.path == str(tmp_path / "reward.py")
    assert config.data.train_batch_size * config.actor_rollout_ref.rollout.n % config.trainer.n_gpus_per_node == 0


def test_keywords_from_the_configuration():
    """Raw totals of {correct: 1, brier: 1}."""
    given = results("pkg://emocal_rl.adapters.verl", "compute_score", "reward=brier", "scale=raw")
    assert [one["reward_score"] for one in given] == pytest.approx([0.99, -0.81, -1.0])
