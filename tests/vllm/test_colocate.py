"""vLLM in the trainer's process: it samples from the model that is trained, after every update and all of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from toys import VllmToy, gap, lora, only_vision, rows, without_clock

from emocal_rl.errors import UserError
from emocal_rl.models.load import load
from emocal_rl.train import rollout
from emocal_rl.train.vllm_engine import merged_parameters

CLOSE = 1e-3  # nats, of the worst token; in float32


@pytest.mark.parametrize(
    ("algorithm", "changes"),
    [("grpo", {}), ("grpo", {"credit": "segment"}), ("grpo", {"credit": "exact"}), ("ppo", {})],
    ids=["grpo", "segment", "exact", "ppo"],
)
def test_log_probabilities_agree_after_every_update(toy: VllmToy, algorithm: str, changes: dict[str, Any]) -> None:
    found = rows(toy.train(toy.recipe(algorithm, **changes)))
    assert len(found) == 4
    assert max(map(gap, found)) < CLOSE
    assert found[0]["train/parsed"] > 0.5  # the sampler answers the picture and the question
    assert any(row["grad_norm"] > 0 for row in found)
    assert all(row["time/sync"] > 0 for row in found)


def test_rloo_trains_on_vllms_rollouts(toy: VllmToy) -> None:
    """TRL's RLOO computes the log-probabilities anew, so there is no gap to log."""
    found = rows(toy.train(toy.recipe("rloo")))
    assert found[0]["train/parsed"] > 0.5
    assert any(row["grad_norm"] > 0 for row in found)


def test_a_changed_vision_tower_changes_the_rollouts(toy: VllmToy) -> None:
    """Nothing else is trained, the pictures come again: with features of the old tower the two would disagree."""
    options = {"learning_rate": 0.02, "max_steps": 3, "num_generations": 4}
    found = rows(toy.train(toy.recipe("grpo", options), only_vision))
    assert max(row["grad_norm"] for row in found[:-1]) > 0
    assert max(map(gap, found)) < CLOSE


def test_old_image_features_would_be_seen(toy: VllmToy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: without the new weights the log-probabilities are apart."""
    from emocal_rl.train.vllm_colocate import ColocatedEngine

    sync, seen = ColocatedEngine.sync_weights, []

    def once(engine: Any) -> None:
        if not seen:
            sync(engine)
        seen.append(1)

    monkeypatch.setattr(ColocatedEngine, "sync_weights", once)
    options = {"learning_rate": 0.02, "max_steps": 3}
    found = rows(toy.train(toy.recipe("grpo", options), only_vision))
    assert len(seen) == 3
    assert gap(found[0]) < CLOSE
    assert max(map(gap, found)) > 10 * CLOSE


def test_lora_is_merged_for_the_sampler_and_the_weights_stay_bit_for_bit(toy: VllmToy) -> None:
    model = lora(load("tiny")[0])
    before = {name: each.clone() for name, each in model.named_parameters()}
    merged = dict(merged_parameters(model))
    assert all(torch.equal(each, before[name]) for name, each in model.named_parameters())
    name = "model.text_model.layers.0.self_attn.q_proj.weight"
    base = before["base_model.model.model.text_model.layers.0.self_attn.q_proj.base_layer.weight"]
    layer = model.base_model.model.model.text_model.layers[0].self_attn.q_proj
    assert torch.equal(merged[name], base + layer.get_delta_weight("default"))
    assert not torch.equal(merged[name], base)
    found = rows(toy.train(toy.recipe("grpo"), lora))
    assert max(map(gap, found)) < CLOSE


def test_killed_it_ends_where_an_unbroken_run_ends(toy: VllmToy) -> None:
    whole = toy.train(toy.recipe("grpo"))
    again = toy.killed_after(whole, 2)
    assert without_clock(rows(again)) == without_clock(rows(whole))


def test_another_seed_samples_other_replies(toy: VllmToy, tmp_path: Any) -> None:
    one = rows(toy.train(toy.recipe("grpo", {"max_steps": 1})))
    toy.folder = tmp_path / "other"
    toy.folder.mkdir()
    other = rows(toy.train(toy.recipe("grpo", {"max_steps": 1}, seed=1)))
    assert without_clock(one) != without_clock(other)


def test_an_engine_that_cannot_start_is_one_line(toy: VllmToy) -> None:
    options = {"engine": "vllm-colocate", "options": {"max_model_len": 100_000}}
    with pytest.raises(UserError) as error:
        toy.train(toy.recipe("grpo", rollout=options))
    (line,) = error.value.lines
    assert line.startswith("rollout: vLLM cannot start beside the trainer: ")
    assert line.endswith("change rollout.memory or rollout.options, or set rollout.engine=hf")


def test_auto_is_transformers_without_a_gpu(toy: VllmToy) -> None:
    assert rollout.engine_of(toy.recipe("grpo", rollout=None)) == "hf"
    assert rollout.engine_of(toy.recipe("grpo")) == "vllm-colocate"
