"""RLOO: TRL's trainer with our rows, reward, run directory and resuming."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from trl import RLOOTrainer

from emocal_rl import preflight
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.train import rl
from emocal_rl.train.credit import leave_one_out
from emocal_rl.train.rloo import SampledRLOOTrainer, rloo_options


def test_leave_one_out_by_hand():
    """1 against the mean of 0 and .5, 0 against .75, .5 against .5; then a group whose last reply has no grade."""
    values, kept = np.array([1.0, 0.0, 0.5, 1.0, 0.0, 9.0]), np.array([True] * 5 + [False])
    assert leave_one_out(values, kept, 3) == pytest.approx([0.75, -0.75, 0.0, 1.0, -1.0, 0.0])


def test_a_reply_alone_has_nobody_to_be_compared_with():
    assert leave_one_out(np.array([1.0, 5.0]), np.array([True, False]), 2).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scale", ["none", "batch"])
def test_trl_pays_what_our_function_says(toy, monkeypatch, scale):
    """The advantages of a real step, against ours from the rewards of that step."""
    seen = []
    plan = rl.PLANS["rloo"]

    def watched(stage):
        found = plan(stage)

        class Watched(found.trainer):
            def _generate_and_score_completions(self, inputs):
                output = super()._generate_and_score_completions(inputs)
                totals = np.array([row.total for row in self.reward_funcs[0].last])
                seen.append((totals, output["advantages"].numpy()))
                return output

        return found._replace(trainer=Watched)

    monkeypatch.setitem(rl.PLANS, "rloo", watched)
    toy.train(toy.recipe("rloo", {"max_steps": 2, "temperature": 1.2, "scale_rewards": scale}))
    assert len(seen) == 2
    assert any(totals.std() > 0 for totals, _ in seen)
    for totals, advantages in seen:
        expected = leave_one_out(totals, np.ones(len(totals), bool), 4)
        if scale == "batch":
            expected = (expected - expected.mean()) / (expected.std(ddof=1) + 1e-4)
        assert advantages == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_killed_it_continues_to_the_same_end(toy, curve_of):
    done = toy.train(toy.recipe("rloo"))
    assert [row["step"] for row in curve_of(done)] == [1, 2, 3, 4]
    assert any(row["grad_norm"] > 0 for row in curve_of(done))
    assert curve_of(toy.killed_after(done, 2)) == curve_of(done)


def test_a_reply_that_is_masked_out_has_the_same_chance_before_and_after(monkeypatch):
    """The sampler's sums of three replies; TRL's 0 where it left one out, and where the sampler could not say."""
    old = torch.tensor([-9.0, 0.0, -8.0])
    output = {"old_logps": old, "completion_mask": torch.tensor([[1, 1], [0, 0], [1, 1]])}
    monkeypatch.setattr(RLOOTrainer, "_generate_and_score_completions", lambda self, inputs: dict(output))
    bare = object.__new__(SampledRLOOTrainer)
    bare.vllm_generation = SimpleNamespace(latest=[[[-1.0], [-2.5]], [[-200.0], [-300.0]], [[-1.0], [None]]])
    assert bare._generate_and_score_completions([])["old_logps"].tolist() == [-3.5, 0.0, -8.0]


def test_options_are_translated():
    assert rloo_options({"scale_rewards": "none", "beta": 0.1}) == {"beta": 0.1}
    assert rloo_options({"scale_rewards": "batch"}) == {"normalize_advantages": True}


def test_what_rloo_cannot_do_is_said_in_one_line_each(toy):
    with pytest.raises(UserError) as error:
        toy.recipe("rloo", {"scale_rewards": "group"}, credit="segment")
    assert sorted(error.value.lines) == [
        "credit: rloo credits whole replies; set credit: sequence, or algorithm: grpo",
        "trainer.scale_rewards: rloo has none and batch (got 'group'); group needs algorithm: grpo",
    ]


def test_a_cut_reward_is_refused(toy):
    with pytest.raises(UserError, match="trainer.reward_clip_range: cutting the reward flattens its rule; remove"):
        toy.recipe("rloo", {"reward_clip_range": [0, 1]})


def test_the_verdict_knows_the_batch_under_its_other_name(toy):
    (stage,) = toy.recipe("rloo", {"normalize_advantages": True}).stages
    assert preflight.verdict_of(stage).scale_rewards == "batch"


def test_the_recipe_has_the_rollouts_of_grpo_brier():
    rloo, grpo = (recipes.load(name) for name in ("rloo_brier", "grpo_brier"))
    keys = ("max_steps", "per_device_train_batch_size", "temperature", "max_completion_length")
    assert [rloo.trainer[key] for key in keys] == [grpo.trainer[key] for key in keys]
    assert (rloo.reward, rloo.target, rloo.split, rloo.warm_start) == (
        grpo.reward, grpo.target, grpo.split, grpo.warm_start,
    )  # fmt: skip
