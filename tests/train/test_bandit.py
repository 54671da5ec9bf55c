"""A table of confidences with a known optimum: sound rules end at honesty under every algorithm but group scaling."""

import numpy as np
import pytest

from emocal_rl.train import bandit, rl
from emocal_rl.train.bandit import CHANCES, LEVELS, Setup, reward_with, train, worst
from emocal_rl.train.credit import centred

HONEST = [name for name in bandit.ALGORITHMS if name != "grpo group"]
QUICK = Setup(prompts=96, steps=800, rate=0.03)
NEAR = 0.03
FLAT = ("density", "correct_log", "weighted")  # they pay nearly the same around the optimum, and learn it more slowly


@pytest.mark.parametrize("algorithm", HONEST)
def test_the_brier_rule_ends_at_honesty(algorithm):
    assert worst(train(reward_with("brier"), algorithm, QUICK)) < NEAR


@pytest.mark.parametrize("algorithm", ["grpo none", "rloo", "segment", "exact"])
def test_the_log_rule_ends_at_honesty(algorithm):
    assert worst(train(reward_with("log_unit"), algorithm, QUICK)) < NEAR


@pytest.mark.parametrize("algorithm", ["grpo none", "exact"])
def test_also_when_a_group_shares_its_outcome(algorithm):
    assert worst(train(reward_with("brier"), algorithm, Setup(prompts=192, steps=1500, rate=0.02, shared=True))) < NEAR


@pytest.mark.parametrize("shared", [False, True])
def test_division_by_the_group_deviation_makes_the_sure_surer(shared):
    ends = train(reward_with("brier"), "grpo group", Setup(prompts=96, steps=800, rate=0.03, shared=shared))
    assert ends[0.85] > 0.85 + NEAR
    assert ends[0.65] > 0.65 + NEAR
    assert ends[0.25] < 0.25 - NEAR


def test_an_improper_rule_is_told_apart():
    """Absolute error pays for certainty: more likely right than not says 95 %, else 5 %."""
    ends = train(reward_with("absolute"), "exact", QUICK)
    assert [round(ends[p], 2) for p in CHANCES] == [0.05, 0.05, 0.95, 0.95]


@pytest.mark.slow
@pytest.mark.parametrize("rule", bandit.sound_rules())
def test_every_sound_rule_under_every_algorithm(rule):
    setup = Setup() if rule in FLAT else Setup(prompts=128, steps=1200, rate=0.025)
    far = {name: worst(train(reward_with(rule), name, setup)) for name in bandit.ALGORITHMS}
    assert far.pop("grpo group") > NEAR
    assert max(far.values()) < NEAR, far


def test_the_rewards_are_the_real_ones():
    """Right at .85 of correct + Brier: 1 and -.0225; wrong: 0 and -.7225."""
    found = bandit.payoffs(reward_with("brier"))
    assert found[:, LEVELS.tolist().index(0.85)] == pytest.approx(np.array([[0, -0.7225], [1, -0.0225]]))


def test_the_gradient_of_a_reply_by_hand():
    """Policy .25 .75, two replies that chose 0 and 1 with advantages 1 and -1: (1, -1) / 2, nothing to take off."""
    batch = bandit.Batch(
        np.array([[0, 1]]), np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 2)), np.array([[0.25, 0.75]]),
        reward_with("brier"), 2,
    )  # fmt: skip
    assert bandit.by_reply(lambda _: np.array([1.0, -1.0]))(batch)[0].tolist() == [0.5, -0.5]
    assert bandit.by_reply(lambda _: np.array([1.0, 1.0]))(batch)[0].tolist() == [0.25, -0.25]


def test_the_values_of_ppo_come_to_what_is_earned():
    """Questions that are always right or wrong, at one level: the value is that total."""
    critic = bandit.Critic(2, rate=0.1)
    outcome, stated = np.array([[1.0] * 4, [0.0] * 4]), np.array([[-0.25] * 4, [-0.5] * 4])
    level = np.zeros((2, 4), int)
    batch = bandit.Batch(level, outcome, outcome, stated, np.ones((2, 1)), reward_with("brier"), 4)
    for _ in range(300):
        advantages = critic(batch)
    assert critic.values.detach().numpy() == pytest.approx(np.array([[0.75, 0.75], [-0.5, -0.5]]), abs=0.01)
    assert np.abs(advantages).max() < 0.01


@pytest.mark.parametrize("scale", ["none", "batch", "group"])
def test_trl_pays_what_the_bandit_pays(toy, monkeypatch, scale):
    """The advantages of a real step of GRPO, against `centred` on the rewards of that step."""
    seen = []
    plan = rl.PLANS["grpo"]

    def watched(stage):
        found = plan(stage)

        class Watched(found.trainer):
            def _generate_and_score_completions(self, inputs):
                output = super()._generate_and_score_completions(inputs)
                seen.append((np.array([row.total for row in self.reward_funcs[0].last]), output["advantages"].numpy()))
                return output

        return found._replace(trainer=Watched)

    monkeypatch.setitem(rl.PLANS, "grpo", watched)
    toy.train(toy.recipe("grpo", {"max_steps": 2, "temperature": 1.2, "scale_rewards": scale}, allow_unsound=True))
    assert any(totals.std() > 0 for totals, _ in seen)
    for totals, advantages in seen:
        assert advantages == pytest.approx(centred(totals, np.ones(len(totals), bool), 4, scale), abs=1e-5)
